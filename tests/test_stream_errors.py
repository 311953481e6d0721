"""Error events, refusals and stops of a stream."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from dify_workflow import (
    BadRequestError,
    StreamError,
    WorkflowFinished,
    WorkflowRunRequest,
    WorkflowStreamError,
)
from support import events
from support.events import PING, RUN, TASK
from support.left_streams import Left, stream_of_chunks
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE, SOON
from support.worlds import World


@pytest.fixture
def stream(both: World, server: ReplayServer) -> Callable[..., Any]:
    return partial(stream_of_chunks, both, server)


# -------------------------------------------------------------------------------- error events


def test_an_error_event_raises_with_the_final_event_that_follows_it(
    stream: Callable[..., Any],
) -> None:
    chunks = [
        PING,
        events.error(),
        events.started(),
        events.finished("failed", error="No provider."),
    ]
    with (
        stream(*chunks, after=Left()) as opened,
        pytest.raises(WorkflowStreamError, match=r"invalid_param\): No provider") as caught,
    ):
        next(opened)
    assert caught.value.code == "invalid_param"
    assert (caught.value.run_id, caught.value.task_id) == (RUN, TASK)
    assert isinstance(caught.value.final_event, WorkflowFinished)
    assert [event.event for event in caught.value.following] == [
        "workflow_started",
        "workflow_finished",
    ]


def test_a_refusal_whose_body_does_not_end_is_the_refusal(
    both: World, server: ReplayServer
) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.head(400, "Bad", content_type="text/plain", content_length="1000")
        exchange.send(b"too much of it")
        exchange.wait_until_left()

    url = server.handle(handler)
    client = both.client(base_url=url, check_inputs=False, timeout=0.2)
    with (
        pytest.raises(BadRequestError, match="too much of it"),
        client.run_workflow_stream({}) as stream,
    ):
        stream.result()


def test_an_error_event_followed_by_silence_raises_within_a_second(
    stream: Callable[..., Any],
) -> None:
    """Servers 1.13 and 1.14 leave the stream open and silent for 300 s."""
    left = Left()
    began = time.monotonic()
    with (
        stream(PING, events.error(), after=left) as opened,
        pytest.raises(WorkflowStreamError) as caught,
    ):
        opened.result()
    assert 0.9 < time.monotonic() - began < SOON
    assert caught.value.final_event is None
    assert caught.value.run_id is None


def test_pings_do_not_prolong_the_wait_after_an_error_event(stream: Callable[..., Any]) -> None:
    gone = threading.Event()

    def keep_pinging(exchange: Exchange) -> None:
        try:
            while not gone.wait(0.1):
                exchange.chunk(PING)
        except OSError:
            gone.set()

    began = time.monotonic()
    with stream(events.error(), after=keep_pinging) as opened, pytest.raises(WorkflowStreamError):
        opened.result()
    assert time.monotonic() - began < SOON
    assert gone.wait(PATIENCE), "the connection was not closed"


def test_an_error_event_of_the_fewest_keys_is_understood(stream: Callable[..., Any]) -> None:
    chunk = b'data: {"event":"error","message":"Broken.","status":500}\n\n'
    with (
        stream(chunk) as opened,
        pytest.raises(WorkflowStreamError, match=r"could not start the run: Broken"),
    ):
        opened.result()


# ------------------------------------------------------------------------------------ stopping


def test_stop_asks_for_the_task_with_the_key_and_user_of_the_run(
    both: World, server: ReplayServer
) -> None:
    seen: list[tuple[str, str, bytes]] = []
    stopped = threading.Event()

    def handler(exchange: Exchange) -> None:
        request = exchange.request
        seen.append((request.target, request.headers["authorization"], request.body))
        if request.target.endswith("/stop"):
            stopped.set()
            exchange.whole(b'{"result": "success"}')
            return
        exchange.start_stream()
        exchange.chunk(events.started())
        assert stopped.wait(PATIENCE)
        exchange.chunk(events.finished("stopped", error="Stopped by user."))
        exchange.wait_until_left()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    request = WorkflowRunRequest({}, api_key="app-other", user_id="u7")
    with client.run_workflow_stream(request) as opened:
        assert opened.stop().result == "success", "waits for the event that names the task"
        run = opened.result()
    assert run.status == "stopped"
    target, key, body = seen[1]
    assert target.endswith(f"/workflows/tasks/{TASK}/stop")
    assert key == "Bearer app-other"
    assert body == b'{"user":"u7"}'


def test_after_a_stop_the_outcome_is_stopped_also_where_the_server_calls_it_failed(
    both: World, server: ReplayServer
) -> None:
    """As 1.9 does, and 1.15.0."""

    def handler(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stop"):
            exchange.whole(b'{"result": "success"}')
            return
        exchange.start_stream()
        exchange.chunk(events.started())
        exchange.chunk(events.finished("failed", error="Aborted: User requested stop"))
        exchange.wait_until_left()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    with client.run_workflow_stream({}) as opened:
        next(opened)
        opened.stop()
        run = opened.result()
    assert run.status == "stopped"
    assert run.raw["data"]["status"] == "failed"


def test_a_run_whose_task_is_never_named_cannot_be_stopped_and_says_so(
    stream: Callable[..., Any],
) -> None:
    with (
        stream(events.text("x", task_id=None)) as opened,
        pytest.raises(StreamError, match="broke off"),
    ):
        opened.stop()


def test_stopping_a_run_that_was_refused_at_its_start_is_a_success(
    stream: Callable[..., Any],
) -> None:
    """Servers from 1.15 on report bad inputs so: the task has the id of the run."""
    refused = [
        events.message("workflow_started", {"id": RUN}, task_id=RUN),
        events.message("workflow_finished", {"id": RUN, "status": "failed"}, task_id=RUN),
    ]
    with stream(*refused) as opened:
        assert opened.stop().result == "success"
