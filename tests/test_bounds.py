"""A deadline is kept in every phase, answers are bounded, and nothing hangs."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest

from dify_workflow import (
    APIConnectionError,
    AsyncDifyWorkflow,
    DifyError,
    DifyWorkflow,
    InvalidRequestError,
    RunDeadlineExceededError,
)
from dify_workflow._http.libraries import hold_pools
from support import events
from support.events import RUN
from support.pace import hurried
from support.recordings import recording
from support.replay import Exchange, ReplayServer
from support.waiting import wait_until
from support.worlds import World

DEADLINE = 1.0
ENDED = 15.0
"""Seconds within which what has a deadline of one second has ended, on a busy machine too."""


@contextmanager
def ends() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < ENDED


def for_ever(piece: bytes, every: float = 0.1, head: bytes = b"") -> Callable[[Exchange], None]:
    """Sends a piece again and again until the client has left."""

    def handler(exchange: Exchange) -> None:
        with suppress(OSError):
            exchange.send(head)
            while True:
                exchange.send(piece)
                time.sleep(every)

    return handler


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
EMPTY_GZIP = gzip.compress(b"")[:10]

ENDLESS = {
    "a head that drips": for_ever(b"X", head=b"HTTP/1.1 200 OK\r\nX-Drip: "),
    "103 again and again": for_ever(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
    "a chunk extension that drips": for_ever(b"x", head=CHUNKED + b"\r\n5;ext="),
    "pings": for_ever(b"d\r\nevent: ping\n\n\r\n", head=CHUNKED + b"\r\n"),
    "a body that drips": for_ever(b"1\r\nx\r\n", head=CHUNKED + b"\r\n"),
    "gzip that yields nothing": for_ever(
        b"5\r\n\x00\x00\x00\xff\xff\r\n",
        head=CHUNKED + b"Content-Encoding: gzip\r\n\r\na\r\n" + EMPTY_GZIP + b"\r\n",
    ),
    "nothing at all": lambda exchange: exchange.wait_until_left(60) and None,
}


@pytest.mark.own_client("for threads with others, the next test says what holds")
@pytest.mark.parametrize("mode", ["streaming", "blocking"])
@pytest.mark.parametrize("name", ENDLESS)
def test_a_deadline_is_kept_although_the_server_sends_without_an_end(
    name: str, mode: str, both: World, server: ReplayServer
) -> None:
    client = both.client(base_url=server.handle(ENDLESS[name]), check_inputs=False)
    with ends(), pytest.raises(RunDeadlineExceededError):
        client.run_workflow({}, response_mode=mode, deadline=DEADLINE)


@pytest.mark.parametrize("name", ENDLESS)
def test_with_a_client_of_the_users_a_deadline_is_kept_when_data_arrives(
    name: str, both: World, server: ReplayServer
) -> None:
    if both.name == "sync" and name in {"a head that drips", "a chunk extension that drips"}:
        return  # httpcore gives no data away before its line is whole
    if both.name == "sync" and name == "103 again and again":
        return  # likewise
    kind = httpx.Client if both.name == "sync" else httpx.AsyncClient
    client = both.client(
        base_url=server.handle(ENDLESS[name]), check_inputs=False, http_client=kind()
    )
    with ends(), pytest.raises(RunDeadlineExceededError):
        client.run_workflow({}, deadline=DEADLINE)


def test_our_own_clients_hold_their_connections_with_this_httpx() -> None:
    """Where a private name of httpx is gone, the deadline would be kept less well, silently."""
    for kind in (httpx.Client, httpx.AsyncClient):
        assert hold_pools(kind(), lambda backend, _pool: backend)


def test_where_httpx_has_no_such_names_calls_still_work(
    both: World, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sync_network", "async_network"):
        monkeypatch.setattr(f"dify_workflow._http.{module}.hold_pools", lambda *_: False)

    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started() + events.finished())
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    assert client.run_workflow({}).status == "succeeded"
    with ends(), pytest.raises(RunDeadlineExceededError):
        client.with_options(base_url=server.handle(ENDLESS["pings"])).run_workflow(
            {}, deadline=DEADLINE
        )


# ------------------------------------------------------------------------------------ closing


def test_closing_ends_threads_that_wait_for_the_head_of_an_answer(server: ReplayServer) -> None:
    waiting = threading.Semaphore(0)

    def handler(exchange: Exchange) -> None:
        waiting.release()
        exchange.wait_until_left(60)

    client = DifyWorkflow("app-x", base_url=server.handle(handler), max_retries=0)
    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(client.info, RUN) for _ in range(8)]
        for _ in calls:
            assert waiting.acquire(timeout=30)
        with ends():
            client.close()
            failures = [call.exception(ENDED) for call in calls]
    for failure in failures:
        assert isinstance(failure, APIConnectionError)
        assert "program closed the connection" in str(failure)


def test_closing_ends_tasks_that_wait_for_the_head_of_an_answer(server: ReplayServer) -> None:
    async def main() -> list[Any]:
        client = AsyncDifyWorkflow("app-x", base_url=server.handle(handler), max_retries=0)
        calls = [asyncio.ensure_future(client.info(RUN)) for _ in range(8)]
        while len(waiting) < 8:  # noqa: ASYNC110  # a thread counts
            await asyncio.sleep(0.01)
        await client.close()
        return await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), ENDED)

    waiting: list[Exchange] = []

    def handler(exchange: Exchange) -> None:
        waiting.append(exchange)
        exchange.wait_until_left(60)

    for failure in asyncio.run(main()):
        assert isinstance(failure, APIConnectionError)
        assert "program closed the connection" in str(failure)


# ------------------------------------------------------------------------- several event loops


def test_one_client_serves_several_event_loops_at_once(server: ReplayServer) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started())
        time.sleep(0.05)
        exchange.chunk(events.finished())
        exchange.end_stream()

    client = AsyncDifyWorkflow("app-x", base_url=server.handle(handler), check_inputs=False)

    async def main() -> list[str]:
        runs = [await asyncio.gather(*(client.run_workflow({}) for _ in range(3))) for _ in "abc"]
        return [run.status for some in runs for run in some]

    with ThreadPoolExecutor(4) as threads, ends():
        found = list(threads.map(lambda _: asyncio.run(main()), range(4)))
    assert found == [["succeeded"] * 9] * 4


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="Linux alone shows open sockets")
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_connections_end_with_their_event_loop(backend: str, server: ReplayServer) -> None:
    detail = recording("1.14.2/ev1_detail_finished")
    run_id = json.loads(detail.body)["id"]
    client = AsyncDifyWorkflow("app-x", base_url=server.url(detail.id))

    async def main() -> None:
        await client.info(run_id)
        assert open_sockets() > before

    before = open_sockets()
    for _ in range(3):
        anyio.run(main, backend=backend)
    wait_until(lambda: open_sockets() <= before)


# -------------------------------------------------------------------------------- cancellation


def open_sockets() -> int:
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += str(entry.readlink()).startswith("socket:")
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="Linux alone shows open sockets")
def test_calls_that_are_cancelled_while_connecting_leave_no_socket(server: ReplayServer) -> None:
    url = server.handle(lambda exchange: exchange.wait_until_left(60) and None)

    async def main() -> None:
        async with AsyncDifyWorkflow("app-x", base_url=url, max_retries=0) as client:
            before = open_sockets()
            for number in range(400):
                call = asyncio.ensure_future(client.info(RUN))
                for _ in range(number % 23):
                    await asyncio.sleep(0)
                await asyncio.sleep((number % 7) * 0.0003)
                call.cancel()
                with suppress(asyncio.CancelledError, DifyError):
                    await call
            # Sockets of the server in this process come and go, and a leak would stay.
            async with asyncio.timeout(ENDED):
                while open_sockets() > before:  # noqa: ASYNC110  # the kernel tells nobody
                    await asyncio.sleep(0.05)

    gc.disable()  # nothing but the client itself closes them
    try:
        asyncio.run(main())
    finally:
        gc.enable()


# ----------------------------------------------------------------------------- exceptions


class Reusing:
    """Raises one and the same exception again and again, as mocks and circuit breakers do."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.error.__context__ = self.error

    def handle_request(self, request: Any) -> Any:
        raise self.error

    async def handle_async_request(self, request: Any) -> Any:
        raise self.error


def transport_of(package: Any, error: Exception) -> Any:
    bases = (Reusing, package.BaseTransport, package.AsyncBaseTransport)
    return type("OfBothWorlds", bases, {})(error)


@pytest.mark.parametrize("package", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_an_exception_that_is_raised_twice_ends_no_call_in_a_loop(
    package: Any, both: World
) -> None:
    kind = package.Client if both.name == "sync" else package.AsyncClient
    own = kind(transport=transport_of(package, package.ConnectError("open")))
    client = hurried(both.client(http_client=own, max_retries=1))
    for _ in range(3):
        with ends(), pytest.raises(APIConnectionError):
            client.info(RUN)


@pytest.mark.parametrize("package", [None, httpx, httpx2], ids=["own", "httpx", "httpx2"])
def test_what_the_program_was_handling_keeps_its_frames_and_its_request(
    package: Any, both: World, server: ReplayServer
) -> None:
    own = None
    if package is None:
        package = httpx
    else:
        own = package.Client() if both.name == "sync" else package.AsyncClient()
    url = server.handle(lambda _exchange: None)
    client = both.client(base_url=url, max_retries=0, http_client=own)
    headers = {"Authorization": "Bearer mine"}
    other = package.Request("GET", "http://example.invalid", headers=headers)
    try:
        raise package.ConnectError("my own", request=other)  # noqa: TRY301  # the program's own
    except package.ConnectError as mine:
        mine.__cause__ = mine
        with pytest.raises(APIConnectionError):
            client.info(RUN)
        assert mine.__traceback__ is not None
    assert other.headers["authorization"] == "Bearer mine"


# --------------------------------------------------------------------------------- files


class Upload:
    """A file as FastAPI hands it over: its methods are coroutines, the file itself is `file`."""

    def __init__(self, content: bytes) -> None:
        self.file = BytesIO(content)
        self.filename = "from-a-form.txt"
        self.content_type = "text/plain"

    async def read(self, _size: int = -1) -> bytes:
        raise AssertionError("the file itself is read")


class AsyncFile:
    """A file as aiofiles opens it."""

    async def read(self, _size: int = -1) -> bytes:
        return b""


def test_an_uploaded_file_of_a_web_framework_is_taken(both: World, server: ReplayServer) -> None:
    bodies: list[bytes] = []

    def handler(exchange: Exchange) -> None:
        bodies.append(exchange.request.body)
        exchange.whole(
            json.dumps({"id": RUN, "name": "x", "size": 1, "created_at": 1}).encode(), 201
        )

    both.client(base_url=server.handle(handler)).upload_file(Upload(b"hello"))
    assert b'filename="from-a-form.txt"' in bodies[0]
    assert b"Content-Type: text/plain" in bodies[0]
    assert b"hello" in bodies[0]


def test_an_async_file_is_refused_and_the_error_says_what_to_give(both: World) -> None:
    with pytest.raises(InvalidRequestError, match=r"cannot be read without `await`.*\.file"):
        both.client().upload_file(AsyncFile())
