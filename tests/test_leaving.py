"""However a stream is left, its connection closes at once."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
import pytest
from test_stream import Left

from dify_workflow import (
    AsyncDifyWorkflow,
    DifyError,
    DifyWorkflow,
    StreamError,
)
from dify_workflow.emulator import Emulator
from support import events
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE, SOON, wait_until_reading

# -------------------------------------------------------------------------------- leaving at once


def leave_by_break(client: DifyWorkflow) -> None:
    for _ in client.run_workflow_stream({}):
        break


def leave_by_exception(client: DifyWorkflow) -> None:
    with pytest.raises(ZeroDivisionError), client.run_workflow_stream({}) as stream:
        next(stream)
        raise ZeroDivisionError


def kill_when_reading(thread: int, number: int) -> None:
    wait_until_reading(thread)
    signal.pthread_kill(thread, number)


def leave_by_interrupt(client: DifyWorkflow) -> None:
    stream = client.run_workflow_stream({})
    next(stream)
    here = threading.get_ident()  # a signal to another thread would not wake this one
    with pytest.raises(KeyboardInterrupt):
        threading.Thread(target=kill_when_reading, args=(here, signal.SIGINT)).start()
        stream.result()


def leave_by_forgetting(client: DifyWorkflow) -> None:
    stream = client.run_workflow_stream({})
    next(stream)
    del stream
    gc.collect()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Windows do not wake a thread")
@pytest.mark.parametrize(
    "leave", [leave_by_break, leave_by_exception, leave_by_interrupt, leave_by_forgetting]
)
def test_however_a_stream_is_left_its_socket_closes_at_once_and_the_pool_is_empty(
    leave: Callable[[DifyWorkflow], None], server: ReplayServer
) -> None:
    left = Left()

    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started())
        left(exchange)

    with DifyWorkflow("app-x", base_url=server.handle(handler), check_inputs=False) as client:
        leave(client)
        done = time.monotonic()
        assert left.seconds_since(done) < SOON
        with suppress(DifyError):  # the next call tidies up what was collected
            client.with_options(base_url="http://127.0.0.1:1/v1", max_retries=0).app_info()
        made: Any = client._transport._made
        assert made._transport._pool.connections == []


async def left_by_break(client: AsyncDifyWorkflow) -> None:
    async for _ in client.run_workflow_stream({}):
        break


async def left_by_exception(client: AsyncDifyWorkflow) -> None:
    with pytest.raises(ZeroDivisionError):
        async with client.run_workflow_stream({}) as stream:
            await anext(stream)
            raise ZeroDivisionError


async def left_by_cancelling(client: AsyncDifyWorkflow) -> None:
    stream = client.run_workflow_stream({})
    await anext(stream)
    with anyio.move_on_after(0.05) as bound:
        await stream.result()
    assert bound.cancelled_caught


async def left_by_forgetting(client: AsyncDifyWorkflow) -> None:
    stream = client.run_workflow_stream({})
    await anext(stream)
    del stream
    gc.collect()


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # trio's, of loops left
@pytest.mark.parametrize(
    ("leave", "backend"),
    [
        (left_by_break, "asyncio"),
        (left_by_exception, "asyncio"),
        (left_by_cancelling, "asyncio"),
        (left_by_forgetting, "asyncio"),
        (left_by_exception, "trio"),
        (left_by_cancelling, "trio"),
    ],
)
def test_however_a_task_leaves_a_stream_its_socket_closes_at_once_and_the_pool_is_empty(
    leave: Callable[[AsyncDifyWorkflow], Awaitable[None]], backend: str, server: ReplayServer
) -> None:
    left = Left()

    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started())
        left(exchange)

    async def main(url: str) -> None:
        async with AsyncDifyWorkflow("app-x", base_url=url, check_inputs=False) as client:
            await leave(client)
            done = time.monotonic()
            assert await anyio.to_thread.run_sync(left.seconds_since, done) < SOON
            made: Any = client._transport._here().client
            assert made._transport._pool.connections == []

    anyio.run(main, server.handle(handler), backend=backend)


# ----------------------------------------------------------------------------------- event loops


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # trio's, of loops left
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_both_kinds_of_event_loop_run_stream_and_leave(emulator: Emulator, backend: str) -> None:
    async def main() -> list[str]:
        async with emulator.async_client("slow") as client:
            async with client.run_workflow_stream({}) as stream:
                async for event in stream:
                    assert event.event == "workflow_started"
                    break
            with anyio.move_on_after(0.05) as cancelled:
                await client.run_workflow_stream({}).result()
            assert cancelled.cancelled_caught
            return [event.event async for event in client.run_workflow_stream({})]

    assert anyio.run(main, backend=backend)[-1] == "workflow_finished"


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there is no signal to send")
def test_a_signals_handler_that_asks_for_an_event_leaves_the_reader_its_stream(
    server: ReplayServer,
) -> None:
    go_on = threading.Event()

    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started())
        assert go_on.wait(PATIENCE)
        exchange.chunk(events.finished())
        exchange.end_stream()

    refused: list[StreamError] = []

    def ask(*_: object) -> None:
        with pytest.raises(StreamError) as caught:
            next(stream)
        refused.append(caught.value)
        go_on.set()

    with DifyWorkflow("app-x", base_url=server.handle(handler), check_inputs=False) as client:
        stream = client.run_workflow_stream({})
        next(stream)
        before = signal.signal(signal.SIGUSR1, ask)
        try:
            here = threading.get_ident()
            threading.Thread(target=kill_when_reading, args=(here, signal.SIGUSR1)).start()
            assert stream.result().status == "succeeded"
        finally:
            signal.signal(signal.SIGUSR1, before)
    assert len(refused) == 1
