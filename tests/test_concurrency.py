"""Calls work with threads, tasks, the garbage collector, forks and shared connections."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from test_stream import Left

from dify_workflow import (
    AsyncDifyWorkflow,
    BadRequestError,
    DifyWorkflow,
    StreamError,
    WorkflowRunResponse,
    WorkflowStreamError,
)
from dify_workflow._http import retry as _retry
from dify_workflow._http.sync_network import Turn
from dify_workflow.emulator import Emulator, node, workflow
from support import events
from support.events import PING
from support.http2 import http2_server
from support.pace import hurried
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE, SOON
from support.worlds import World

# ------------------------------------------------------------------- several users of one stream


def stoppable(stop_is_near: threading.Event) -> Callable[[Exchange], None]:
    """Serves a run whose first event comes when a stop is near, and whose last one behind it."""
    stopped = threading.Event()

    def handler(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stop"):
            exchange.whole(b'{"result": "success"}')
            stopped.set()
            return
        exchange.start_stream()
        exchange.chunk(PING)
        assert stop_is_near.wait(PATIENCE)
        exchange.chunk(events.started())
        assert stopped.wait(PATIENCE)
        exchange.chunk(events.finished("stopped"))
        exchange.end_stream()

    return handler


def test_a_stop_waits_for_the_task_that_another_reader_finds(
    both: World, server: ReplayServer
) -> None:
    stop_is_near = threading.Event()
    url = server.handle(stoppable(stop_is_near))
    stream = both.client(base_url=url, check_inputs=False).run_workflow_stream({})
    with ThreadPoolExecutor() as threads:
        result = threads.submit(stream.result)
        stop = threads.submit(stream.stop)
        threading.Timer(0.1, stop_is_near.set).start()
        assert stop.result(10).result == "success"
        assert result.result(10).status == "stopped"


def test_a_signals_handler_that_waits_for_its_turn_keeps_no_thread_from_working() -> None:
    turn, has_begun, asked, done = Turn(), threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        assert turn.acquire(lambda: False)
        has_begun.set()
        assert asked.wait(PATIENCE)
        done.set()
        turn.release()

    def handler(*_: object) -> None:
        asked.set()
        turn.acquire(done.is_set)

    def is_over() -> bool:
        if not asked.is_set():
            signal.raise_signal(signal.SIGUSR1)  # at a moment when the turn is looked at
        return done.is_set()

    before = signal.signal(signal.SIGUSR1, handler)
    worker = threading.Thread(target=work, daemon=True)
    try:
        worker.start()
        assert has_begun.wait(PATIENCE)
        assert not turn.acquire(is_over)
    finally:
        signal.signal(signal.SIGUSR1, before)
    worker.join(PATIENCE)
    assert not worker.is_alive()


def test_who_asks_a_closed_stream_does_not_wait_for_who_reads_it(server: ReplayServer) -> None:
    reopened, may_end = threading.Event(), threading.Event()

    def handler(exchange: Exchange) -> None:
        if "/events" in exchange.request.target:
            reopened.set()
            may_end.wait(PATIENCE)
            return
        exchange.start_stream()
        exchange.chunk(events.started())

    with DifyWorkflow("app-key", base_url=server.handle(handler), check_inputs=False) as client:
        stream = hurried(client).run_workflow_stream({})
        with ThreadPoolExecutor() as threads:
            reading = threads.submit(list[Any], stream)
            assert reopened.wait(PATIENCE)
            stream.close()
            asking = threads.submit(stream.started)
            assert isinstance(asking.result(SOON), WorkflowRunResponse)
            asking = threads.submit(stream.result)
            assert isinstance(asking.exception(SOON), StreamError)
            may_end.set()
            assert isinstance(reading.exception(PATIENCE), StreamError)


def test_each_event_goes_to_one_of_several_readers(both: World, server: ReplayServer) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        for number in range(200):
            exchange.chunk(events.text(str(number)))
        exchange.chunk(events.finished())
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    stream = client.run_workflow_stream({})

    def read() -> list[str]:
        texts = []
        while True:
            try:
                event = next(stream)
            except StopIteration:
                return texts
            texts += [event.data.text] if event.event == "text_chunk" else []

    with ThreadPoolExecutor() as threads:
        halves = [threads.submit(read) for _ in range(2)]
        texts = [text for half in halves for text in half.result(20)]
    assert sorted(texts, key=int) == [str(number) for number in range(200)]


# --------------------------------------------------------------------- a run is sent at most once


def sent(server: ReplayServer, url: str) -> int:
    """How many runs were sent to this URL."""
    path = url.removeprefix(server.origin) + "/workflows/run"
    return [request.target for request in server.requests].count(path)


def test_tasks_that_use_a_stream_at_once_send_the_run_once(server: ReplayServer) -> None:
    stop_is_near = threading.Event()
    stop_is_near.set()
    url = server.handle(stoppable(stop_is_near))

    async def main() -> str:
        async with AsyncDifyWorkflow("app-x", base_url=url, check_inputs=False) as client:
            stream = client.run_workflow_stream({})
            run, _, _ = await asyncio.gather(stream.result(), stream.stop(), stream)
            return run.status

    assert asyncio.run(main()) == "stopped"
    assert sent(server, url) == 1


def test_a_run_whose_sending_was_cancelled_is_not_sent_again(server: ReplayServer) -> None:
    arrived = threading.Event()

    def handler(exchange: Exchange) -> None:
        arrived.set()
        exchange.wait_until_left()

    url = server.handle(handler)

    async def main() -> None:
        async with AsyncDifyWorkflow("app-x", base_url=url, check_inputs=False) as client:
            stream = client.run_workflow_stream({})
            first = asyncio.create_task(stream.result())
            await asyncio.to_thread(arrived.wait, PATIENCE)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            for use in (stream.result, stream.stop, stream.__aenter__):
                with pytest.raises(StreamError, match="cancelled before the server answered"):
                    await use()

    asyncio.run(main())
    assert sent(server, url) == 1


def test_a_run_that_was_refused_is_not_sent_again(server: ReplayServer) -> None:
    url = server.handle(lambda exchange: exchange.whole(b'{"message": "no"}', 400, "Bad"))

    async def main() -> None:
        async with AsyncDifyWorkflow("app-x", base_url=url, check_inputs=False) as client:
            stream = client.run_workflow_stream({})
            for use in (stream.__aenter__, stream.result):
                with pytest.raises(BadRequestError, match="no"):
                    await use()

    asyncio.run(main())
    assert sent(server, url) == 1


def test_a_stream_that_is_closed_while_it_is_sent_closes_its_connection(
    server: ReplayServer,
) -> None:
    arrived, closed = threading.Event(), threading.Event()
    left = Left()

    def handler(exchange: Exchange) -> None:
        arrived.set()
        assert closed.wait(PATIENCE)
        exchange.start_stream()
        left(exchange)

    url = server.handle(handler)

    async def main() -> None:
        async with AsyncDifyWorkflow("app-x", base_url=url, check_inputs=False) as client:
            stream = client.run_workflow_stream({})
            reading = asyncio.create_task(stream.result())
            await asyncio.to_thread(arrived.wait, PATIENCE)
            await stream.close()
            closed.set()
            with pytest.raises(StreamError, match="was closed"):
                await reading
            assert await asyncio.to_thread(left.seconds_since, time.monotonic()) < SOON

    asyncio.run(main())


def test_runs_of_an_app_with_a_limit_come_one_after_the_other(
    both: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    @workflow(max_active_requests=1)
    def single(_inputs: Any) -> Any:
        yield from node("work", seconds=0.1)
        return {}

    monkeypatch.setattr(_retry, "FIRST_WAIT", 0.05)
    with Emulator(single) as emulator:
        client = both.client(base_url=emulator.base_url, api_key="app-single")
        with ThreadPoolExecutor(3) as threads:
            runs = [
                threads.submit(client.run_workflow, {}, response_mode="blocking") for _ in range(3)
            ]
            assert [run.result(PATIENCE).status for run in runs] == ["succeeded"] * 3
        assert len(emulator.requests) > 3, "some were refused"


# ------------------------------------------------------------------------- the garbage collector


@pytest.mark.parametrize("kind", ["stream", "media"])
def test_a_stream_may_be_collected_while_the_lock_of_the_pool_is_held(
    server: ReplayServer, kind: str
) -> None:
    # The collector runs wherever memory is taken, also within httpcore.
    left = Left()

    def handler(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/info"):
            exchange.whole(b'{"name": "n", "description": "", "tags": [], "mode": "workflow"}')
            return
        exchange.start_stream()
        exchange.chunk(events.started())
        left(exchange)

    own = httpx.Client(trust_env=False)
    client = DifyWorkflow(
        "app-x", base_url=server.handle(handler), http_client=own, check_inputs=False
    )
    pool: Any = own._transport._pool  # type: ignore[attr-defined]  # see above
    stream: Any
    if kind == "stream":
        stream = client.run_workflow_stream({})
    else:
        stream = client.file_preview("57455633-bab6-4ea6-b8d6-850b5ae09145")
    iteration = iter(stream)
    next(iteration)
    knot: list[Any] = [stream, iteration]
    knot.append(knot)
    dropped: list[float] = []

    def collect() -> None:
        with pool._optional_thread_lock:  # see above
            gc.collect()
            dropped.append(time.monotonic())

    gc.collect()
    gc.disable()
    try:
        del stream, iteration, knot
        collector = threading.Thread(target=collect, daemon=True)
        collector.start()
        collector.join(PATIENCE)
        assert dropped, "the finalizer waits for the lock"
    finally:
        gc.enable()
    assert left.seconds_since(dropped[0]) < SOON
    client.app_info()
    assert len(pool.connections) == 1  # that of the second call
    own.close()


def test_a_program_may_end_with_its_stream_open(emulator: Emulator) -> None:
    code = f"""
        from dify_workflow import DifyWorkflow
        stream = DifyWorkflow("app-slow", base_url={emulator.base_url!r}).run_workflow_stream({{}})
        print(next(stream).event)
    """
    run = subprocess.run(  # our own code
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert (run.stdout, run.stderr) == ("workflow_started\n", "")


# --------------------------------------------------------------------------------------- forks


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
def test_a_forked_child_makes_connections_of_its_own_and_leaves_those_of_its_parent(
    emulator: Emulator,
) -> None:
    code = f"""
        import gc, os
        from dify_workflow import APIConnectionError, DifyWorkflow, StreamError
        client = DifyWorkflow({"app-slow"!r}, base_url={emulator.base_url!r})
        stream = client.run_workflow_stream({{}})
        next(stream)
        if os.fork() == 0:
            try:
                stream.result()
            except StreamError as error:
                print(error.__cause__, flush=True)
            print("child", client.app_info().mode, flush=True)
            stream = None
            gc.collect()
            client.close()
            os._exit(0)
        os.wait()
        print("parent", stream.result().status)
    """
    run = subprocess.run(  # our own code
        [sys.executable, "-X", "dev", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines() == [
        "run_workflow_stream: this program closed the connection",
        "child workflow",
        "parent succeeded",
    ]
    assert run.stderr == ""


# ------------------------------------------------------------------------------ many at once


def test_threads_share_one_client(emulator: Emulator) -> None:
    with emulator.client("echo") as client, ThreadPoolExecutor(32) as threads:
        ready = threading.Barrier(32)

        def run(number: int) -> str:
            ready.wait()
            outputs = client.run_workflow({"name": f"n{number}"}).outputs
            return str(outputs["greeting"])

        assert list(threads.map(run, range(32))) == [f"n{number}" for number in range(32)]


@pytest.mark.slow
def test_200_runs_of_7_seconds_at_once_all_succeed_with_the_default_limits(
    emulator: Emulator,
) -> None:
    async def main() -> list[str]:
        async with emulator.async_client("slow") as client:
            runs = await asyncio.gather(*(client.run_workflow({"secs": 7}) for _ in range(200)))
            return [run.status for run in runs]

    assert asyncio.run(main()) == ["succeeded"] * 200


# ---------------------------------------------------------------------------------------- HTTP/2


def test_over_http_2_an_error_event_leaves_the_other_streams_alone() -> None:
    with http2_server() as url:
        own = httpx.Client(http1=False, http2=True, trust_env=False)
        client = DifyWorkflow("app-x", base_url=url, http_client=own, check_inputs=False)
        with client.run_workflow_stream({"kind": "slow"}) as slow:
            next(slow)
            before = time.monotonic()
            with pytest.raises(WorkflowStreamError, match="no luck"):
                client.run_workflow_stream({"kind": "error"}).result()
            assert time.monotonic() - before < SOON
            client.stop_workflow_stream("go-on")
            assert slow.result().status == "succeeded"
        own.close()


def test_over_http_2_a_refusal_is_read() -> None:
    with http2_server() as url:
        own = httpx.Client(http1=False, http2=True, trust_env=False)
        client = DifyWorkflow("app-x", base_url=url, http_client=own, check_inputs=False)
        with pytest.raises(BadRequestError, match="refused"):
            client.run_workflow_stream({"kind": "refused"})
        own.close()


# ------------------------------------------------------------------- hooks of the user's own client


def read_early(response: httpx.Response) -> None:
    response.read()


def raise_early(response: httpx.Response) -> None:
    response.raise_for_status()


async def read_early_async(response: httpx.Response) -> None:
    await response.aread()


async def raise_early_async(response: httpx.Response) -> None:
    response.raise_for_status()


Hook = Callable[[httpx.Response], Any]


@contextmanager
def client_with_hook(both: World, hook: Hook, **options: Any) -> Iterator[Any]:
    kind: Any = httpx.Client if both.name == "sync" else httpx.AsyncClient
    own = kind(event_hooks={"response": [hook]}, trust_env=False)
    yield both.client(http_client=own, **options)
    both.call(own.close if both.name == "sync" else own.aclose)


def test_a_hook_that_reads_the_answer_does_no_harm(both: World, emulator: Emulator) -> None:
    hook: Hook = read_early if both.name == "sync" else read_early_async
    with client_with_hook(both, hook, api_key="app-echo", base_url=emulator.base_url) as client:
        assert client.run_workflow({"name": "Ann"}).status == "succeeded"
        assert client.app_info().mode == "workflow"


def test_a_hook_that_raises_does_not_change_the_error(both: World, server: ReplayServer) -> None:
    url = server.handle(lambda exchange: exchange.whole(b"{}", 400, "Bad"))
    hook: Hook = raise_early if both.name == "sync" else raise_early_async
    with client_with_hook(both, hook, base_url=url, check_inputs=False) as client:
        with pytest.raises(BadRequestError):
            client.app_info()
        with pytest.raises(BadRequestError):
            client.run_workflow({})
