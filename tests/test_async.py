"""Behaviour of the async client alone: it is awaited, cancelled, and left without a close."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable

import pytest
from test_stream import Left

from dify_workflow import AsyncDifyWorkflow, AsyncWorkflowStream
from dify_workflow.emulator import Emulator
from support import events
from support.replay import Exchange, ReplayServer
from support.waiting import SOON

Use = Callable[[AsyncWorkflowStream], Awaitable[None]]


def leave(server: ReplayServer, use: Use) -> float:
    """Seconds from the moment that `use` is done until the server sees the connection closed."""
    left = Left()

    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started())
        left(exchange)

    async def main() -> float:
        async with AsyncDifyWorkflow(
            "app-x", base_url=server.handle(handler), check_inputs=False
        ) as client:
            await use(client.run_workflow_stream({}))
            done = time.monotonic()
            return await asyncio.to_thread(left.seconds_since, done)

    return asyncio.run(main())


def test_breaking_out_of_async_for_closes_the_connection_at_once(server: ReplayServer) -> None:
    kept: list[AsyncWorkflowStream] = []

    async def use(stream: AsyncWorkflowStream) -> None:
        kept.append(stream)  # so that it is the loop that closes, and no finalizer of the stream
        async for _ in stream:
            break

    assert leave(server, use) < SOON


def test_cancellation_closes_the_connection_at_once(server: ReplayServer) -> None:
    async def use(stream: AsyncWorkflowStream) -> None:
        reading = asyncio.Event()

        async def read() -> None:
            async with stream:
                async for _ in stream:
                    reading.set()

        task = asyncio.create_task(read())
        await reading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert leave(server, use) < SOON


def test_cancelling_result_closes_the_connection_at_once(server: ReplayServer) -> None:
    kept: list[AsyncWorkflowStream] = []

    async def use(stream: AsyncWorkflowStream) -> None:
        kept.append(stream)
        await stream
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await stream.result()

    assert leave(server, use) < SOON


def test_a_stream_that_is_forgotten_closes_its_connection(server: ReplayServer) -> None:
    async def use(stream: AsyncWorkflowStream) -> None:
        await anext(stream)
        del stream

    async def forget(stream: AsyncWorkflowStream) -> None:
        await use(stream)
        del stream
        gc.collect()

    assert leave(server, forget) < SOON


def test_a_stream_can_be_awaited_entered_or_just_iterated(emulator: Emulator) -> None:
    async def main() -> list[int]:
        async with emulator.async_client("echo") as client:
            awaited = await client.run_workflow_stream({"name": "Ann"})
            counts = [len([event async for event in awaited])]
            async with client.run_workflow_stream({"name": "Ann"}) as entered:
                counts.append(len([event async for event in entered]))
            iterated = client.run_workflow_stream({"name": "Ann"})
            return [*counts, len([event async for event in iterated])]

    assert asyncio.run(main()) == [7, 7, 7]


def test_a_second_event_loop_with_a_new_client_works(emulator: Emulator) -> None:
    async def main() -> str:
        async with emulator.async_client("echo") as client:
            return (await client.run_workflow({"name": "Ann"})).status

    assert [asyncio.run(main()), asyncio.run(main())] == ["succeeded", "succeeded"]


def test_a_client_that_outlives_its_event_loop_makes_new_connections(emulator: Emulator) -> None:
    client = emulator.async_client("echo")

    async def main(*, last: bool) -> str:
        status = (await client.run_workflow({"name": "Ann"})).status
        if last:
            await client.close()
        return status

    statuses = [asyncio.run(main(last=last)) for last in (False, False, True)]
    assert statuses == ["succeeded"] * 3


def test_many_runs_at_once_all_succeed_and_ask_for_the_inputs_once(emulator: Emulator) -> None:
    """More than httpx's default of a hundred connections: streams must not wait for each other."""

    async def main() -> list[str]:
        async with emulator.async_client("slow") as client:
            runs = [client.run_workflow({"secs": 0.3}) for _ in range(120)]
            return [run.status for run in await asyncio.gather(*runs)]

    assert asyncio.run(main()) == ["succeeded"] * 120
