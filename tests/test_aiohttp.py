"""Requests over aiohttp: its failures by phase, its connections, and what it must not do by itself.

That runs are sent once and found again is for the tests of all clients: ``--http-client=aiohttp``.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx
import pytest

from dify_workflow import AsyncDifyWorkflow, DefaultAioHttpClient, RunOutcomeUnknownError
from dify_workflow.emulator import Emulator
from support.listeners import OK, head_of, is_left, listening, with_client
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE, wait_until

# ------------------------------------------------------------------------- nothing by itself


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_request_whose_kept_connection_is_closed_is_not_repeated(
    method: str, *, is_told: bool
) -> None:
    heads: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(OK)
        heads.append(head_of(connection))  # and closes

    async def use(client: DefaultAioHttpClient) -> None:
        await client.get(listener.url)
        if not is_told:  # an aiohttp that has no such switch any more
            (pool,) = client._transport._pools.values()
            pool.session._retry_connection = True
        with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
            await client.request(method, listener.url)

    with listening(serve) as listener:
        with_client(use)
        assert len([head for head in heads if head]) == 1
        assert listener.connections == 1 or not is_told


def test_a_run_whose_kept_connection_is_closed_is_sent_once(server: ReplayServer) -> None:
    runs: list[bytes] = []

    def handler(exchange: Exchange) -> None:
        if exchange.request.method == "POST":
            runs.append(exchange.request.body)
        else:
            exchange.whole(b'{"page": 1, "limit": 1, "total": 0, "has_more": false, "data": []}')

    async def run() -> None:
        async with (
            DefaultAioHttpClient() as http,
            AsyncDifyWorkflow(
                "app-x", base_url=server.handle(handler), http_client=http, check_inputs=False
            ) as client,
        ):
            await client.logs()
            with pytest.raises(RunOutcomeUnknownError):
                await client.run_workflow({}, response_mode="blocking")

    asyncio.run(run())
    assert len(runs) == 1


def test_a_kept_connection_that_was_closed_meanwhile_is_not_used() -> None:
    is_asked = threading.Event()

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(OK)
        is_asked.wait(PATIENCE)

    async def use(client: DefaultAioHttpClient) -> None:
        assert (await client.post(listener.url)).text == "ok"
        is_asked.set()
        time.sleep(0.2)  # noqa: ASYNC251  # the event loop itself cannot see that it is closed
        assert (await client.post(listener.url)).text == "ok"

    with listening(serve) as listener:
        with_client(use)
        assert listener.connections == 2


def test_bytes_after_an_answer_are_not_read_as_the_next_answer() -> None:
    is_kept, is_sent = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(OK)
        if listener.connections == 1:
            is_kept.wait(PATIENCE)
            connection.sendall(OK.replace(b"ok", b"no"))
            is_sent.set()
        head_of(connection)
        connection.sendall(OK)

    async def use(client: DefaultAioHttpClient) -> None:
        assert (await client.get(listener.url)).text == "ok"
        is_kept.set()
        await asyncio.to_thread(is_sent.wait, PATIENCE)
        await asyncio.sleep(0.1)  # aiohttp reads and keeps it
        assert (await client.get(listener.url)).text == "ok"

    with listening(serve) as listener:
        with_client(use)
        assert listener.connections == 2


def test_redirects_cookies_and_encodings_are_left_to_httpx() -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(
            b"HTTP/1.1 307 Later\r\nLocation: /other\r\nSet-Cookie: a=b\r\n"
            b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nraw"
        )

    async def use(client: DefaultAioHttpClient) -> None:
        async with client.stream("GET", listener.url, follow_redirects=False) as response:
            assert response.status_code == 307
            assert response.headers["set-cookie"] == "a=b"
            assert response.reason_phrase == "Later"
            assert response.http_version == "HTTP/1.1"
            assert [piece async for piece in response.aiter_raw()] == [b"raw"]

    with listening(serve) as listener:
        with_client(use)
        assert listener.connections == 1


def test_the_address_is_sent_as_it_is() -> None:
    def serve(connection: socket.socket) -> None:
        listener.heads.append(head_of(connection))
        connection.sendall(OK)

    url = "/v1/a%2Fb%C3%A9;c=%20/%2e%2e/d?x=%2F+%26y&z=%25#fragment"

    async def use(client: DefaultAioHttpClient) -> None:
        await client.get(f"http://user:password@{listener.address}{url}")

    with listening(serve) as listener:
        with_client(use)
        line = listener.heads[0].splitlines()[0]
        assert line == f"GET {httpx.URL('http://x' + url).raw_path.decode()} HTTP/1.1".encode()
        assert f"Host: {listener.address}".encode() in listener.heads[0]


def test_trailers_and_early_hints_do_no_harm_and_the_connection_is_kept() -> None:
    def serve(connection: socket.socket) -> None:
        while head_of(connection):
            connection.sendall(
                b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n"
                b"3;a=b\r\nabc\r\n0\r\nx: y\r\n\r\n"
            )

    async def use(client: DefaultAioHttpClient) -> None:
        for _ in range(2):
            assert (await client.get(listener.url)).content == b"abc"

    with listening(serve) as listener:
        with_client(use)
        assert listener.connections == 1


def test_a_body_is_sent_as_it_comes() -> None:
    is_first = threading.Event()

    def serve(connection: socket.socket) -> None:
        listener.heads.append(head_of(connection))
        assert connection.recv(100).startswith(b"3\r\nabc\r\n")
        is_first.set()
        rest = b""
        while not rest.endswith(b"0\r\n\r\n"):
            rest += connection.recv(100)
        listener.heads.append(rest)
        connection.sendall(OK)

    async def body() -> AsyncIterator[bytes]:
        yield b"abc"
        await asyncio.to_thread(is_first.wait, PATIENCE)
        yield b""
        yield b"de"

    with listening(serve) as listener:
        with_client(lambda client: client.post(listener.url, content=body()))
        assert listener.heads[0].lower().count(b"transfer-encoding: chunked") == 1
        assert listener.heads[1] == b"2\r\nde\r\n0\r\n\r\n"


def test_an_answer_that_comes_before_the_body_is_sent_counts() -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        is_left(connection)

    async def use(client: DefaultAioHttpClient) -> None:
        response = await client.post(listener.url, content=b"x" * 50_000_000)
        assert (response.status_code, response.text) == (413, "no")

    with listening(serve) as listener:
        with_client(use)


# -------------------------------------------------------------------------------- connections


@pytest.mark.parametrize(
    ("limits", "made"),
    [
        ({"max_keepalive_connections": 0}, 4),
        ({"max_keepalive_connections": 1}, 3),
        ({"max_keepalive_connections": None, "keepalive_expiry": None}, 2),
        ({"keepalive_expiry": 0}, 4),
    ],
)
def test_no_more_idle_connections_are_kept_than_may_be(limits: dict[str, Any], made: int) -> None:
    def serve(connection: socket.socket) -> None:
        while head_of(connection):
            together.wait(PATIENCE)
            connection.sendall(OK)

    async def use(client: DefaultAioHttpClient) -> None:
        for _ in range(2):
            await asyncio.gather(client.get(listener.url), client.get(listener.url))

    together = threading.Barrier(2)
    with listening(serve) as listener:
        with_client(use, limits=httpx.Limits(**limits))
        assert listener.connections == made


@pytest.mark.parametrize("at", ["head", "body", "upload"])
def test_a_request_that_is_cancelled_closes_its_connection(at: str) -> None:
    is_there, left = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        if at == "body":
            connection.sendall(OK[:-1])
        is_there.set()
        if at == "upload":
            left.wait(1)
        assert is_left(connection)
        left.set()

    async def use(client: DefaultAioHttpClient) -> None:
        content = b"x" * 50_000_000 if at == "upload" else b"x"
        task = asyncio.create_task(client.post(listener.url, content=content))
        await asyncio.to_thread(is_there.wait, PATIENCE)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(left.wait, PATIENCE)

    with listening(serve) as listener:
        with_client(use)


def test_closing_the_client_wakes_who_reads() -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(OK[:-1])
        is_left(connection)

    async def use(client: DefaultAioHttpClient) -> None:
        async with client.stream("GET", listener.url) as response:
            pieces = response.aiter_raw()
            await anext(pieces)
            reading = asyncio.ensure_future(anext(pieces))
            await asyncio.sleep(0.05)
            await client.aclose()
            with pytest.raises(httpx.ReadError):
                await reading

    with listening(serve) as listener:
        with_client(use)


def test_a_client_serves_one_event_loop_after_the_other() -> None:
    def serve(connection: socket.socket) -> None:
        while head_of(connection):
            connection.sendall(OK)

    client = DefaultAioHttpClient(trust_env=False)

    async def use() -> str:
        return (await client.get(listener.url)).text

    with listening(serve) as listener:
        assert [asyncio.run(use()) for _ in range(3)] == ["ok", "ok", "ok"]
        wait_until(lambda: gc.collect() is not None)  # a connection left open would warn
        assert listener.connections == 3


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop for Windows")
def test_it_works_on_uvloop() -> None:
    import uvloop  # noqa: PLC0415  # not there on Windows

    with Emulator() as emulator:

        async def run() -> list[str]:
            async with (
                DefaultAioHttpClient() as http,
                emulator.async_client("story", http_client=http) as client,
                client.run_workflow_stream({"topic": "x"}) as stream,
            ):
                return [event.event async for event in stream]

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            names = runner.run(run())
    assert names[0] == "workflow_started"
    assert names[-1] == "workflow_finished"


# ---------------------------------------------------------------------------- what it stands on


def test_aiohttp_has_the_names_that_are_no_options() -> None:
    async def look() -> tuple[bool, bool]:
        async with aiohttp.ClientSession() as session:
            return session._retry_connection, hasattr(session.connector, "_conns")

    assert asyncio.run(look()) == (True, True)


def test_without_aiohttp_the_error_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "from dify_workflow import *\n"
        "try: DefaultAioHttpClient()\n"
        "except ConfigurationError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install 'dify-workflow[aiohttp]'" in done.stdout


def test_importing_the_package_imports_no_aiohttp() -> None:
    program = "import sys, dify_workflow; dify_workflow.DefaultAioHttpClient; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "aiohttp" not in done.stdout.split()
