"""The HTTP server beneath the emulator: uvicorn, and a hand on its connections."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol


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


class Server(uvicorn.Server):
    """A uvicorn that says when it accepts connections, and ends streams before it stops.

    Args:
        config: Its settings.
        close: Ends what goes on.
    """

    def __init__(self, config: uvicorn.Config, close: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._close = close

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start accepting connections."""
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what goes on, then stop."""
        await self._close()
        await super().shutdown(sockets)
