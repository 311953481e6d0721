"""A run whose id never came is searched for in the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dify_workflow import (
    GatewayTimeoutError,
    InvalidResponseError,
    RunOutcomeUnknownError,
    WorkflowFile,
    WorkflowRunRequest,
)
from dify_workflow._http.retry import without_waiting
from dify_workflow._streams.search import same_inputs
from support import events
from support.events import RUN
from support.lost_answers import MODES, NOW, UNKNOWN, Server, answer, closes, run
from support.pace import hurried
from support.replay import Exchange, ReplayServer
from support.worlds import World

OTHER = "0e7e8bd1-8a8b-4dc5-8a1f-3ca5a3d5b9f4"
USER = "dify-workflow"


@pytest.fixture(autouse=True)
def _no_waits() -> Iterator[None]:
    with without_waiting():
        yield


def row(run_id: str, *, at: float = 0, user: str = USER) -> dict[str, Any]:
    """A row of the log, so many seconds after the server's `NOW`."""
    created = int(NOW + at)
    return {
        "id": run_id,
        "workflow_run": {"id": run_id, "version": "1", "status": "running", "error": None}
        | {"elapsed_time": 0.0, "total_tokens": 0, "total_steps": 0, "created_at": created}
        | {"finished_at": None, "exceptions_count": 0, "triggered_from": "app-run"},
        "details": None,
        "created_from": "service-api",
        "created_by_role": "end_user",
        "created_by_account": None,
        "created_by_end_user": {"id": "u", "type": "service-api", "is_anonymous": False}
        | {"session_id": user},
        "created_at": created,
    }


@pytest.fixture
def failing(both: World, server: ReplayServer) -> Callable[..., tuple[Any, Server]]:
    def make(fail: Any, **options: Any) -> tuple[Any, Server]:
        made = Server(server, fail)
        return hurried(both.client(base_url=made.url, check_inputs=False, **options)), made

    return make


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["504", "closed without an answer", "200 with HTML"])
def test_at_least_once_sends_again_what_the_log_does_not_show(
    name: str, mode: str, failing: Callable[..., tuple[Any, Server]]
) -> None:
    client, served = failing(UNKNOWN[name][0])
    with pytest.raises(UNKNOWN[name][1]) as caught:
        run(client, mode, at_least_once=True)
    assert caught.value.outcome == "unknown"
    assert served.seen["POST /run"] == 3
    assert served.seen["GET /logs"] == 12


def test_at_least_once_sends_again_where_the_stream_broke_before_any_id(
    failing: Callable[..., tuple[Any, Server]],
) -> None:
    sent: list[int] = []

    def fail(exchange: Exchange) -> None:
        sent.append(1)
        exchange.start_stream()
        exchange.chunk(events.PING)
        if len(sent) == 2:
            exchange.chunk(events.started() + events.finished())
            exchange.end_stream()

    client, served = failing(fail, at_least_once=True)
    assert client.run_workflow({}).status == "succeeded"
    assert served.seen["POST /run"] == 2
    assert served.seen["GET /logs"] == 4


def test_at_least_once_does_not_send_again_what_the_log_shows_nor_what_cannot_be_searched(
    failing: Callable[..., tuple[Any, Server]],
) -> None:
    client, served = failing(answer(504), at_least_once=True)
    served.rows = lambda _look: [row(OTHER)]
    with pytest.raises(GatewayTimeoutError) as caught:
        client.run_workflow({})
    assert caught.value.candidates == (OTHER,)
    assert served.seen["POST /run"] == 1
    served.seen.clear()
    served.rows = lambda _look: [{"nonsense": True}]
    with pytest.raises(GatewayTimeoutError):
        client.run_workflow({})
    assert served.seen["POST /run"] == 1


# ------------------------------------------------------------------------------- the search


def test_candidates_are_no_runs_that_provably_are_not_the_one(
    failing: Callable[..., tuple[Any, Server]],
) -> None:
    """Older ones, other users', those with other inputs."""
    ids = {
        name: f"{number:08d}-8a8b-4dc5-8a1f-3ca5a3d5b9f4"
        for number, name in enumerate(
            ["older", "just older", "of another", "with other inputs", "the one", "the same later"]
        )
    }
    client, served = failing(answer(504))
    served.rows = lambda _look: [
        row(ids["the same later"], at=5),
        row(ids["the one"], at=0),
        row(ids["with other inputs"], at=1),
        row(ids["of another"], at=1, user="somebody"),
        row(ids["just older"], at=-4),
        row(ids["older"], at=-30),
    ]
    served.inputs = {run_id: {"name": "Ann", "sys.user_id": USER} for run_id in ids.values()}
    served.inputs[ids["with other inputs"]] = {"name": "Bob"}
    with pytest.raises(GatewayTimeoutError) as caught:
        client.run_workflow({"name": "Ann"})
    assert caught.value.candidates == (ids["the same later"], ids["the one"])
    assert caught.value.possible_runs == ()
    assert ids["the one"] in str(caught.value)


def test_a_run_of_another_call_of_this_client_is_no_candidate(
    failing: Callable[..., tuple[Any, Server]],
) -> None:
    def fail(exchange: Exchange) -> None:
        if served.seen["POST /run"] > 1:
            answer(504)(exchange)
            return
        exchange.start_stream()
        exchange.chunk(events.started() + events.finished())
        exchange.end_stream()

    client, served = failing(fail)
    served.rows = lambda _look: [row(RUN)]
    assert client.run_workflow({}).id == RUN
    with pytest.raises(GatewayTimeoutError) as caught:
        client.with_options(timeout=9).run_workflow({})
    assert caught.value.candidates == ()


def test_the_log_is_read_again_until_a_run_shows(
    failing: Callable[..., tuple[Any, Server]],
) -> None:
    client, served = failing(closes)
    served.rows = lambda look: [row(OTHER, at=1)] if look == 3 else []
    with pytest.raises(RunOutcomeUnknownError) as caught:
        client.run_workflow({})
    assert caught.value.candidates == (OTHER,)
    assert served.seen["GET /logs"] == 3


def test_without_a_date_runs_are_possible_and_no_candidates(
    failing: Callable[..., tuple[Any, Server]],
) -> None:
    client, served = failing(closes)
    served.has_clock = False
    offset = time.time() - NOW
    served.rows = lambda _look: [row(OTHER, at=offset - 30), row(RUN, at=offset - 90)]
    with pytest.raises(RunOutcomeUnknownError, match="may be older than the request") as caught:
        client.run_workflow({})
    assert caught.value.candidates == ()
    assert caught.value.possible_runs == (OTHER,)


def test_a_search_that_finds_no_dify_says_so_at_once(both: World, server: ReplayServer) -> None:
    asked: list[str] = []

    def handler(exchange: Exchange) -> None:
        asked.append(exchange.request.method)
        exchange.whole(b"<h1>Welcome</h1>", content_type="text/html")

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    with pytest.raises(InvalidResponseError, match="the server is not Dify; check the base URL"):
        client.run_workflow({})
    assert asked == ["POST", "GET"]


FILE = {"dify_model_identity": "__dify__file__", "id": None, "filename": "a.txt"}
SENT_FILE = WorkflowFile.uploaded(OTHER, type="document").to_wire()
SENT_URL = WorkflowFile.remote("https://a.example/x.txt", type="document").to_wire()


@pytest.mark.parametrize(
    ("sent", "found", "same"),
    [
        ({"a": "1"}, {"a": "1", "sys.user_id": "u"}, True),
        ({"a": "1"}, {"a": 1}, True),
        ({"a": "1"}, {"a": "2"}, False),
        ({}, {"a": "a default"}, True),
        ({"a": 1, "undeclared": 2}, {"a": 1}, True),
        ({"a": None}, {"a": "a default"}, True),
        ({"a": SENT_FILE}, {"a": {**FILE, "related_id": OTHER}}, True),
        ({"a": SENT_FILE}, {"a": {**FILE, "related_id": RUN}}, False),
        ({"a": SENT_URL}, {"a": {**FILE, "related_id": None, "remote_url": SENT_URL["url"]}}, True),
        ({"a": SENT_URL}, {"a": {**FILE, "remote_url": "https://b.example/"}}, False),
        ({"a": [SENT_FILE]}, {"a": [{**FILE, "related_id": OTHER}]}, True),
        ({"a": [SENT_FILE]}, {"a": [{**FILE, "related_id": OTHER}] * 2}, False),
        ({"a": "text"}, {"a": FILE}, False),
    ],
)
def test_inputs_are_compared_as_the_server_writes_them_files_included(
    sent: dict[str, Any], found: dict[str, Any], *, same: bool
) -> None:
    assert same_inputs(sent, found) is same


def test_the_files_of_a_run_are_compared_too(failing: Callable[..., tuple[Any, Server]]) -> None:
    client, served = failing(closes)
    served.rows = lambda _look: [row(OTHER), row(RUN)]
    served.inputs = {
        OTHER: {"sys.files": [{**FILE, "related_id": OTHER}]},
        RUN: {"sys.files": [{**FILE, "related_id": RUN}]},
    }
    with pytest.raises(RunOutcomeUnknownError) as caught:
        client.run_workflow(
            WorkflowRunRequest({}, files=[WorkflowFile.uploaded(OTHER, type="document")])
        )
    assert caught.value.candidates == (OTHER,)
