"""What users' own code looks like to mypy and pyright; `make check` runs both over it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any, assert_type

from starlette.datastructures import UploadFile

from dify_workflow import (
    AsyncDifyWorkflow,
    AsyncLogTail,
    DifyPageResult,
    DifyWorkflow,
    HumanInputForm,
    NodeFinished,
    NodeUsage,
    ResponseInfo,
    StreamEvent,
    TextChunk,
    UnknownEvent,
    UploadedFile,
    WorkflowFinished,
    WorkflowLogs,
    WorkflowLogsRequest,
    WorkflowRunRequest,
    WorkflowRunResponse,
    WorkflowStopResponse,
    WorkflowStream,
)
from dify_workflow.batch import (
    BatchSummary,
    RowResult,
    iter_batch,
    iter_batch_async,
    read_rows,
    run_batch,
    run_batch_async,
)
from dify_workflow.inputs import Field
from dify_workflow_api.models import ExecutionMetadata, TextChunkData


def sync(client: DifyWorkflow) -> None:
    assert_type(client.run_workflow({"name": "Ann"}), WorkflowRunResponse)
    assert_type(client.run_workflow(WorkflowRunRequest({})).raise_for_status(), WorkflowRunResponse)
    assert_type(client.run_workflow({}, timeout=None, deadline=60), WorkflowRunResponse)
    assert_type(client.run_workflow_stream({}), WorkflowStream)
    assert_type(client.stop_workflow_stream("task", "user"), WorkflowStopResponse)
    assert_type(client.info("run", "key"), WorkflowRunResponse)
    assert_type(client.logs(WorkflowLogsRequest(limit=5)), DifyPageResult[WorkflowLogs])
    assert_type([row.status for row in client.logs()], list[str | None])
    assert_type(client.logs().next_request(), WorkflowLogsRequest)
    assert_type(next(client.iter_logs(limit=5)), WorkflowLogs)
    for page in client.iter_logs().pages():
        assert_type(page, DifyPageResult[WorkflowLogs])
    assert_type(next(client.tail_logs()), WorkflowLogs)
    assert_type(client.upload_file(b"x"), UploadedFile)
    client.upload_file(UploadFile(BytesIO(b"x")))
    assert_type(client.human_input_form("token"), HumanInputForm)
    assert_type(client.with_options(timeout=None), DifyWorkflow)
    assert_type(client.parameters().user_input_form[0].text_input is None, bool)
    assert_type(client.parameters().fields, tuple[Field, ...])


def keywords(client: DifyWorkflow, infos: list[ResponseInfo]) -> None:
    run = client.run_workflow(inputs={"name": "Ann"}, user="ann", extra_headers={"X-Shop": "1"})
    assert_type(run.error, str | None)
    assert_type(run.created_time, datetime | None)
    assert_type(run.usage.prices, Mapping[str, Decimal] | None)
    assert_type(run.usage.nodes, tuple[NodeUsage, ...])
    assert_type(run.to_dict(), dict[str, Any])
    assert_type(client.run_workflow_stream(inputs={}, user="ann"), WorkflowStream)
    page = client.with_options(on_response=infos.append).logs(limit=5, status="failed")
    assert_type(page, DifyPageResult[WorkflowLogs])
    assert_type(page.data[0].to_json(indent=2), str)
    assert_type(next(client.iter_logs(limit=5, keyword="Ann")).run_id, str | None)


def events(stream: WorkflowStream) -> None:
    for event in stream:
        assert_type(event, StreamEvent[object])
        match event:
            case TextChunk():
                assert_type(event.data, TextChunkData)
                assert_type(event.data.text, str)
            case NodeFinished():
                assert_type(event.data.execution_metadata, ExecutionMetadata | None)
                assert_type(event.data.elapsed_time, float)
            case WorkflowFinished():
                assert_type(event.data.total_tokens, int)
                assert_type(event.message, str | None)
            case UnknownEvent():
                assert_type(event.raw, dict[str, Any])
            case _:
                pass
    for piece in stream.text:
        assert_type(piece, str)
    assert_type(stream.result(), WorkflowRunResponse)
    assert_type(stream.node_outputs(), dict[str, dict[str, Any]])


async def async_(client: AsyncDifyWorkflow) -> None:
    assert_type(await client.run_workflow({}), WorkflowRunResponse)
    async with client.run_workflow_stream({}) as stream:
        async for event in stream:
            if isinstance(event, TextChunk):
                assert_type(event.data.text, str)
        async for piece in stream.text:
            assert_type(piece, str)
        assert_type(await stream.result(), WorkflowRunResponse)
    assert_type((await client.run_workflow_stream({})).run_id, str | None)
    async for row in client.iter_logs():
        assert_type(row, WorkflowLogs)
    async for page in client.iter_logs().pages():
        assert_type(page, DifyPageResult[WorkflowLogs])
    assert_type(await client.tail_logs(), AsyncLogTail)
    async for row in await client.tail_logs():
        assert_type(row.created_at, int)
    async with client.with_options(user_id="u") as copy:
        assert_type(copy, AsyncDifyWorkflow)


def batches(client: DifyWorkflow) -> None:
    assert_type(run_batch(client, read_rows("rows.csv"), journal="journal"), BatchSummary)
    for result in iter_batch(client, [{"name": "Ann", "age": 3}], journal="journal"):
        assert_type(result, RowResult)
        assert_type(result.outputs, dict[str, Any])


async def batches_in_tasks(client: AsyncDifyWorkflow) -> None:
    assert_type(await run_batch_async(client, iter([{"name": "Ann"}]), journal="j"), BatchSummary)
    async for result in iter_batch_async(client, ({"n": n} for n in range(3)), journal="journal"):
        assert_type(result, RowResult)
