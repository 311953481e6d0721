"""Requests over aiohttp: its failures by phase, its connections, and what it must not do by itself.

That runs are sent once and found again is for the tests of all clients: ``--http-client=aiohttp``.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from dify_workflow import AsyncDifyWorkflow, DefaultAioHttpClient, RunOutcomeUnknownError
from dify_workflow.emulator import Emulator
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE, wait_until

TLS = Path(__file__).parent / "support" / "tls"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Serve = Callable[[socket.socket], None]


class Listener:
    """Gives each connection to a function, in a thread of its own."""

    def __init__(self, serve: Serve) -> None:
        self.heads: list[bytes] = []
        """What came first over each connection."""
        self._serve = serve
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._run, args=[connection], daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(PATIENCE)
            self._serve(connection)


@contextmanager
def listening(serve: Serve) -> Iterator[Listener]:
    listener = Listener(serve)
    try:
        yield listener
    finally:
        listener.close()


def head_of(connection: socket.socket) -> bytes:
    """The head of the next request; empty where none comes."""
    head = b""
    while b"\r\n\r\n" not in head:
        if not (data := connection.recv(1)):
            return b""
        head += data
    return head


def is_left(connection: socket.socket) -> bool:
    """Whether the client closes the connection."""
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def with_client(use: Callable[[DefaultAioHttpClient], Awaitable[Any]], **options: Any) -> Any:
    """What comes of using a client in an event loop of its own."""

    async def run() -> Any:
        async with DefaultAioHttpClient(**{"trust_env": False, **options}) as client:
            return await use(client)

    return asyncio.run(run())


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


# ---------------------------------------------------------------------------- TLS and proxies


def tls_server(connection: socket.socket, *, asks: bool = False) -> None:
    """Answers one request over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem")
    if asks:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(TLS / "authority.pem")
    with context.wrap_socket(connection, server_side=True) as secured:
        while head_of(secured):  # type: ignore[arg-type]  # it reads as sockets do
            secured.sendall(OK)


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(TLS / "authority.pem"))


def test_an_untrusted_certificate_is_refused() -> None:
    with listening(tls_server) as listener:
        url = f"https://{listener.address}"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            with_client(lambda client: client.post(url))
        for verify in (trusting(), False):
            response = with_client(lambda client: client.post(url), verify=verify)
            assert response.text == "ok"


def test_certificates_of_the_environment_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "authority.pem"))
    with listening(tls_server) as listener:
        url = f"https://{listener.address}"
        assert with_client(lambda client: client.get(url), trust_env=True).text == "ok"


def test_a_client_certificate_is_shown() -> None:
    with listening(lambda connection: tls_server(connection, asks=True)) as listener:
        url = f"https://{listener.address}"
        context = trusting()
        with pytest.raises(httpx.TransportError):
            with_client(lambda client: client.get(url), verify=context)
        context.load_cert_chain(TLS / "client.pem")
        assert with_client(lambda client: client.get(url), verify=context).text == "ok"


def login(text: str) -> bytes:
    return b"Proxy-Authorization: Basic " + base64.b64encode(text.encode())


def test_a_proxy_is_asked_for_http_each_time_with_its_password() -> None:
    def serve(connection: socket.socket) -> None:
        while head := head_of(connection):
            proxy.heads.append(head)
            connection.sendall(OK)

    async def use(client: DefaultAioHttpClient) -> None:
        for _ in range(2):
            assert (await client.get("http://dify.example:81/v1/a%2Fb?c")).text == "ok"

    with listening(serve) as proxy:
        with_client(use, proxy=f"http://us%40er:p%3Aw@{proxy.address}")
        assert proxy.connections == 1
        for head in proxy.heads:
            assert head.startswith(b"GET http://dify.example:81/v1/a%2Fb?c HTTP/1.1\r\n")
            assert login("us@er:p:w") in head


def test_a_proxy_tunnels_https_and_the_password_is_for_it_alone() -> None:
    inside: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        proxy.heads.append(head_of(connection))
        connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "server.pem")
        with context.wrap_socket(connection, server_side=True) as secured:
            while head := head_of(secured):  # type: ignore[arg-type]  # it reads as sockets do
                inside.append(head)
                secured.sendall(OK)

    async def use(client: DefaultAioHttpClient) -> None:
        for _ in range(2):
            assert (await client.post("https://localhost:81/v1")).text == "ok"

    with listening(serve) as proxy:
        made = httpx.Proxy(proxy.url, auth=("user", "word"), headers={"X-Team": "billing"})
        with_client(use, proxy=made, verify=trusting())
        (asked,) = proxy.heads
        assert asked.startswith(b"CONNECT localhost:81 HTTP/1.1\r\n")
        assert login("user:word") in asked
        assert b"X-Team: billing" in asked.replace(b"x-team", b"X-Team")
        assert len(inside) == 2
        assert not any(b"proxy-auth" in head.lower() or b"billing" in head for head in inside)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", b""])
def test_a_proxy_that_does_not_connect(answer: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer)

    with listening(serve) as proxy:
        kind = httpx.ProxyError if answer else httpx.ConnectError
        with pytest.raises(kind):
            with_client(lambda client: client.post("https://dify.example"), proxy=proxy.url)


def test_the_proxies_of_the_environment_count_but_for_its_exceptions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(OK.replace(b"ok", b"by"))

    def direct(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(OK)

    async def use(client: DefaultAioHttpClient) -> tuple[str, str]:
        through = await client.get("http://dify.example/")
        return through.text, (await client.get(server.url)).text

    with listening(serve) as proxy, listening(direct) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "localhost, 127.0.0.1")
        assert with_client(use, trust_env=True) == ("by", "ok")


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
