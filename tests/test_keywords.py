"""Calls take a request object, or its fields as keywords, and extra headers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from test_client import BLOCKING, KEY, LOGS, Answering

from dify_workflow import (
    ConfigurationError,
    InvalidRequestError,
    WorkflowFile,
    WorkflowLogsRequest,
    WorkflowRunRequest,
)
from dify_workflow.emulator import Emulator
from support.recordings import recording
from support.replay import ReplayServer
from support.worlds import World

VERSION = "6b2a1a1e-54b5-4a2c-8bd5-0f1f2f3f4f5f"
STREAM = recording("1.14.2/run_streaming_echo")


def test_a_run_is_described_by_keywords(both: World, server: ReplayServer) -> None:
    answering = Answering(server, BLOCKING)
    file = WorkflowFile.remote("https://example.com/a.png", type="image")
    both.client(base_url=answering.url).run_workflow(
        inputs={"name": "Ann"},
        user="ann@example.com",
        files=[file],
        workflow_id=VERSION,
        trace_id="trace-1",
        trace_session_id="session-1",
        api_key="app-another",
        response_mode="blocking",
    )
    assert answering.path == f"/workflows/{VERSION}/run"
    assert answering.json == {
        "inputs": {"name": "Ann"},
        "user": "ann@example.com",
        "files": [file.to_wire()],
        "response_mode": "blocking",
        "trace_id": "trace-1",
        "trace_session_id": "session-1",
    }
    assert answering.request.headers["authorization"] == "Bearer app-another"


def test_inputs_alone_go_with_the_other_keywords(both: World, server: ReplayServer) -> None:
    answering = Answering(server, BLOCKING)
    client = both.client(base_url=answering.url)
    client.run_workflow({"name": "Ann"}, user="ann", response_mode="blocking")
    assert answering.json["user"] == "ann"
    assert answering.json["inputs"] == {"name": "Ann"}


def test_a_stream_and_a_submission_take_the_same_keywords(both: World, emulator: Emulator) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    user = f"ann-{uuid4()}"
    with client.run_workflow_stream(inputs={"name": "Ann"}, user=user) as stream:
        streamed = stream.result()
    submitted = client.submit_workflow(inputs={"name": "Ann"}, user=user)
    client.wait_for_run(submitted.id, user_id=user)
    rows = client.logs(limit=2, created_by_end_user_session_id=user)
    assert {row.workflow_run.id for row in rows} == {streamed.id, submitted.id}


@pytest.mark.parametrize("method", ["run_workflow", "run_workflow_stream", "submit_workflow"])
@pytest.mark.parametrize(
    ("request_", "keywords", "reason"),
    [
        (WorkflowRunRequest({}), {"user": "ann"}, "pass user in the WorkflowRunRequest"),
        (WorkflowRunRequest({}), {"inputs": {}}, "pass inputs in the WorkflowRunRequest"),
        ({}, {"inputs": {}}, "got inputs as the first argument and as inputs="),
        (None, {"user": "ann"}, "needs inputs"),
    ],
    ids=["user", "inputs", "twice", "none"],
)
def test_a_request_described_twice_or_not_at_all_is_refused(
    both: World, server: ReplayServer, *, method: str, request_: Any, keywords: Any, reason: str
) -> None:
    answering = Answering(server, BLOCKING)
    client = both.client(base_url=answering.url)
    with pytest.raises(InvalidRequestError, match=f"{method}.*{reason}"):
        getattr(client, method)(request_, **keywords)
    assert answering.requests == []


def test_logs_take_their_filters_as_keywords(both: World, server: ReplayServer) -> None:
    answering = Answering(server, LOGS)
    client = both.client(base_url=answering.url)
    page = client.logs(
        limit=5,
        status="failed",
        keyword="Ann",
        created_by_account="ann@example.com",
        created_at_after=datetime(2026, 1, 1, tzinfo=UTC),
        api_key="app-another",
    )
    sent = {name: values[0] for name, values in answering.query.items()}
    assert sent["status"] == "failed"
    assert sent["keyword"] == "Ann"
    assert sent["created_by_account"] == "ann@example.com"
    assert page.request.limit == page.limit == 5
    assert answering.requests[0].headers["authorization"] == "Bearer app-another"


def test_a_log_continues_after_a_cursor_given_as_keyword(both: World, long_log: Emulator) -> None:
    client = both.client(base_url=long_log.base_url, api_key="app-echo")
    first = client.logs(limit=5)
    second = client.logs(limit=5, cursor=first.cursor)
    again = client.logs(limit=5, last_id=first.last_id)
    rest = list(client.iter_logs(limit=5, cursor=first.cursor))
    assert [row.id for row in second] == [row.id for row in again] == [row.id for row in rest]
    assert not {row.id for row in first} & {row.id for row in second}


def test_iterated_logs_take_filters_as_keywords(both: World, server: ReplayServer) -> None:
    answering = Answering(server, {**LOGS, "has_more": False})
    client = both.client(base_url=answering.url)
    list(client.iter_logs(limit=1, keyword="Ann", api_key="app-another"))
    assert answering.query["keyword"] == ["Ann"]
    assert answering.requests[0].headers["authorization"] == "Bearer app-another"


@pytest.mark.parametrize("method", ["logs", "iter_logs", "tail_logs"])
def test_a_logs_request_with_a_keyword_of_its_own_is_refused(
    both: World, server: ReplayServer, method: str
) -> None:
    answering = Answering(server, LOGS)
    client = both.client(base_url=answering.url)
    with pytest.raises(InvalidRequestError, match=f"{method}: pass status in the WorkflowLogsReq"):
        getattr(client, method)(WorkflowLogsRequest(), status="failed")
    assert answering.requests == []


# --------------------------------------------------------------------------------- extra headers


def test_a_call_has_headers_of_its_own(both: World, server: ReplayServer) -> None:
    answering = Answering(server, BLOCKING)
    client = both.client(base_url=answering.url)
    extra = {"X-Gateway": "blue", "User-Agent": "shop/1"}
    client.run_workflow({}, response_mode="blocking", extra_headers=extra)
    client.run_workflow({}, response_mode="blocking")
    own, plain = answering.requests
    assert own.headers["x-gateway"] == "blue"
    assert own.headers["user-agent"] == "shop/1"
    assert own.headers["authorization"] == f"Bearer {KEY}"
    assert "x-gateway" not in plain.headers
    assert plain.headers["user-agent"].startswith("dify-workflow/")


def test_headers_of_a_stream_go_with_its_stop_too(both: World, server: ReplayServer) -> None:
    seen: list[tuple[str, str | None]] = []

    def answer(exchange: Any) -> None:
        path = exchange.request.target.rpartition("/v1")[2]
        seen.append((path.rpartition("/")[2], exchange.request.headers.get("x-gateway")))
        if path.endswith("/stop"):
            exchange.whole(json.dumps({"result": "success"}).encode())
        else:
            exchange.whole(STREAM.body, content_type="text/event-stream")

    client = both.client(base_url=server.handle(answer), check_inputs=False)
    with client.run_workflow_stream({}, extra_headers={"X-Gateway": "blue"}) as stream:
        next(iter(stream))
        stream.stop()
    assert seen == [("run", "blue"), ("stop", "blue")]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Authorization": "Bearer app-x"}, "the client sets Authorization itself"),
        ({"authorization": "Basic YTpi"}, "the client sets authorization itself"),
        ({"Content-Length": "3"}, "the client sets Content-Length itself"),
        ({"Accept-Encoding": "br"}, "the client sets Accept-Encoding itself"),
        ({"X-Key": KEY}, "x-key must not contain the API key"),
        ({"X-Key": f"Bearer {KEY}"}, "x-key must not contain the API key"),
        ({"X Y": "1"}, "is not a valid header name"),
        ({"": "1"}, "is not a valid header name"),
        ({"X-A": "1\r\nX-B: 2"}, "ASCII characters on one line"),
        ({"X-A": "é"}, "ASCII characters on one line"),
        ({"X-A": 1}, "ASCII characters on one line"),
        ([("X-A", "1")], "must be a dict of header names and values, not list"),
    ],
)
def test_headers_that_are_the_clients_own_or_none_are_refused(
    both: World, server: ReplayServer, headers: Any, reason: str
) -> None:
    answering = Answering(server, BLOCKING)
    client = both.client(base_url=answering.url)
    with pytest.raises(InvalidRequestError, match=reason) as raised:
        client.run_workflow({}, extra_headers=headers)
    assert KEY not in str(raised.value)
    assert answering.requests == []


def test_a_header_must_not_hold_the_key_of_the_request(both: World, server: ReplayServer) -> None:
    answering = Answering(server, BLOCKING)
    client = both.client(base_url=answering.url)
    with pytest.raises(InvalidRequestError, match="x-key must not contain the API key"):
        client.run_workflow(inputs={}, api_key="app-of-run", extra_headers={"X-Key": "app-of-run"})
    assert answering.requests == []


def test_headers_are_of_a_call_and_not_of_a_client(both: World) -> None:
    with pytest.raises(TypeError, match="extra_headers"):
        both.client(base_url="http://127.0.0.1:9/v1", extra_headers={"X-A": "1"})
    with pytest.raises(ConfigurationError, match="API key"):
        both.client(base_url="http://127.0.0.1:9/v1", api_key="").app_info()
