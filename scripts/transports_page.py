"""Writes the table of docs/transports.md: the outcome of failures of a run's POST.

The failures are real: a server on a socket counts the runs that it received. Transports that are
not installed keep their column. To measure all of them::

    python -m venv /tmp/all
    /tmp/all/bin/pip install . h2 httpx2 httpx-aiohttp pyreqwest
    PYTHONPATH=overlay:generated /tmp/all/bin/python -m scripts.transports_page
"""

from __future__ import annotations

import asyncio
import importlib.util
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import httpx
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from dify_workflow import AsyncDifyWorkflow, DefaultAioHttpClient, DifyError, DifyWorkflow
from dify_workflow._http.retry import without_waiting
from dify_workflow._streams.recovery import Pace

PAGE = Path(__file__).resolve().parent.parent / "docs" / "transports.md"
_TABLE = re.compile(r"^\| What happens .*?(?=^(?!\|))", re.MULTILINE | re.DOTALL)

TIMEOUT = httpx.Timeout(1.0, connect=0.5)
QUICK = Pace(longest_search_wait=0.05)
"""The search for lost runs is quick: the server's log is empty."""

NO_RUNS = b'{"page": 1, "limit": 20, "total": 0, "has_more": false, "data": []}'
EVENTS = "text/event-stream"


class Failure(NamedTuple):
    """A failure of a run's POST."""

    name: str
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    breaks: bool = False
    """Whether the answer is cut."""
    mocked: str | None = None
    """The exception of a mock, by its name in httpx."""
    is_before: bool = False
    """Whether it happens before the server has received anything."""
    outcomes: tuple[str, ...] = ("unknown",)
    """The outcomes that an error may name if the server received the run."""


REFUSED = Failure("The server refuses the connection", mocked="ConnectError", is_before=True)
NO_NAME = Failure("The host's name is not known", mocked="ConnectError", is_before=True)
NO_TLS = Failure("TLS fails", mocked="ConnectError", is_before=True)
SLOW = Failure("Connecting takes too long", mocked="ConnectTimeout", is_before=True)
NO_PROXY = Failure("The proxy does not connect", mocked="ProxyError", is_before=True)
CLOSES = Failure("The server takes the POST and closes", mocked="RemoteProtocolError")
IN_HEAD = Failure(
    "It closes within the head of its answer", breaks=True, mocked="RemoteProtocolError"
)
IN_BODY = Failure(
    "It closes within the first event",
    200,
    (("content-type", EVENTS),),
    b'data: {"event": "workf',
    breaks=True,
    mocked="RemoteProtocolError",
)
SILENT = Failure("It is silent for longer than the read timeout", mocked="ReadTimeout")
BUSY = Failure("503 with `Retry-After`", 503, (("retry-after", "0"),))
MOVED = Failure(
    "307 to the same place", 307, (("location", "/v1/workflows/run"),), outcomes=("not_run",)
)
LATE = Failure("408", 408)

FAILURES = (
    *(REFUSED, NO_NAME, NO_TLS, SLOW, NO_PROXY),
    *(CLOSES, IN_HEAD, IN_BODY, SILENT),
    *(BUSY, MOVED, LATE),
)


class Cell(NamedTuple):
    """The result of a failure."""

    posts: int
    """The number of runs that the server received."""
    outcome: str | None
    """The outcome that the error names."""

    def text(self, failure: Failure) -> str:
        """The text in the table: bold if a run is sent twice, or lost."""
        is_lost = self.posts and self.outcome not in failure.outcomes
        text = f"{self.posts}, `{self.outcome}`"
        return f"**{text}**" if self.posts > 1 or is_lost else text


class Server:
    """Speaks HTTP/1.1 and HTTP/2, counts runs, and makes each of them fail."""

    def __init__(self, failure: Failure) -> None:
        self.posts = 0
        self._failure = failure
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._is_over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        self._is_over.set()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                connected, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[connected], daemon=True).start()

    def _serve(self, connected: socket.socket) -> None:
        with connected, suppress(OSError):  # the client disconnected
            start = connected.recv(3, socket.MSG_PEEK)
            if start[:1] == b"\x16":  # TLS, which this server does not speak
                connected.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            elif start == b"PRI":
                self._http2(connected)
            else:
                self._http1(connected)

    def _answer(self, method: str, path: str) -> Failure:
        if method == "CONNECT":
            return Failure("", 502)
        if method == "POST" and path.endswith("/workflows/run"):
            with self._lock:
                self.posts += 1
            return self._failure
        date = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        return Failure("", 200, (("content-type", "application/json"), ("date", date)), NO_RUNS)

    def _http1(self, connected: socket.socket) -> None:
        reader = connected.makefile("rb")
        while line := reader.readline():
            method, path, _ = line.decode().split(" ", 2)
            size = 0
            while header := reader.readline().strip():
                name, _, value = header.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
            reader.read(size)
            answer = self._answer(method, path)
            if answer is SILENT:
                self._is_over.wait()
            if answer is IN_HEAD:
                connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Ty")
            if answer.status is None:
                return
            length = len(answer.body) + answer.breaks
            headers = (*answer.headers, ("content-length", str(length)))
            lines = [f"HTTP/1.1 {answer.status} Status", *(f"{n}: {v}" for n, v in headers)]
            connected.sendall("\r\n".join([*lines, "", ""]).encode() + answer.body)
            if answer.breaks or method == "CONNECT":
                return

    def _http2(self, connected: socket.socket) -> None:
        h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        h2.initiate_connection()
        asked: dict[int, dict[str, str]] = {}
        connected.sendall(h2.data_to_send())
        while data := connected.recv(65_536):
            for event in h2.receive_data(data):
                if isinstance(event, RequestReceived):
                    asked[event.stream_id] = dict(event.headers)  # type: ignore[arg-type]  # decoded
                elif isinstance(event, DataReceived):
                    h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    head = asked[event.stream_id]
                    answer = self._answer(head[":method"], head[":path"])
                    if answer is SILENT:
                        continue
                    if answer is IN_HEAD:
                        connected.sendall(b"\x00\x00\x20\x01")  # the length and type of a frame
                    if answer.status is None:
                        return
                    headers = [(":status", str(answer.status)), *answer.headers]
                    h2.send_headers(event.stream_id, headers)
                    h2.send_data(event.stream_id, answer.body, end_stream=not answer.breaks)
                    connected.sendall(h2.data_to_send())
                    if answer.breaks:
                        return
            connected.sendall(h2.data_to_send())


class Mock:
    """Answers like the server, or raises what httpx raises for a failure."""

    def __init__(self, failure: Failure) -> None:
        self.posts = 0
        self._failure = failure

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        failure = self._failure
        if request.method != "POST":
            return httpx.Response(200, content=NO_RUNS)
        self.posts += not failure.is_before
        error: Exception | None = None
        if failure.mocked is not None:
            error = getattr(httpx, failure.mocked)("mocked", request=request)
        if failure.status is None:
            assert error is not None
            raise error
        headers = dict(failure.headers)
        return httpx.Response(failure.status, headers=headers, stream=_Body(failure.body, error))


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that breaks off."""

    def __init__(self, body: bytes, error: Exception | None) -> None:
        self._body = body
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield self._body
        if self._error:
            raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


class Place(NamedTuple):
    """The place of a failure."""

    failure: Failure
    url: str
    server: Server
    mock: Mock
    proxy: str | None = None

    @property
    def posts(self) -> int:
        """Return how many runs the server, or the mock, received."""
        return self.server.posts + self.mock.posts


@contextmanager
def _no_room() -> Iterator[str]:
    """An address at which connecting never ends: its queue of connections is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.settimeout(0)
            each.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for each in waiting:
            each.close()


@contextmanager
def _nobody() -> Iterator[str]:
    """An address at which nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def place(failure: Failure) -> Iterator[Place]:
    """Open the place of a failure."""
    server, mock = Server(failure), Mock(failure)
    with _nobody() as nobody, _no_room() as no_room:
        origin, proxy = {
            REFUSED: (nobody, None),
            NO_NAME: ("http://nobody.invalid", None),
            NO_TLS: (f"https://{server.address}", None),
            SLOW: (no_room, None),
            NO_PROXY: ("https://dify.example", f"http://{server.address}"),
        }.get(failure, (f"http://{server.address}", None))
        yield Place(failure, f"{origin}/v1", server, mock, proxy)
    server.close()


# --------------------------------------------------------------------------------- transports


def _httpx(where: Place, *, is_async: bool, package: str = "httpx", **options: Any) -> Any:
    module = importlib.import_module(package)
    kind = module.AsyncClient if is_async else module.Client
    return kind(proxy=where.proxy, trust_env=False, **options)


def _mock(where: Place, *, is_async: bool) -> Any:
    kind = httpx.AsyncClient if is_async else httpx.Client
    return kind(transport=httpx.MockTransport(where.mock))


def _aiohttp(where: Place, *, is_async: bool) -> Any:
    assert is_async
    return DefaultAioHttpClient(proxy=where.proxy, trust_env=False)


def _httpx_aiohttp(where: Place, *, is_async: bool) -> Any:
    module = importlib.import_module("httpx_aiohttp")
    assert is_async
    return module.HttpxAiohttpClient(proxy=where.proxy, trust_env=False)


def _pyreqwest(where: Place, *, is_async: bool) -> Any:
    clients = importlib.import_module("pyreqwest.client")
    transports = importlib.import_module("pyreqwest.compatibility.httpx")
    builder = clients.ClientBuilder() if is_async else clients.SyncClientBuilder()
    if where.proxy:
        proxies = importlib.import_module("pyreqwest.proxy")
        builder = builder.proxy(proxies.ProxyBuilder.all(where.proxy))
    else:
        builder = builder.no_proxy()
    if is_async:
        return httpx.AsyncClient(transport=transports.HttpxTransport(builder.build()))
    return httpx.Client(transport=transports.SyncHttpxTransport(builder.build()))


class Transport(NamedTuple):
    """A library that sends requests."""

    name: str
    package: str
    """The packages to install."""
    make: Callable[..., Any]
    worlds: tuple[bool, ...] = (False, True)
    """The kinds of client it works with: sync (False) and async (True)."""
    is_ours: bool = True
    """Whether the tests check its column."""

    @property
    def is_installed(self) -> bool:
        """Whether it can be measured here."""
        return importlib.util.find_spec(self.package.replace("-", "_")) is not None

    @property
    def title(self) -> str:
        """The head of its column."""
        if self.is_ours:
            return self.name
        return f"{self.name} {version(self.package)}<br>({datetime.now(UTC).date()})"


TRANSPORTS = (
    Transport("`httpx`", "httpx", _httpx),
    Transport("`httpx`, HTTP/2", "h2", partial(_httpx, http1=False, http2=True)),
    Transport("`httpx2`", "httpx2", partial(_httpx, package="httpx2")),
    Transport("`DefaultAioHttpClient`", "aiohttp", _aiohttp, (True,)),
    Transport("a mock", "httpx", _mock),
    Transport("`httpx-aiohttp`", "httpx-aiohttp", _httpx_aiohttp, (True,), is_ours=False),
    Transport("`pyreqwest`", "pyreqwest", _pyreqwest, is_ours=False),
)


# --------------------------------------------------------------------------------- measuring


def measured(transport: Transport, failure: Failure, *, is_async: bool) -> Cell:
    """Measure the result of a failure over a transport."""
    with place(failure) as where, without_waiting():
        try:
            if is_async:
                anyio.run(_run_async, transport, where)
            else:
                _run(transport, where)
        except DifyError as error:
            return Cell(where.posts, error.outcome)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # any exception
            return Cell(where.posts, type(error).__name__)
    raise AssertionError(f"{transport.name}: {failure.name}: no error")


def _options(where: Place) -> dict[str, Any]:
    return {"api_key": "app-x", "base_url": where.url, "check_inputs": False, "timeout": TIMEOUT}


def _run(transport: Transport, where: Place) -> None:
    with (
        transport.make(where, is_async=False) as http,
        DifyWorkflow(**_options(where), http_client=http) as client,
    ):
        client._pace = QUICK  # noqa: SLF001  # only tests may set it
        if not where.failure.is_before:
            client.logs()  # like most runs, it uses an existing connection
        client.run_workflow({})


async def _run_async(transport: Transport, where: Place) -> None:
    async with (
        transport.make(where, is_async=True) as http,
        AsyncDifyWorkflow(**_options(where), http_client=http) as client,
    ):
        client._pace = QUICK  # noqa: SLF001  # only tests may set it
        if not where.failure.is_before:
            await client.logs()
        await client.run_workflow({})


def cell(transport: Transport, failure: Failure) -> str:
    """Return the text for the table."""
    texts = {
        is_async: measured(transport, failure, is_async=is_async).text(failure)
        for is_async in transport.worlds
    }
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return f"sync {texts[False]}; async {texts[True]}"


# --------------------------------------------------------------------------------- the table


class Column(NamedTuple):
    """Return a column of the table."""

    title: str
    cells: list[str]


def columns(page: str) -> dict[str, Column]:
    """Return the columns of a page, by the names of their transports."""
    found = _TABLE.search(page)
    if found is None:
        return {}
    head, _, *rows = (line.strip("| ").split(" | ") for line in found[0].splitlines())
    by_title = {title: [row[at] for row in rows] for at, title in enumerate(head)}
    return {
        each.name: Column(title, cells)
        for each in TRANSPORTS
        for title, cells in by_title.items()
        if title == each.name or (not each.is_ours and title.startswith(f"{each.name} "))
    }


def table(of: dict[str, Column]) -> str:
    """The table."""
    shown = [of[each.name] for each in TRANSPORTS if each.name in of]
    lines = [["What happens", *(column.title for column in shown)], ["---"] * (len(shown) + 1)]
    for at, failure in enumerate(FAILURES):
        lines.append([failure.name, *(column.cells[at] for column in shown)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Measure the installed transports, and write the page."""
    page = PAGE.read_text(encoding="utf-8")
    found = columns(page)
    for each in TRANSPORTS:
        if each.is_installed:
            found[each.name] = Column(each.title, [cell(each, failure) for failure in FAILURES])
        else:
            print(f"{each.name} is not installed; its column stays as it is.")
    PAGE.write_text(_TABLE.sub(lambda _: table(found), page), encoding="utf-8")
    print(f"Written: {PAGE.name}")


if __name__ == "__main__":
    main()
