"""What a failure over aiohttp is, by phase."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from dify_workflow import AsyncDifyWorkflow, DefaultAioHttpClient, DifyError
from support.listeners import OK, head_of, is_left, listening, with_client
from support.waiting import PATIENCE

# --------------------------------------------------------------------------- failures by phase


def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(httpx.ConnectError):
            with_client(lambda client: client.post(f"http://127.0.0.1:{bound.getsockname()[1]}"))


def test_connecting_takes_too_long(unreachable: str) -> None:
    with pytest.raises(httpx.ConnectTimeout):
        with_client(lambda client: client.post(unreachable, timeout=httpx.Timeout(5, connect=0.2)))


def test_a_connection_does_not_become_free() -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        is_left(connection)

    async def use(client: DefaultAioHttpClient) -> None:
        async with client.stream("GET", listener.url):
            with pytest.raises(httpx.PoolTimeout):
                await client.get(listener.url, timeout=httpx.Timeout(5, pool=0.1))
        async with client.stream("GET", listener.url) as response:
            assert response.status_code == 200

    with listening(serve) as listener:
        with_client(use, limits=httpx.Limits(max_connections=1))


def test_the_wait_for_a_free_connection_is_not_time_for_connecting() -> None:
    def serve(connection: socket.socket) -> None:
        while head_of(connection):
            connection.sendall(OK[:-1])
            time.sleep(0.6)
            connection.sendall(OK[-1:])

    async def use(client: DefaultAioHttpClient) -> None:
        timeout = httpx.Timeout(PATIENCE, connect=0.3)
        await asyncio.gather(*(client.get(listener.url, timeout=timeout) for _ in range(2)))

    with listening(serve) as listener:
        with_client(use, limits=httpx.Limits(max_connections=1))


def test_the_server_does_not_take_the_request() -> None:
    is_over = threading.Event()

    def serve(connection: socket.socket) -> None:
        is_over.wait(PATIENCE)
        assert is_left(connection)
        left.set()

    left = threading.Event()
    with listening(serve) as listener:
        with pytest.raises(httpx.WriteTimeout):
            with_client(
                lambda client: client.post(
                    listener.url, content=b"x" * 50_000_000, timeout=httpx.Timeout(5, write=0.3)
                )
            )
        is_over.set()
        assert left.wait(PATIENCE)


def test_timeouts_are_for_each_piece_and_not_for_the_whole_request() -> None:
    """The bounds are for each piece and each wait, and never for all of them."""
    size = 40_000_000

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        got = 0
        while got < size:
            got += len(connection.recv(1_000_000))
            time.sleep(0.01)
        connection.sendall(OK)

    async def use(client: DefaultAioHttpClient) -> str:
        timeout = httpx.Timeout(5, read=0.5, write=5)
        return (await client.post(listener.url, content=bytes(size), timeout=timeout)).text

    with listening(serve) as listener:
        assert with_client(use) == "ok"


@pytest.mark.parametrize(
    "head",
    [
        b"101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade",
        b"099 X\r\nContent-Length: 0",
    ],
)
def test_after_a_status_below_200_the_connection_is_closed_and_the_outcome_is_unknown(
    head: bytes,
) -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 " + head + b"\r\n\r\n")
        assert is_left(connection)
        left.set()

    async def use(client: DefaultAioHttpClient) -> None:
        options: dict[str, Any] = {"check_inputs": False, "recover": False, "http_client": client}
        async with AsyncDifyWorkflow("app-x", base_url=listener.url, **options) as workflow:
            with pytest.raises(DifyError) as caught:
                await workflow.run_workflow({})
        assert caught.value.outcome == "unknown"
        assert await asyncio.to_thread(left.wait, PATIENCE), "while the client is open"

    left = threading.Event()
    with listening(serve) as listener:
        with_client(use)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-", OK[:-1]])
def test_the_server_is_silent(start: bytes, method: str) -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(start)
        assert is_left(connection)
        left.set()

    left = threading.Event()
    with listening(serve) as listener:
        with pytest.raises(httpx.ReadTimeout):
            with_client(lambda client: client.request(method, listener.url, timeout=0.2))
        assert left.wait(PATIENCE)


def test_who_reads_slowly_does_not_count_as_a_silent_server() -> None:
    is_slow = threading.Event()

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        is_slow.wait(PATIENCE)
        connection.sendall(b"k")

    async def use(client: DefaultAioHttpClient) -> bytes:
        async with client.stream("GET", listener.url, timeout=httpx.Timeout(5, read=0.3)) as got:
            pieces = got.aiter_raw()
            first = await anext(pieces)
            await asyncio.sleep(0.6)
            is_slow.set()
            return first + await anext(pieces)

    with listening(serve) as listener:
        assert with_client(use) == b"ok"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Ty", httpx.RemoteProtocolError),
        (b"SSH-2.0-OpenSSH_9.2\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000 + b"\r\n\r\n", httpx.RemoteProtocolError),
        (OK[:-1], httpx.RemoteProtocolError),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nnone\r\n",
            httpx.RemoteProtocolError,
        ),
    ],
    ids=["nothing", "head", "no HTTP", "length", "long", "body", "chunk"],
)
def test_the_server_breaks_off(answer: bytes, kind: type[Exception]) -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer)

    with listening(serve) as listener, pytest.raises(kind) as caught:
        with_client(lambda client: client.post(listener.url))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None, "errors of aiohttp have the key in their headers"


def test_the_server_resets_the_connection() -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with listening(serve) as listener, pytest.raises(httpx.ReadError):
        with_client(lambda client: client.post(listener.url))


def test_bytes_before_a_break_are_read_before_the_error() -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")

    async def use(client: DefaultAioHttpClient) -> None:
        async with client.stream("GET", listener.url) as response:
            await asyncio.sleep(0.3)  # both are there before anything is read
            pieces = response.aiter_raw()
            assert await anext(pieces) == b"abc"
            with pytest.raises(httpx.RemoteProtocolError):
                await anext(pieces)

    with listening(serve) as listener:
        with_client(use)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"headers": {"X": "a\r\nb: c"}}, httpx.LocalProtocolError),
        ({"headers": {"X": b"\xff"}}, httpx.LocalProtocolError),
        ({"headers": {"Content-Length": "5"}, "content": b"four"}, httpx.LocalProtocolError),
        ({"headers": {"Content-Length": "3"}, "content": b"four"}, httpx.LocalProtocolError),
    ],
    ids=["newline", "no UTF-8", "too little", "too much"],
)
def test_the_request_is_none(options: dict[str, Any], kind: type[Exception]) -> None:
    def serve(connection: socket.socket) -> None:
        is_left(connection)

    with listening(serve) as listener, pytest.raises(kind):
        with_client(lambda client: client.post(listener.url, **options))


def test_another_protocol_is_not_spoken() -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        with_client(lambda client: client.get("ftp://127.0.0.1/"))


def test_what_the_body_raises_comes_out_as_it_is() -> None:
    class LostError(Exception):
        pass

    async def body() -> AsyncIterator[bytes]:
        yield b"abc"
        raise LostError

    def serve(connection: socket.socket) -> None:
        is_left(connection)

    with listening(serve) as listener, pytest.raises(LostError):
        with_client(lambda client: client.post(listener.url, content=body()))
