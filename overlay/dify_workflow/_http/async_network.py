"""Connections of our own `httpx.AsyncClient`s: none stays open when its task is cancelled."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import httpcore
import httpx

from .async_tasks import spawn
from .libraries import hold_pools

_MADE: ContextVar[list[AsyncStream]] = ContextVar("made")
"""The connections that a request of a task has made."""


@contextmanager
def no_socket_left() -> Generator[None, None, None]:
    """Close the connections that a request has made, where it is cancelled before it uses them.

    httpcore loses a connection whose task is cancelled at the moment when it is there.
    """
    made: list[AsyncStream] = []
    token = _MADE.set(made)
    try:
        yield
    except BaseException:
        for stream in made:
            if not stream.is_used:
                spawn(stream.discard)
        raise
    finally:
        _MADE.reset(token)


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    """Makes connections of which none stays open when the task that connects is cancelled."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend, pool: Any) -> None:
        self._backend = backend
        self._pool = pool

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        connect = partial(
            self._backend.connect_tcp, host, port, timeout, local_address, socket_options
        )
        return AsyncStream(await _connected(connect), self._pool)


async def _connected(
    connect: Callable[[], Awaitable[httpcore.AsyncNetworkStream]],
) -> httpcore.AsyncNetworkStream:
    """Connect in a task of its own.

    A task that is cancelled at the moment when its connection is there would lose it.
    """
    is_over, given_up = anyio.Event(), anyio.Event()
    made: list[httpcore.AsyncNetworkStream] = []
    failed: list[Exception] = []

    async def run() -> None:
        try:
            made.append(await connect())
        except Exception as error:  # noqa: BLE001  # it is raised where it is waited for
            failed.append(error)
        is_over.set()
        if given_up.is_set() and made:
            await made[0].aclose()

    spawn(run)
    try:
        await is_over.wait()
    except BaseException:
        given_up.set()
        if made:
            spawn(made[0].aclose)
        raise
    if failed:
        raise failed[0]
    return made[0]


class AsyncStream(httpcore.AsyncNetworkStream):
    """A connection that is closed where its TLS handshake is cancelled."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, pool: Any) -> None:
        self.is_used = False
        """Whether anything was written to it."""
        self._stream = stream
        self._pool = pool
        self.read = stream.read  # type: ignore[method-assign]  # handed on without a call in between
        _MADE.get([]).append(self)

    def lift_bound(self, *, is_lifted: bool) -> None:
        """Let the reads of this answer wait without any bound, or with that of httpcore again."""
        self.read = self._read_unbound if is_lifted else self._stream.read  # type: ignore[method-assign]  # as above

    async def _read_unbound(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.is_used = True
        self.lift_bound(is_lifted=False)  # the answer before may have lifted it
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def discard(self) -> None:
        """Close a connection that no request will use, and let the pool forget it."""
        await self._stream.aclose()
        for connection in self._pool.connections:
            inner = getattr(connection, "_connection", None)
            if getattr(inner, "_network_stream", None) is self:
                await connection.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            spawn(self._stream.aclose)
            raise
        self.is_used = True  # the stream within TLS takes its place
        return AsyncStream(stream, self._pool)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def hold_connections(client: httpx.AsyncClient) -> bool:
    """Let the connections of one of our own clients belong to the calls that use them.

    Args:
        client: The client, which nobody has used yet.

    Returns:
        Whether it does; not where httpx has no such names any more.
    """
    return hold_pools(client, _AsyncBackend)
