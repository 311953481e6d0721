"""The client sends what the API asks for, and reads what it answers."""

from __future__ import annotations

import gzip
import json
import threading
import time
import zlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from dify_workflow import (
    InvalidRequestError,
    NotFoundError,
    WorkflowFile,
    WorkflowLogsRequest,
    WorkflowRunRequest,
)
from dify_workflow.emulator import Emulator
from dify_workflow_api.models import AppParameters
from support import events
from support.answering import BLOCKING, FILE, KEY, Answering
from support.events import RUN, TASK, WORKFLOW
from support.recordings import recording
from support.replay import Exchange, ReplayServer, Request
from support.worlds import World

DETAIL = json.loads(recording("1.14.2/ev1_detail_finished").body)
LOGS = json.loads(recording("1.14.2/logs_burst_all").body)


# ------------------------------------------------------------------------------------- running


def test_a_blocking_run_sends_one_plain_call(both: World, server: ReplayServer) -> None:
    answering = Answering(server, BLOCKING)
    client = both.client(base_url=answering.url)
    run = client.run_workflow({"name": "Ann ☃"}, response_mode="blocking")
    assert (answering.request.method, answering.path) == ("POST", "/workflows/run")
    assert answering.json == {
        "inputs": {"name": "Ann ☃"},
        "user": "dify-workflow",
        "response_mode": "blocking",
    }
    headers = answering.request.headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"
    assert headers["accept"] == "application/json"
    assert headers["user-agent"].startswith("dify-workflow/")
    assert run.task_id == BLOCKING["task_id"]
    assert run.id == BLOCKING["workflow_run_id"]
    assert run.outputs == {"greeting": "Ann ☃"}
    assert run.raw == BLOCKING


def test_a_run_streams_by_default_and_a_request_says_everything(
    both: World, server: ReplayServer
) -> None:
    seen: list[Request] = []

    def handler(exchange: Exchange) -> None:
        seen.append(exchange.request)
        exchange.start_stream()
        exchange.chunk(events.finished())
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False, user_id="client's")
    request = WorkflowRunRequest(
        {
            "text": "a",
            "number": 1.5,
            "doc": WorkflowFile.remote("https://example.com/x.pdf", type="document"),
            "pics": [WorkflowFile.uploaded(TASK, type="image")],
            "object": {"nested": (1, None, True)},
        },
        api_key="app-other-key",
        user_id="u1",
        files=[WorkflowFile.uploaded(RUN, type="audio")],
        workflow_id=WORKFLOW,
        trace_id="trace-1",
        trace_session_id="session-1",
    )
    assert client.run_workflow(request).status == "succeeded"
    (sent,) = seen
    assert sent.target.endswith(f"/v1/workflows/{WORKFLOW}/run")
    assert sent.headers["authorization"] == "Bearer app-other-key"
    assert sent.headers["accept"] == "text/event-stream"
    assert json.loads(sent.body) == {
        "inputs": {
            "text": "a",
            "number": 1.5,
            "doc": {
                "type": "document",
                "transfer_method": "remote_url",
                "url": "https://example.com/x.pdf",
            },
            "pics": [
                {"type": "image", "transfer_method": "local_file", "upload_file_id": TASK},
            ],
            "object": {"nested": [1, None, True]},
        },
        "user": "u1",
        "response_mode": "streaming",
        "files": [{"type": "audio", "transfer_method": "local_file", "upload_file_id": RUN}],
        "trace_id": "trace-1",
        "trace_session_id": "session-1",
    }


def test_whole_numbers_of_any_size_come_back_exact(both: World, server: ReplayServer) -> None:
    large = 123456789012345678901234567890
    body = {**BLOCKING, "data": {**BLOCKING["data"], "outputs": {"n": large}}}
    client = both.client(base_url=Answering(server, body).url)
    assert client.run_workflow({}, response_mode="blocking").outputs == {"n": large}


def test_the_result_of_a_run_is_the_same_in_both_modes(both: World, emulator: Emulator) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    streamed = client.run_workflow({"name": "Ann"})
    blocking = client.run_workflow({"name": "Ann"}, response_mode="blocking")
    assert streamed.outputs == blocking.outputs == {"greeting": "Ann"}
    assert streamed.status == blocking.status == "succeeded"
    assert streamed.total_steps == blocking.total_steps == 2


def test_a_failed_run_is_a_result(both: World, emulator: Emulator) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-failing")
    run = client.run_workflow({})
    assert (run.status, run.message, run.outputs) == ("failed", "RuntimeError: kaboom", {})


def test_the_main_job_from_run_to_logs(both: World, emulator: Emulator) -> None:
    client = both.client(
        base_url=emulator.base_url, api_key="app-story", user_id=f"main-{both.name}"
    )
    with client.run_workflow_stream({"topic": "boxes"}) as stream:
        text = "".join(stream.text)
    run = stream.result()
    assert run.outputs["text"] == text
    assert stream.node_outputs()["check"] == {"words": run.outputs["words"]}
    detail = client.info(run.id)
    assert (detail.status, detail.outputs) == ("succeeded", run.outputs)
    assert detail.inputs["topic"] == "boxes"
    page = client.logs(WorkflowLogsRequest(created_by_end_user_session_id=f"main-{both.name}"))
    assert [row.workflow_run.id for row in page] == [run.id]
    assert len(page) == page.total == 1
    assert client.server_version == "1.14.2"


def test_the_id_of_a_run_is_not_a_task_id_and_nothing_is_sent(
    both: World, emulator: Emulator
) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    with client.run_workflow_stream({"name": "Ann"}) as stream:
        run = stream.result()
    blocking = client.run_workflow({"name": "Ann"}, response_mode="blocking")
    for run_id in (run.id, blocking.id):
        with pytest.raises(InvalidRequestError, match="is the id of a run, which stops nothing"):
            client.stop_workflow_stream(run_id)
    assert client.stop_workflow_stream(run.task_id).result == "success"


def test_a_stopped_run_ends_as_stopped(both: World, emulator: Emulator) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-slow")
    with client.run_workflow_stream({"secs": 30}) as stream:
        assert stream.stop().result == "success"
        run = stream.result()
    assert (run.status, run.message) == ("stopped", "Stopped by user.")


# ------------------------------------------------------------------------------------ looking up


def test_info_reads_the_inputs_that_come_as_text(both: World, server: ReplayServer) -> None:
    answering = Answering(server, DETAIL)
    run = both.client(base_url=answering.url).info(DETAIL["id"])
    assert answering.path == f"/workflows/run/{DETAIL['id']}"
    assert run.inputs == json.loads(DETAIL["inputs"])
    assert run.outputs == DETAIL["outputs"]
    assert run.created_at == DETAIL["created_at"]
    assert run.task_id is None


def test_info_reads_the_oldest_servers_texts_as_what_they_mean(
    both: World, server: ReplayServer
) -> None:
    """Before 1.2 times are RFC 822 text; before 1.13 the outputs are JSON text."""
    played = recording("1.0.1/detail_after_echo")
    body = json.loads(played.body)
    assert isinstance(body["created_at"], str)
    assert isinstance(body["outputs"], str)
    run = both.client(base_url=server.url(played.id)).info(body["id"])
    assert run.outputs == {"greeting": "Ann ☃"}
    expected = datetime.strptime(body["created_at"], "%a, %d %b %Y %H:%M:%S %z")
    assert run.created_at == int(expected.timestamp())
    assert isinstance(run.finished_at, int)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone cannot be set here")
def test_a_time_without_a_zone_is_meant_in_utc(
    both: World, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {**DETAIL, "created_at": "Sun, 22 Nov 2026 12:00:00 -0000"}
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        run = both.client(base_url=Answering(server, body).url).info(body["id"])
    finally:
        monkeypatch.undo()
        time.tzset()
    assert run.created_at == int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp())


def test_info_of_an_unknown_run_is_not_found_also_where_the_answer_is_nulls(
    both: World, server: ReplayServer
) -> None:
    url = server.url("1.9.2/err_run_detail_unknown")
    with pytest.raises(NotFoundError, match=f"no run {RUN}") as caught:
        both.client(base_url=url).info(RUN)
    assert isinstance(caught.value, LookupError)
    assert caught.value.code == "not_found"


def test_info_of_a_paused_run_is_paused_without_its_forms(
    both: World, server: ReplayServer
) -> None:
    paused = recording("1.14.2/hi1_detail_paused")
    run = both.client(base_url=server.url(paused.id)).info(json.loads(paused.body)["id"])
    assert run.status == "paused"
    assert run.paused.forms == ()


def test_logs_asks_for_the_newest_twenty_by_default(both: World, server: ReplayServer) -> None:
    answering = Answering(server, LOGS)
    assert both.client(base_url=answering.url).logs().limit == 20
    assert answering.path == "/workflows/logs"
    # Some more, since the second at which the answer is cut may not be shown whole.
    assert answering.query == {"page": ["1"], "limit": ["30"]}


def test_logs_sends_every_filter(both: World, server: ReplayServer) -> None:
    answering = Answering(server, {**LOGS, "data": [], "total": 0})
    east = timezone(timedelta(hours=8))
    request = WorkflowLogsRequest(
        api_key="app-other-key",
        limit=100,
        keyword="a&b",
        status="failed",
        created_at_before=datetime(2026, 11, 22, 20, tzinfo=east),
        created_at_after=datetime(2026, 11, 22, 10, 30, tzinfo=UTC),
        created_by_account="admin@example.com",
    )
    both.client(base_url=answering.url).logs(request)
    assert answering.query == {
        "page": ["1"],
        "limit": ["100"],
        "keyword": ["a&b"],
        "status": ["failed"],
        "created_at__before": ["2026-11-22T12:00:00+00:00"],
        "created_at__after": ["2026-11-22T10:30:00+00:00"],
        "created_by_account": ["admin@example.com"],
    }
    assert "+" not in answering.request.target, "a bare plus is a space to the server"
    assert answering.request.headers["authorization"] == "Bearer app-other-key"


def test_logs_rows_carry_the_run(both: World, server: ReplayServer) -> None:
    page = both.client(base_url=Answering(server, LOGS).url).logs()
    in_order = sorted(LOGS["data"], key=lambda row: (row["created_at"], row["id"]), reverse=True)
    raw = in_order[0]
    row = page.data[0]
    assert (page.total, page.has_more, page.limit) == (12, False, 20)
    assert page.last_id == in_order[-1]["id"]
    assert [row.id for row in page] == [row["id"] for row in in_order]
    assert (row.id, row.status, row.message) == (raw["id"], "succeeded", None)
    assert row.created_at == raw["created_at"]
    assert row.finished_at == raw["workflow_run"]["finished_at"]
    assert row.workflow_run.id == raw["workflow_run"]["id"]
    assert row.created_by_end_user.session_id == raw["created_by_end_user"]["session_id"]
    assert (row.created_from, row.created_by_role) == ("service-api", "end_user")
    assert row.created_by_account is None
    assert row.raw == raw


def test_a_row_whose_run_was_deleted_is_read(both: World, server: ReplayServer) -> None:
    row = {**LOGS["data"][0], "workflow_run": None, "created_by_end_user": None}
    answering = Answering(server, {**LOGS, "data": [row]})
    (read,) = both.client(base_url=answering.url).logs()
    assert (read.status, read.message, read.finished_at, read.workflow_run) == (None,) * 4


# --------------------------------------------------------------------------------- human input


def test_a_form_is_read_by_its_token(both: World, server: ReplayServer) -> None:
    form = both.client(base_url=server.url("1.14.2/hi1_form_get")).human_input_form("tok")
    raw = json.loads(recording("1.14.2/hi1_form_get").body)
    assert (form.token, form.content, form.expires_at) == (
        "tok",
        raw["form_content"],
        raw["expiration_time"],
    )
    assert [field.output_variable_name for field in form.inputs] == ["comment", "draft"]
    assert form.inputs[0].default.value == "no comment"
    assert form.inputs[0].option_source is None
    assert [action.id for action in form.actions] == ["approve", "reject"]
    assert form.default_values == {"draft": "Budget"}
    assert form.raw == raw


def test_a_form_is_submitted_with_files_uploaded_for_the_same_user(
    both: World, server: ReplayServer, tmp_path: Path
) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(b"png")
    seen: list[Request] = []

    def handler(exchange: Exchange) -> None:
        seen.append(exchange.request)
        upload = exchange.request.target.endswith("/files/upload")
        exchange.whole(json.dumps(FILE).encode() if upload else b"{}")

    client = both.client(base_url=server.handle(handler))
    result = client.submit_human_input_form(
        "tok/1", "approve", {"comment": "fine", "pic": path}, user_id="u1"
    )
    assert result is None
    upload, submit = seen
    assert b'name="user"' in upload.body
    assert submit.target.endswith("/v1/form/human_input/tok%2F1"), "a token cannot change the path"
    assert json.loads(submit.body) == {
        "inputs": {
            "comment": "fine",
            "pic": {"type": "image", "transfer_method": "local_file", "upload_file_id": FILE["id"]},
        },
        "action": "approve",
        "user": "u1",
    }


# ----------------------------------------------------------------------------------------- app


def test_the_inputs_of_the_app_are_fields_of_one_form_for_all_kinds(
    both: World, forms: Emulator
) -> None:
    client = both.client(base_url=forms.base_url, api_key="app-typed")
    parameters = client.parameters()
    assert [field.name for field in parameters.fields] == [
        field["variable"]
        for item in parameters.to_dict()["user_input_form"]
        for field in item.values()
        if field
    ]
    select = next(field for field in parameters.fields if field.kind == "select")
    assert select.options
    assert isinstance(select.required, bool)
    bounded = next(field for field in parameters.fields if field.max_length)
    assert bounded.max_length == bounded.longest
    assert isinstance(parameters, AppParameters)  # what was there before still is
    assert json.loads(bounded.to_json())["name"] == bounded.name


def test_what_the_app_is_comes_as_generated_models(both: World, server: ReplayServer) -> None:
    client = both.client()

    def at(name: str) -> Any:
        return client.with_options(base_url=server.url(name))

    assert at("1.14.2/get_info_echo").app_info().mode == "workflow"
    assert at("1.0.1/get_info_echo").app_info().mode is None
    fields = at("1.14.2/get_parameters_files").parameters().user_input_form
    assert fields[0].file.variable == "doc"
    assert fields[0].text_input is None
    assert fields[1].file_list.allowed_file_types == ["document", "image"]
    assert at("1.14.2/get_meta_branchy").meta().tool_icons == {}
    assert at("1.14.2/get_site_branchy").site().icon == "🤖"
    assert at("1.14.2/enduser_ok").end_user(RUN).external_user_id == "u1"


def test_threads_share_one_client(emulator: Emulator) -> None:
    with emulator.client("echo") as client:
        results: list[str] = []

        def run(number: int) -> None:
            results.append(client.run_workflow({"name": f"n{number}"}).outputs["greeting"])

        threads = [threading.Thread(target=run, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == sorted(f"n{number}" for number in range(32))


def test_a_body_with_a_content_encoding_is_decoded(both: World, server: ReplayServer) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.head(
            content_type="text/event-stream", transfer_encoding="chunked", content_encoding="gzip"
        )
        exchange.chunk(gzip.compress(events.started() + events.finished()))
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    assert client.run_workflow({}).status == "succeeded"


def test_what_follows_the_end_of_a_run_does_no_harm(both: World, server: ReplayServer) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.head(
            content_type="text/event-stream", transfer_encoding="chunked", content_encoding="gzip"
        )
        packed = zlib.compressobj(wbits=31)
        run = events.started() + events.finished()
        exchange.chunk(packed.compress(run) + packed.flush(zlib.Z_SYNC_FLUSH))
        exchange.chunk(b"\xff" * 100)  # of no kind of block
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    stream = client.run_workflow_stream({})
    assert stream.result().status == "succeeded"


def test_a_load_balancers_cookie_is_sent_back(both: World, server: ReplayServer) -> None:
    sent: list[str | None] = []

    def handler(exchange: Exchange) -> None:
        sent.append(exchange.request.headers.get("cookie"))
        exchange.head(
            content_type="text/event-stream",
            transfer_encoding="chunked",
            set_cookie="backend=one; Path=/",
        )
        exchange.chunk(events.started() + events.finished())
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    for _ in range(2):
        assert client.run_workflow({}).status == "succeeded"
    assert sent == [None, "backend=one"]
