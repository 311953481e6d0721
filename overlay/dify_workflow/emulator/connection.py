"""The HTTP server beneath the emulator: uvicorn, and a hand on its connections."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import formatdate

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from .settings import Settings


def dated(application: ASGIApp, settings: Settings) -> ASGIApp:
    """An application whose answers have a ``Date`` header, by the server's clock.

    Args:
        application: The application.
        settings: Say what time it is, and whether there is such a header.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start" and settings.date_header:
                date = formatdate(settings.now(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await application(scope, receive, send_dated)

    return answer


class Protocol(H11Protocol):
    """An HTTP connection that requests can reach, so that faults can break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's is narrower still
        """Take a connection."""
        super().connection_made(transport)
        # asyncio does so for sockets that it has opened itself; without it every answer waits for
        # the 40 ms after which the client acknowledges its head.
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}


class _HangUp(asyncio.Protocol):
    """A connection that ends as soon as it is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection."""
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


class Server(uvicorn.Server):
    """A uvicorn that says when it accepts connections, and ends streams before it stops.

    It can be away for a while: then nobody listens at its port, or somebody who hangs up.

    Args:
        config: Its settings.
        close: Ends what goes on.
    """

    def __init__(self, config: uvicorn.Config, close: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._close = close
        self._place: socket.socket | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start accepting connections."""
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what goes on, then stop."""
        await self._close()
        if self._place is not None:
            self._place.close()
        await super().shutdown(sockets)

    def cut(self) -> None:
        """Cut all connections, in the middle of whatever they bring."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def go_away(self, *, hangs_up: bool) -> None:
        """Stop listening; connections end with the answer that they bring.

        Args:
            hangs_up: Whether connections are accepted and closed; else they are refused.
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
        """Close what listens; a socket that keeps its address, and does not listen."""
        (listener,) = self.servers[0].sockets
        address = listener.getsockname()
        with suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().remove_reader(listener.fileno())
        # Connections that were accepted just now are made: behind the close, asyncio fails to.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.servers[0].close()
        self.servers = []
        place = socket.socket(listener.family)
        if os.name == "posix":  # where connections of before may still hold the address
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(address)
        return place
