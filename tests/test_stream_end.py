"""How streams are left, closed and broken off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from dify_workflow import (
    DifyWorkflow,
    InvalidResponseError,
    StreamError,
    StreamInterruptedError,
    WorkflowStarted,
)
from support import events
from support.conducted import ConductedRun
from support.events import RUN, TASK
from support.left_streams import Left, stream_of_chunks
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE, SOON
from support.worlds import World


@pytest.fixture
def stream(both: World, server: ReplayServer) -> Callable[..., Any]:
    return partial(stream_of_chunks, both, server)


# ------------------------------------------------------------------------------ end and closing


def test_iteration_ends_with_the_run_and_not_with_the_connection(
    stream: Callable[..., Any],
) -> None:
    left = Left()
    with stream(events.started(), events.finished(), after=left) as opened:
        assert len(list(opened)) == 2
        assert left.seconds_since(time.monotonic()) < SOON


@pytest.mark.parametrize("status", [None, 7, ""])
def test_a_final_event_without_a_status_is_no_success(
    status: Any, stream: Callable[..., Any]
) -> None:
    with stream(events.started(), events.finished(status)) as opened:
        list(opened)
        with pytest.raises(InvalidResponseError, match="expected shape"):
            opened.started()
        with pytest.raises(
            InvalidResponseError, match=r"the final event of run .* shape"
        ) as caught:
            opened.result()
    assert (caught.value.outcome, caught.value.run_id) == ("running", RUN)


def test_a_stream_that_has_ended_stays_ended(stream: Callable[..., Any]) -> None:
    with stream(events.started(), events.finished()) as opened:
        assert len(list(opened)) == 2
        assert list(opened) == []
        with pytest.raises(StopIteration):
            next(opened)


def test_breaking_out_closes_the_connection_at_once(stream: Callable[..., Any]) -> None:
    left = Left()
    opened = stream(events.started(), events.text("x"), after=left)
    for _ in opened:
        break
    assert left.seconds_since(time.monotonic()) < SOON
    with pytest.raises(StreamError, match=f"run {RUN} was closed before the run's end"):
        opened.result()


def test_leaving_the_block_closes_the_connection_at_once(stream: Callable[..., Any]) -> None:
    left = Left()
    with stream(events.started(), after=left) as opened:
        next(opened)
    assert left.seconds_since(time.monotonic()) < SOON


def test_an_exception_in_the_loop_closes_the_connection_at_once(stream: Callable[..., Any]) -> None:
    left = Left()
    with pytest.raises(ZeroDivisionError), stream(events.started(), after=left) as opened:
        for _ in opened:
            raise ZeroDivisionError
    assert left.seconds_since(time.monotonic()) < SOON


def test_leaving_the_loop_over_the_text_closes_the_connection_at_once(
    stream: Callable[..., Any],
) -> None:
    left = Left()
    opened = stream(events.started(), events.text("x"), after=left)
    pieces = iter(opened.text)
    assert next(pieces) == "x"
    pieces.close()
    assert left.seconds_since(time.monotonic()) < SOON


def test_a_single_event_can_be_taken_without_closing(stream: Callable[..., Any]) -> None:
    with stream(events.started(), events.text("x"), events.finished()) as opened:
        assert isinstance(next(opened), WorkflowStarted)
        assert opened.result().status == "succeeded"


def test_what_was_received_before_closing_still_makes_the_result(
    stream: Callable[..., Any],
) -> None:
    with stream(events.started() + events.text("x") + events.finished()) as opened:
        next(opened)
    assert opened.result().status == "succeeded"


def test_closing_from_elsewhere_wakes_the_reader_and_says_so(
    stream: Callable[..., Any],
) -> None:
    left = Left()
    opened = stream(events.started(), after=left)
    next(opened)
    closed_at: list[float] = []

    def close() -> None:
        closed_at.append(time.monotonic())
        opened.close()

    threading.Timer(0.1, close).start()
    with pytest.raises(StreamError, match="was closed before the run's end"):
        next(opened)
    assert time.monotonic() - closed_at[0] < SOON
    assert left.seconds_since(closed_at[0]) < SOON


def test_a_stop_of_another_thread_is_sent_as_soon_as_the_task_is_known(
    server: ReplayServer,
) -> None:
    """Also while the thread that reads waits for what does not come."""
    run = ConductedRun(server)
    with DifyWorkflow("app-key", base_url=run.url, check_inputs=False) as client:
        opened = client.run_workflow_stream({})
        reading = threading.Thread(target=opened.result)
        reading.start()
        stopping = threading.Thread(target=opened.stop)
        stopping.start()
        run.begin()
        assert run.stops.get(timeout=PATIENCE) == events.TASK
        run.end(events.finished("stopped"))
        reading.join()
        stopping.join()


@pytest.mark.own_client("connections of the user's client are not closed with ours")
def test_closing_the_client_ends_its_streams_and_says_so(both: World, server: ReplayServer) -> None:
    left = Left()

    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started())
        left(exchange)

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    opened = client.run_workflow_stream({})
    next(opened)
    threading.Timer(0.1, client.close).start()
    with pytest.raises(StreamInterruptedError, match="this program closed the connection"):
        next(opened)


# ------------------------------------------------------------------------------------ failures


def test_a_stream_that_is_cut_is_an_error_with_the_ids_and_the_last_event(
    stream: Callable[..., Any],
) -> None:
    with stream(events.started(), events.text("x"), after=lambda _: None) as opened:
        got = []
        with pytest.raises(StreamInterruptedError, match=f"run {RUN} broke off") as caught:
            got.extend(opened)
    assert (caught.value.run_id, caught.value.task_id) == (RUN, TASK)
    assert caught.value.last_event.event == "text_chunk"


def test_a_stream_that_ends_without_a_final_event_is_an_error(stream: Callable[..., Any]) -> None:
    with (
        stream(events.started()) as opened,
        pytest.raises(StreamInterruptedError, match="the server ended it"),
    ):
        opened.result()


def test_a_stream_that_ends_in_the_middle_of_an_event_shows_what_came_of_it(
    stream: Callable[..., Any],
) -> None:
    with (
        stream(events.started(), b'data: {"event":"work') as opened,
        pytest.raises(StreamInterruptedError, match=r'in an event \(data: {"event":"work\)'),
    ):
        opened.result()


def test_a_stream_that_falls_silent_is_an_error(stream: Callable[..., Any]) -> None:
    left = Left()
    with (
        stream(events.started(), after=left, timeout=1) as opened,
        pytest.raises(StreamInterruptedError, match="silent for 1 s") as caught,
    ):
        opened.result()
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert left.seconds_since(time.monotonic()) < SOON
