"""Every error and every log line of a run carries its id, whichever call knows it."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from test_client import DETAIL

from dify_workflow import DifyError, NodeFinished, ResponseInfo
from dify_workflow.emulator import Emulator
from support.replay import Exchange, ReplayServer
from support.worlds import World

RUN: str = DETAIL["id"]
TASK = "0d9bc2c8-8a1f-4a3c-9c1f-0f9f5b0f6a55"
OTHER = "11111111-7efc-4f3a-a6e5-4e8f8c1d2b90"


def refusing(status: int) -> Any:
    body = json.dumps({"code": "some_code", "message": "Some message.", "status": status})
    return lambda exchange: exchange.whole(body.encode(), status=status, retry_after="99")


def saying(body: bytes) -> Any:
    return lambda exchange: exchange.whole(body)


def breaking(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")


ANSWERS = {
    "refused key": refusing(401),
    "no such run": refusing(404),
    "failed": refusing(500),
    "broken off": breaking,
    "no JSON": saying(b"<html>"),
    "empty record": saying(json.dumps(dict.fromkeys(DETAIL)).encode()),
    "another run": saying(json.dumps({**DETAIL, "id": OTHER}).encode()),
    "too long": saying(b'"' + b"x" * 20_000 + b'"'),
}
CALLS: dict[str, Any] = {
    "info": lambda client: client.info(RUN),
    "wait_for_run": lambda client: client.wait_for_run(RUN),
    "resume_workflow_stream": lambda client: client.resume_workflow_stream(RUN).result(),
    "stream.stop": lambda client: client.resume_workflow_stream(RUN).stop(),
}


def failure_of(function: Any) -> DifyError:
    with pytest.raises(DifyError) as caught:
        function()
    return caught.value


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("call", CALLS)
def test_a_failed_call_for_a_run_names_it(
    both: World, server: ReplayServer, call: str, answer: str
) -> None:
    client = both.client(
        base_url=server.handle(ANSWERS[answer]),
        max_retries=0,
        max_answer_bytes=10_000,
        max_reattach=0,
        lost_run_timeout=0.1,
    )
    error = failure_of(lambda: CALLS[call](client))
    assert error.run_id == RUN, error
    assert error.outcome != "not_run"


@pytest.mark.parametrize("call", ["info", "wait_for_run", "resume_workflow_stream"])
@pytest.mark.parametrize("wrong", [{"timeout": -1}, {"extra_headers": {"authorization": "x"}}])
def test_a_call_that_is_not_sent_names_its_run_too(
    both: World, call: str, wrong: dict[str, Any]
) -> None:
    client = both.client(base_url="http://127.0.0.1:1/v1")
    error = failure_of(lambda: getattr(client, call)(RUN, **wrong))
    assert error.run_id == RUN
    assert error.outcome is None


@pytest.mark.parametrize("call", ["info", "wait_for_run", "resume_workflow_stream"])
def test_what_is_no_id_is_not_named_as_one(both: World, call: str) -> None:
    client = both.client(base_url="http://127.0.0.1:1/v1")
    assert failure_of(lambda: getattr(client, call)("latest")).run_id is None


def test_a_failed_stop_names_its_task(both: World, server: ReplayServer) -> None:
    client = both.client(base_url=server.handle(ANSWERS["failed"]), max_retries=0)
    error = failure_of(lambda: client.stop_workflow_stream(TASK))
    assert (error.task_id, error.run_id) == (TASK, None)
    error = failure_of(lambda: client.stop_workflow_stream(TASK, timeout=-1))
    assert (error.task_id, error.outcome) == (TASK, None)


def test_a_run_whose_stop_is_refused_is_named(both: World, emulator: Emulator) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    run = client.run_workflow({"name": "Ann"})
    error = failure_of(lambda: client.stop_workflow_stream(run.id))
    assert (error.run_id, error.outcome) == (run.id, None)


def test_a_stream_whose_stop_fails_names_run_and_task(both: World, server: ReplayServer) -> None:
    ids = {"workflow_run_id": RUN, "task_id": TASK}
    started = {"event": "workflow_started", **ids, "data": {"id": RUN}}

    def answer(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stop"):
            refusing(500)(exchange)
            return
        exchange.start_stream()
        exchange.chunk(b"data: " + json.dumps(started).encode() + b"\n\n")
        exchange.wait_until_left()

    client = both.client(base_url=server.handle(answer), max_retries=0, check_inputs=False)
    with client.run_workflow_stream({}) as stream:
        error = failure_of(stream.stop)
    assert (error.run_id, error.task_id, error.outcome) == (RUN, TASK, "running")


def test_errors_and_log_lines_of_a_form_name_the_run_that_waits(
    both: World, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-approval")
    run = client.run_workflow({"topic": "boxes"})
    (form,) = run.paused.forms
    caplog.set_level(logging.DEBUG, "dify_workflow")
    client.human_input_form(form.token)
    assert f"human_input_form (run {run.id}): GET" in caplog.text
    error = failure_of(lambda: client.submit_human_input_form(form.token, "no such action", {}))
    assert error.run_id == run.id
    assert f"submit_human_input_form (run {run.id}): POST" in caplog.text
    error = failure_of(lambda: client.human_input_form(form.token, timeout=-1))
    assert error.run_id == run.id


def test_an_event_whose_payload_cannot_be_read_names_its_run() -> None:
    event = NodeFinished({"workflow_run_id": RUN, "task_id": TASK, "data": []})
    error = failure_of(lambda: event.data)
    assert (error.run_id, error.task_id) == (RUN, TASK)


def test_what_on_response_raises_is_logged_with_the_run(
    both: World, server: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: ResponseInfo) -> None:
        raise RuntimeError("of the user")

    url = server.handle(saying(json.dumps(DETAIL).encode()))
    both.client(base_url=url, on_response=fail).info(RUN)
    assert f"info (run {RUN}): on_response raised" in caplog.text


def test_log_lines_of_a_stream_name_its_run(
    both: World, server: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    ids = {"workflow_run_id": RUN, "task_id": TASK}
    started = json.dumps({"event": "workflow_started", **ids, "data": {"id": RUN}}).encode()
    ended = json.dumps({"event": "workflow_finished", **ids, "data": DETAIL}).encode()

    def answer(exchange: Exchange) -> None:
        exchange.start_stream()
        for data in (started, b"[DONE]", b"{", ended):
            exchange.chunk(b"data: " + data + b"\n\n")
        exchange.end_stream()

    caplog.set_level(logging.DEBUG, "dify_workflow")
    client = both.client(base_url=server.handle(answer), check_inputs=False)
    client.run_workflow({})
    lines = [record.getMessage() for record in caplog.records]
    (sent, begun, *others) = lines
    assert sent.startswith("run_workflow: POST /workflows/run: 200 after ")
    assert begun == f"run_workflow: run {RUN}, task {TASK}"
    assert others
    assert all(line.startswith(f"run_workflow (run {RUN}): ") for line in others)
