"""Lost streams are reconnected, or their runs looked up; a run is never sent twice."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import anyio
import attrs
import httpx
import pytest

from dify_workflow import (
    AuthenticationError,
    ConfigurationError,
    DifyWorkflow,
    RunDeadlineExceededError,
    RunLostError,
    StreamError,
    StreamGap,
    StreamInterruptedError,
    WorkflowFinished,
)
from dify_workflow._streams import session
from dify_workflow.emulator import Emulator, Fault
from support import events
from support.events import PING, RUN
from support.http2 import http2_relay
from support.lost_runs import DETAIL, EVENTS, GOES_ON, POST, client_of, emulated, nodes_of, posts
from support.pace import FAST, hurried
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE, SOON
from support.worlds import World

ENDED = json.dumps(
    {"id": RUN, "workflow_id": RUN, "status": "succeeded", "inputs": {}, "outputs": {"a": 1}}
    | {"error": None, "total_tokens": 0, "total_steps": 1}
    | {"created_at": 1, "finished_at": 2, "elapsed_time": 1.0}
).encode()
"""The detail of a run that has ended."""


@pytest.fixture
def server14() -> Iterator[Emulator]:
    with emulated() as running:
        yield running


# ----------------------------------------------------------------------- servers with /events


@pytest.mark.parametrize("ending", ["cut", "close"])
def test_a_broken_stream_continues_with_the_missed_and_the_next_events(
    ending: Any, both: World, server14: Emulator
) -> None:
    whole = list(client_of(both, server14).run_workflow_stream({}))
    server14.faults.cut_stream(after_events=2, ending=ending, on=POST)
    with client_of(both, server14).run_workflow_stream({}) as stream:
        told = list(stream)
    assert nodes_of(told) == nodes_of(whole)
    assert [type(each) for each in told].count(StreamGap) == 1
    assert stream.result().outputs == {"done": True}
    assert stream.result().task_id == stream.task_id == told[0].task_id
    assert stream.node_outputs()["b"] == {"n": 1}
    assert posts(server14) == 2


def test_a_stream_that_falls_silent_is_taken_up_again(both: World, server14: Emulator) -> None:
    server14.faults.cut_stream(after_events=2, ending="stall", on=POST)
    client = client_of(both, server14, timeout=httpx.Timeout(5, read=0.3))
    assert client.run_workflow({}).status == "succeeded"
    assert posts(server14) == 1


@pytest.mark.parametrize("pieces", [2, 4])
def test_after_goaway_over_http_2_a_new_connection_is_made(pieces: int, server14: Emulator) -> None:
    address = server14.base_url.removesuffix("/v1")
    with (
        http2_relay(address, events=pieces) as url,
        httpx.Client(http1=False, http2=True, trust_env=False) as own,
    ):
        client = hurried(DifyWorkflow("app-steps", base_url=url, http_client=own))
        with client.run_workflow_stream({}) as stream:
            told = [type(event) for event in stream]
            assert stream.result().outputs == {"done": True}
    assert StreamGap in told
    assert told[-1] is WorkflowFinished
    assert posts(server14) == 1


def test_the_end_of_a_run_that_ended_in_the_gap_is_delivered(both: World) -> None:
    with emulated(waits=False) as emulator:
        emulator.faults.cut_stream(after_events=2, on=POST)
        emulator.faults.delay(1.5, on=EVENTS)
        with client_of(both, emulator).run_workflow_stream({}) as stream:
            told = list(stream)
    assert [each.event for each in told[-2:]] == ["stream_gap", "workflow_finished"]
    assert not told[-1].synthetic
    assert told[-1].task_id == told[0].task_id


def test_a_stream_that_cannot_be_taken_up_ends_with_what_the_run_detail_says(
    both: World, server14: Emulator
) -> None:
    server14.faults.cut_stream(after_events=2, on=POST)
    server14.faults.answer(504, on=EVENTS, times=None)
    client = client_of(both, server14, max_reattach=2)
    with client.run_workflow_stream({}) as stream:
        told = list(stream)
    assert told[-1].synthetic
    assert stream.result().outputs == {"done": True}
    tries = [each for each in server14.requests if each.path.endswith("/events")]
    assert 1 <= len(tries) <= 3


def test_a_server_that_is_gone_is_an_error_with_the_ids(both: World) -> None:
    with emulated() as emulator:
        client = client_of(both, emulator, "endless", lost_run_timeout=0.5)
        stream = client.run_workflow_stream({})
        next(stream)
    with pytest.raises(StreamInterruptedError) as caught:
        stream.result()
    assert (caught.value.run_id, caught.value.task_id) == (stream.run_id, stream.task_id)


def test_a_refusal_on_the_way_is_raised(both: World, server14: Emulator) -> None:
    server14.faults.cut_stream(after_events=2, on=POST)
    server14.faults.answer(401, on=EVENTS)
    with pytest.raises(AuthenticationError):
        client_of(both, server14).run_workflow({})


def test_without_recover_the_plain_stream_breaks(both: World, server14: Emulator) -> None:
    server14.faults.cut_stream(after_events=2, on=POST)
    client = client_of(both, server14).with_options(recover=False)
    with pytest.raises(StreamInterruptedError):
        client.run_workflow({})
    assert [each.method for each in server14.requests if "events" in each.path] == []


def test_a_dead_worker_is_found_out_and_the_error_names_the_run(
    both: World, server14: Emulator
) -> None:
    server14.faults.add(Fault(POST, ending="cut", after_events=2, kills_worker=True))
    client = client_of(both, server14, lost_run_timeout=0.4)
    with pytest.raises(RunLostError, match=r"no activity for 0\.4 s") as caught:
        client.run_workflow({})
    error = caught.value
    assert error.run_id in str(error)
    assert error.task_id in str(error)
    assert f"its last event was {error.last_event.event}" in str(error)


def test_a_resumed_stream_is_taken_up_again_too(both: World, server14: Emulator) -> None:
    GOES_ON.clear()
    client = client_of(both, server14, "held")
    run = client.submit_workflow({})
    server14.faults.cut_stream(after_events=1, on=EVENTS)
    with client.resume_workflow_stream(run.id) as stream:
        told = [next(stream)]
        GOES_ON.set()
        told += stream
    assert [each.event for each in told].count("workflow_started") == 1
    assert len(nodes_of(told)) == len(set(nodes_of(told)))
    assert stream.result().outputs == {"done": True}


def test_a_run_started_in_blocking_mode_publishes_nothing_and_its_end_is_found(
    both: World, server14: Emulator
) -> None:
    client = client_of(both, server14)
    blocking = threading.Thread(
        target=client.run_workflow, args=({},), kwargs={"response_mode": "blocking"}
    )
    blocking.start()
    while not (rows := list(client.logs())):
        pass
    assert rows[0].workflow_run is not None
    run = client.wait_for_run(rows[0].workflow_run.id)
    blocking.join()
    assert (run.status, run.outputs) == ("succeeded", {"done": True})


def test_an_end_that_a_stream_missed_is_found_without_another_ping(
    both: World, server: ReplayServer
) -> None:
    looks: list[str] = []

    def handler(exchange: Exchange) -> None:
        if "/events" not in exchange.request.target:
            looks.append(exchange.request.target)
            exchange.whole(ENDED, x_version="1.14.2")
            return
        exchange.start_stream()
        assert not exchange.wait_until_left(2 * FAST.quiet)
        exchange.chunk(PING)
        exchange.wait_until_left()

    run = hurried(both.client(base_url=server.handle(handler))).wait_for_run(RUN)
    assert (run.status, run.outputs) == ("succeeded", {"a": 1})
    assert len(looks) == 1


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_an_end_that_the_stream_sends_after_a_lookup_is_delivered(
    both: World, server: ReplayServer, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no bound can be given to a wait, as within a compressed body.

    The look takes longer than a stream is silent before there is one: what came during it counts.
    """
    monkeypatch.setattr(session, "GRACE", PATIENCE)
    pace = attrs.evolve(FAST, quiet=0.5)
    looked, ended = threading.Event(), threading.Event()
    packer = zlib.compressobj(wbits=31)

    def sent(data: bytes) -> bytes:
        if encoding == "identity":
            return data
        return packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)

    def handler(exchange: Exchange) -> None:
        if "/events" not in exchange.request.target:
            looked.set()
            assert ended.wait(PATIENCE)
            time.sleep(1.5 * pace.quiet)
            exchange.whole(ENDED, x_version="1.14.2")
            return
        head = {"content_type": "text/event-stream", "transfer_encoding": "chunked"}
        exchange.head(content_encoding=encoding, **head)
        exchange.chunk(sent(PING))
        while not looked.wait(2 * pace.quiet):  # a slow machine may look before the second ping
            exchange.chunk(sent(PING))
        exchange.chunk(sent(events.finished(outputs={"of": "the stream"})))
        ended.set()

    run = hurried(both.client(base_url=server.handle(handler)), pace).wait_for_run(RUN)
    assert run.outputs == {"of": "the stream"}


def test_ids_of_events_are_sent_when_the_stream_is_taken_up(
    both: World, server: ReplayServer
) -> None:
    asked: list[str | None] = []

    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        if exchange.request.method == "POST":
            exchange.chunk(b"id: 17-3\n" + events.started())
            return
        asked.append(exchange.request.headers.get("last-event-id"))
        if len(asked) > 1:
            exchange.chunk(PING + events.finished())

    client = hurried(both.client(base_url=server.handle(handler), check_inputs=False))
    assert client.run_workflow({}).status == "succeeded"
    assert asked == ["17-3", "17-3"]


# ---------------------------------------------------------------------------------- leaving


def lost_for_long(emulator: Emulator) -> None:
    """Let the next stream break and nothing be found of it for a while."""
    emulator.faults.cut_stream(after_events=2, on=POST)
    emulator.faults.answer(404, on=EVENTS, times=None)


@pytest.mark.parametrize("what", ["stream", "client"])
def test_closing_ends_a_recovery_that_waits(what: str, both: World, server14: Emulator) -> None:
    lost_for_long(server14)
    slowly = attrs.evolve(FAST, first_look=PATIENCE, longest_look=PATIENCE)
    client = hurried(client_of(both, server14, "endless"), slowly)
    stream = client.run_workflow_stream({})
    next(stream)
    closing = threading.Timer(0.4, (stream if what == "stream" else client).close)
    closing.start()
    began = time.monotonic()
    with pytest.raises(StreamError if what == "stream" else ConfigurationError, match="closed"):
        stream.result()
    closing.join()
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # trio's, of loops left
def test_cancelling_a_recovery_ends_it(backend: str, server14: Emulator) -> None:
    async def main() -> None:
        lost_for_long(server14)
        async with server14.async_client("endless") as client:
            with anyio.move_on_after(0.4) as scope:
                async with client.run_workflow_stream({}) as stream:
                    await stream.result()
            assert scope.cancelled_caught
            with pytest.raises(StreamError, match="closed before the run's end"):
                await stream.result()

    anyio.run(main, backend=backend)


def test_cancelling_while_an_open_stream_is_checked_closes_its_connection(
    server14: Emulator,
) -> None:
    async def main() -> None:
        async with server14.async_client("endless") as client:
            hurried(client)
            run = await client.submit_workflow({})
            assert run.id is not None
            server14.faults.delay(10, on=DETAIL)
            stream = client.resume_workflow_stream(run.id)
            with anyio.move_on_after(0.5):
                await stream.result()
            made: Any = client._transport._here().client
            assert made._transport._pool.connections == []

    asyncio.run(main())


def test_leaving_a_stream_that_was_taken_up_closes_its_connection(
    both: World, server: ReplayServer
) -> None:
    left = threading.Event()

    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started())
        if exchange.request.method == "GET":
            exchange.chunk(events.text("x"))
            if exchange.wait_until_left():
                left.set()

    client = hurried(both.client(base_url=server.handle(handler), check_inputs=False))
    with client.run_workflow_stream({}) as stream:
        for event in stream:
            if event.event == "text_chunk":
                break
    assert left.wait(PATIENCE)


# -------------------------------------------------------------------------- submit and wait


def test_a_silent_run_without_events_is_given_up_and_the_error_says_that_nothing_tells(
    both: World,
) -> None:
    with emulated("1.13") as emulator:
        client = client_of(both, emulator, "endless", lost_run_timeout=0.4)
        run = client.submit_workflow({})
        with pytest.raises(
            RunLostError, match=r"or may still be working; only Dify 1.14 .* show this"
        ):
            client.wait_for_run(run.id)


# --------------------------------------------------------------------------------- the deadline


@pytest.mark.parametrize("fault", ["taken up", "gone"])
def test_a_deadline_bounds_the_recovery_too(fault: str, both: World, server14: Emulator) -> None:
    server14.faults.cut_stream(after_events=3)
    if fault == "gone":
        server14.faults.answer(503, on="GET /workflow", times=None)
    client = client_of(both, server14, "endless", max_reattach=100_000)
    began = time.monotonic()
    with pytest.raises(RunDeadlineExceededError, match="it may still be running") as passed:
        client.run_workflow({}, deadline=3)
    assert 2.9 < time.monotonic() - began < SOON
    assert passed.value.run_id is not None
    assert passed.value.task_id is not None


def test_a_run_is_stopped_at_its_deadline_although_its_stream_was_lost(
    both: World, server14: Emulator
) -> None:
    server14.faults.cut_stream(after_events=3)
    client = client_of(both, server14, "endless")
    with pytest.raises(RunDeadlineExceededError, match="the server was asked to stop"):
        client.run_workflow({}, deadline=3, stop_on_deadline=True)
    assert [each.path for each in server14.requests if each.path.endswith("/stop")]


def test_waiting_for_a_run_ends_with_the_deadline(both: World, server14: Emulator) -> None:
    client = client_of(both, server14, "endless")
    run = client.submit_workflow({})
    with pytest.raises(RunDeadlineExceededError) as passed:
        client.wait_for_run(run.id, deadline=0.3)
    assert passed.value.run_id == run.id
