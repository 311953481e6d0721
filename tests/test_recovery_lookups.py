"""A lost run is looked up, and what its server version makes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import attrs
import pytest

from dify_workflow import (
    GatewayTimeoutError,
    PermissionDeniedError,
    RunLostError,
    RunOutcomeUnknownError,
    StreamInterruptedError,
    WorkflowFinished,
)
from dify_workflow._http.versions import loses_records, may_lose_records, stops_resumed_runs
from dify_workflow.emulator import Emulator
from support import events
from support.events import RUN
from support.lost_runs import DETAIL, EVENTS, POST, client_of, emulated, posts
from support.pace import FAST, hurried
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE, SOON
from support.worlds import World


@pytest.fixture
def server14() -> Iterator[Emulator]:
    with emulated() as running:
        yield running


def test_a_run_id_in_the_head_of_the_answer_is_enough(both: World, server: ReplayServer) -> None:
    def handler(exchange: Exchange) -> None:
        if exchange.request.method == "POST":
            exchange.head(
                content_type="text/event-stream",
                transfer_encoding="chunked",
                X_Workflow_Run_ID=RUN,
            )
            return
        assert f"/workflow/{RUN}/events" in exchange.request.target
        exchange.start_stream()
        exchange.chunk(events.finished())

    client = hurried(both.client(base_url=server.handle(handler), check_inputs=False))
    assert client.run_workflow({}).id == RUN


# -------------------------------------------------------------------- servers without /events


@pytest.mark.parametrize("version", ["1.9", "1.13"])
def test_without_events_the_run_is_looked_up_until_it_has_ended(version: str, both: World) -> None:
    with emulated(version) as emulator:
        emulator.faults.cut_stream(after_events=2, on=POST)
        with client_of(both, emulator).run_workflow_stream({}) as stream:
            told = list(stream)
        assert [each.event for each in told[-2:]] == ["stream_gap", "workflow_finished"]
        assert isinstance(told[-1], WorkflowFinished)
        assert told[-1].synthetic
        assert told[-1].data.outputs == {"done": True}
        assert stream.result().status == "succeeded"
        looks = [each for each in emulator.requests if each.path.startswith("/workflows/run/")]
        assert len(looks) > 1
        assert posts(emulator) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, b"<!doctype html><title>404</title>", "text/html"),
        (404, b'{"code": "not_found", "message": "x", "status": 404}', "application/json"),
        (405, b'{"code": "method_not_allowed", "message": "x"}', "application/json"),
        (200, b"<!doctype html><title>Welcome</title>", "text/html"),
    ],
)
def test_whatever_says_that_there_are_no_events_the_run_is_looked_up(
    status: int, body: bytes, kind: str, both: World, server14: Emulator
) -> None:
    server14.faults.cut_stream(after_events=2, on=POST)
    server14.faults.answer(status, body.decode(), content_type=kind, on=EVENTS)
    assert client_of(both, server14).run_workflow({}).outputs == {"done": True}


@pytest.mark.parametrize("version", ["1.0", "1.7"])
def test_before_1_9_2_a_broken_stream_is_the_end_of_the_record_and_the_error_says_so(
    version: str, both: World
) -> None:
    with emulated(version) as emulator:
        emulator.faults.cut_stream(after_events=2, on=POST)
        began = time.monotonic()
        with pytest.raises(RunLostError, match=r"before Dify 1\.9\.2"):
            client_of(both, emulator).run_workflow({})
        assert time.monotonic() - began < SOON


def test_failing_looks_are_repeated_and_then_an_error(both: World) -> None:
    with emulated("1.13") as emulator:
        client = client_of(both, emulator, max_reattach=2)
        emulator.faults.cut_stream(after_events=2, on=POST)
        emulator.faults.answer(500, on=DETAIL, times=2)
        assert client.run_workflow({}).status == "succeeded"
        emulator.faults.cut_stream(after_events=2, on=POST)
        emulator.faults.answer(500, on=DETAIL, times=None)
        with pytest.raises(StreamInterruptedError, match="500"):
            client.run_workflow({})


def test_a_run_without_a_record_is_lost(both: World, server14: Emulator) -> None:
    with pytest.raises(RunLostError, match="no record"):
        client_of(both, server14).wait_for_run(RUN)


@pytest.mark.parametrize(
    ("version", "loses", "may", "stops"),
    [
        ("1.0.1", True, True, False),
        ("1.9.1", True, True, False),
        ("1.9.2", False, False, False),
        ("1.10.0", False, False, False),
        ("1.16.0", False, False, True),
        ("1.16.1", False, False, True),
        ("1.16.1-fix.1", False, False, True),
        ("1.17.0", False, False, False),
        ("main", False, False, False),
        (None, False, True, False),
    ],
)
def test_what_a_version_does_to_runs(
    version: str | None, *, loses: bool, may: bool, stops: bool
) -> None:
    assert loses_records(version) is loses
    assert may_lose_records(version) is may
    assert stops_resumed_runs(version) is stops


# ------------------------------------------------------------------------- no id ever came


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_a_run_whose_id_never_came_is_not_sent_again_and_may_be_in_the_logs(
    mode: str, both: World, server14: Emulator
) -> None:
    client = client_of(both, server14)
    client.with_options(user_id="other").run_workflow({})
    server14.faults.answer(504, on=POST, runs_anyway=True)
    with pytest.raises(GatewayTimeoutError) as caught:
        client.run_workflow({}, response_mode=mode)
    assert caught.value.outcome == "unknown"
    (candidate,) = caught.value.candidates
    assert candidate in str(caught.value)
    assert client.wait_for_run(candidate).status == "succeeded"
    assert posts(server14) == 2


def test_a_run_whose_id_never_came_is_not_looked_for_without_end(
    both: World, server14: Emulator
) -> None:
    client = hurried(client_of(both, server14), attrs.evolve(FAST, search=0.3))
    server14.faults.answer(504, on=POST, runs_anyway=True)
    server14.faults.delay(PATIENCE, on="GET /workflows/logs")
    before = time.monotonic()
    with pytest.raises(GatewayTimeoutError, match=r"the search took longer than 0\.3 s"):
        client.run_workflow({})
    assert time.monotonic() - before < SOON


def test_a_stream_that_breaks_before_its_first_event_leaves_the_run_unknown(
    both: World, server14: Emulator
) -> None:
    server14.faults.cut_stream(after_events=0, on=POST)
    with pytest.raises(RunOutcomeUnknownError) as caught:
        client_of(both, server14).run_workflow({})
    assert len(caught.value.candidates) == 1
    assert posts(server14) == 1


def test_logs_that_cannot_be_read_are_said_to_be_so(both: World, server14: Emulator) -> None:
    server14.faults.cut_stream(after_events=0, on=POST)
    server14.faults.answer(500, on="GET /workflows/logs", times=None)
    with pytest.raises(RunOutcomeUnknownError, match="the log could not be read") as caught:
        client_of(both, server14).run_workflow({})
    assert caught.value.candidates == ()


# ----------------------------------------------------------------------------------- stops


@pytest.mark.parametrize("version", ["1.0", "1.7", "1.9", "1.13", "1.14", "1.16"])
def test_a_run_that_was_asked_to_stop_is_stopped_in_every_version(
    version: str, both: World
) -> None:
    with (
        emulated(version) as emulator,
        client_of(both, emulator, "endless").run_workflow_stream({}) as stream,
    ):
        next(stream)
        stream.stop()
        assert stream.result().status == "stopped"


@pytest.mark.parametrize("version", ["1.0", "1.7", "1.9", "1.13", "1.14", "1.16"])
def test_a_run_that_was_stopped_while_its_stream_was_lost_is_stopped_in_every_version(
    version: str, both: World
) -> None:
    with emulated(version) as emulator:
        emulator.faults.cut_stream(after_events=2, on=POST)
        emulator.faults.delay(0.2, on=EVENTS)
        client = client_of(both, emulator, "endless")
        with client.run_workflow_stream({}) as stream:
            next(stream)
            client.stop_workflow_stream(stream.task_id)
            began = time.monotonic()
            assert stream.result().status == "stopped"
            assert time.monotonic() - began < SOON


def test_a_failed_stop_does_not_count_as_a_stop(both: World, server14: Emulator) -> None:
    client = client_of(both, server14, max_retries=0)
    with client.run_workflow_stream({}) as stream:
        next(stream)
        server14.faults.answer(403, on="POST /workflows/tasks/")
        with pytest.raises(PermissionDeniedError):
            stream.stop()
        assert stream.result().status == "succeeded"
