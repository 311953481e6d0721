"""The HTTP server of the emulator: uvicorn, its connections, allowed hosts, outages."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import shlex
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from email.utils import formatdate
from typing import Literal, TypeAlias, get_args

import uvicorn
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from .dialect import Settings
from .fault import Fault, error_answer
from .faults import Faults
from .requests import ApiError

OutageAnswer: TypeAlias = Literal["refuse", "close", 502, 503, 504]
"""What clients get during an outage; see `Emulator.outage`."""

_METHODS = ("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT")
_NAMED = {"authorization", "content-type"}
"""Methods and headers that web pages of other origins may use."""

_SHUTDOWN_SECONDS = 1
"""Seconds for which open streams may delay the stop of the server."""

_MOMENT = 0.001
"""Seconds between two looks at what is still open, while the server stops."""

_ANY = "*"
"""Allows every host."""


def dated(application: ASGIApp, settings: Settings) -> ASGIApp:
    """Add a ``Date`` header to the answers of an application, by the server's clock."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start" and settings.date_header:
                date = formatdate(settings.now(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await application(scope, receive, send_dated)

    return answer


def open_to_browsers(application: ASGIApp) -> ASGIApp:
    """Let web pages of any origin call an application, as real servers do.

    Answers name the page's origin in place of ``*``. The preflight request, which a browser sends
    before it sends a key, is answered too.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope)
        origin = asked.get("origin")

        async def send_allowed(message: Message) -> None:
            if message["type"] == "http.response.start" and origin:
                headers = MutableHeaders(scope=message)
                if "access-control-allow-origin" in headers:
                    headers["access-control-allow-origin"] = origin
                    headers.add_vary_header("Origin")
                    if asked.get("access-control-request-method") in _METHODS:
                        named = asked.get("access-control-request-headers", "").split(",")
                        allowed = {name.strip() for name in named if name.strip().lower() in _NAMED}
                        headers["access-control-allow-headers"] = ", ".join(sorted(allowed))
                        headers["access-control-allow-methods"] = ", ".join(_METHODS)
            await send(message)

        await application(scope, receive, send_allowed)

    return answer


class _Protocol(H11Protocol):
    """An HTTP connection that a request can access, so that faults can break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's is narrower still
        """Set up a connection."""
        super().connection_made(transport)
        # asyncio sets this only for sockets that it opened itself. Without it, each answer waits
        # 40 ms until the client acknowledges the head.
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}


class _HangUp(asyncio.Protocol):
    """A connection that closes at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close the connection."""
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


class Server(uvicorn.Server):
    """A uvicorn server that reports when it accepts connections, and ends streams before it stops.

    During an outage nothing listens at its port, or each connection is closed at once.
    """

    def __init__(
        self, application: ASGIApp, close: Callable[[], Awaitable[None]], log_level: str
    ) -> None:
        config = uvicorn.Config(
            application,
            loop="asyncio",
            http=_Protocol,
            log_level=log_level,
            server_header=False,
            date_header=False,
            lifespan="off",
        )
        super().__init__(config)
        self.ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._close = close
        self._place: socket.socket | None = None
        self._stopping = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start accepting connections."""
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """Wait until it is to stop: uvicorn asks ten times a second, and each stop waits for it."""
        await self._stopping.wait()

    def stop(self) -> None:
        """Let the server stop, from any thread."""
        assert self.loop is not None
        with suppress(RuntimeError):  # it has stopped by itself
            self.loop.call_soon_threadsafe(self._stopping.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what is running, then stop. Unlike uvicorn's, it waits for nothing that has ended."""
        await self._close()
        if self._place is not None:
            self._place.close()
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(_SHUTDOWN_SECONDS):
                # uvicorn does not report when the last one ends.
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110
                    await asyncio.sleep(_MOMENT)
        except TimeoutError:
            for task in self.server_state.tasks:
                task.cancel()

    def cut(self) -> None:
        """Cut all connections, in the middle of their answers."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def go_away(self, *, hangs_up: bool) -> None:
        """Stop listening. Each connection closes after its present answer.

        Args:
            hangs_up: Whether connections are accepted and closed; otherwise they are refused.
        """
        place = await self._free_place()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if hangs_up:
            loop = asyncio.get_running_loop()
            self.servers = [await loop.create_server(_HangUp, sock=place)]
        else:
            self._place = place

    async def come_back(self) -> None:
        """Listen again."""
        place, self._place = self._place or await self._free_place(), None
        await super().startup([place])

    async def _free_place(self) -> socket.socket:
        """Close what listens. Return a socket that keeps the address and does not listen."""
        (listener,) = self.servers[0].sockets
        address = listener.getsockname()
        with suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().remove_reader(listener.fileno())
        # Let asyncio set up the connections that it has just accepted: after the close it cannot.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.servers[0].close()
        self.servers = []
        place = socket.socket(listener.family)
        if os.name == "posix":  # older connections may still hold the address
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(address)
        return place


def checked_hosts(hosts: Iterable[str]) -> frozenset[str]:
    """Return names of hosts in the form that `guarded` compares.

    Raises:
        TypeError: `hosts` is a single text.
        ValueError: One of them is not a host name or address.
    """
    if isinstance(hosts, str):
        raise TypeError(f"allowed_hosts takes a list of hosts, such as [{hosts!r}]")
    names = frozenset(map(_name_of, hosts))
    for name in names:
        if not name or set(name) & set(" /@?#"):
            raise ValueError(f"{name!r} is not a host: give a name or an address, such as emulator")
    return names


def guarded(application: ASGIApp, allowed: frozenset[str]) -> ASGIApp:
    """Refuse requests for a host that is neither loopback nor allowed.

    Any web page can make a name of its own resolve to this machine (DNS rebinding). It could then
    read what a server on this machine shows, such as the keys on the emulator's page.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        host = Headers(scope=scope).get("host", "")
        name = _name_of(host)
        if _ANY in allowed or _is_local(name) or name in allowed:
            await application(scope, receive, send)
            return
        text = (
            f"This emulator does not serve the host {name!r}, as a protection against DNS "
            f"rebinding. If the name is yours, allow it: --allowed-host {shlex.quote(name)}, or "
            f"Emulator(allowed_hosts=[{name!r}])."
        )
        body = ApiError(403, "forbidden", text).body
        await JSONResponse(body, 403)(scope, receive, send)

    return answer


def _is_local(name: str) -> bool:
    """Whether it is ``localhost`` or a loopback address."""
    with suppress(ValueError):
        return ipaddress.ip_address(name).is_loopback
    return name == "localhost"


def _name_of(host: str) -> str:
    """Return the host in a ``Host`` header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() and ":" not in name else host).lower()


class Outages:
    """Outages of the server. Its workers continue their runs."""

    def __init__(self, server: Server, faults: Faults) -> None:
        self._server = server
        self._faults = faults
        self._is_away = False
        self._page: Fault | None = None
        self._end: asyncio.Task[None] | None = None

    async def begin(
        self, seconds: float | None, answer: OutageAnswer, *, cut_streams: bool
    ) -> None:
        """Begin an outage. The arguments are those of `Emulator.outage`.

        Raises:
            RuntimeError: There is an outage already.
            ValueError: `answer` is unknown.
        """
        if answer not in get_args(OutageAnswer):
            raise ValueError(f"answer must be one of {get_args(OutageAnswer)}, not {answer!r}")
        if self._is_away:
            raise RuntimeError("There is an outage already.")
        self._is_away = True
        if isinstance(answer, int):
            self._page = Fault(answer=error_answer(answer))
            self._faults.add(self._page, times=None)
        else:
            await self._server.go_away(hangs_up=answer == "close")
        if cut_streams:
            self._server.cut()
        await asyncio.sleep(0)  # lets asyncio close what was to be closed
        if seconds is not None:
            self._end = asyncio.create_task(self._end_after(seconds))

    async def _end_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.end()

    async def end(self) -> None:
        """End an outage; without effect if there is none."""
        if not self._is_away:
            return
        self._is_away = False
        if self._end is not None and self._end is not asyncio.current_task():
            self._end.cancel()
        self._end = None
        if self._page is None:
            await self._server.come_back()
            return
        self._faults.remove(self._page)
        self._page = None
