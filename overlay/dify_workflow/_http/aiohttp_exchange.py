"""The progress of a request over aiohttp, and the httpx exceptions for its failures.

Errors of aiohttp contain the headers of the request, and so the API key. They must not become the
cause or context of an exception that is raised.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast
from weakref import WeakSet

import aiohttp
import httpx

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection

_PIECE = 64 * 1024
"""How many bytes of a request aiohttp gets at a time. The write timeout is for each piece."""


class StaleConnectionError(Exception):
    """A kept connection was closed, or the server has sent unrequested bytes over it."""


class Exchange:
    """The progress of a request and its answer.

    Args:
        request: The request.
        used: Connections that were used for a request before.
    """

    def __init__(self, request: httpx.Request, used: WeakSet[ResponseHandler]) -> None:
        self.request = request
        self.is_chunked = request.headers.get("transfer-encoding", "").lower() == "chunked"
        self.has_body = self.is_chunked or request.headers.get("content-length", "0") != "0"
        self.bounds: Mapping[str, float | None] = request.extensions.get("timeout", {})
        self.within = asyncio.timeout(None)
        """The timeout of each phase until the request is sent. aiohttp has its own for the head."""
        self.is_sent = False
        """Whether the server may have received any of it."""
        self.is_over = False
        """Whether its head was answered, or it failed. aiohttp may still send the body then."""
        self.transport: asyncio.Transport | None = None
        self.body_error: Exception | None = None
        """The exception that the user's body raised."""
        self._used = used

    async def report(self, step: str) -> None:
        """Report a step to the ``trace`` extension of the request, as httpcore does."""
        if trace := self.request.extensions.get("trace"):
            method = self.request.method.encode()
            request = SimpleNamespace(method=method, extensions=self.request.extensions)
            await trace(f"aiohttp.{step}", {"request": request})

    async def begin(self, connection: Connection) -> None:
        """Record that the request begins to be sent.

        Raises:
            TimeoutError: Connecting took too long.
            ServerDisconnectedError: It was already sent.
            StaleConnectionError: The connection cannot be used. Nothing was sent over it.
        """
        protocol = connection.protocol
        assert protocol is not None
        if self.within.expired():
            raise TimeoutError
        if self.is_sent:  # aiohttp is set up not to retry; this makes sure that no POST is repeated
            raise aiohttp.ServerDisconnectedError
        if protocol in self._used and _is_stale(protocol):
            raise StaleConnectionError
        self._used.add(protocol)
        self.transport = protocol.transport
        self.bound("write" if self.has_body else None)
        await self.report("send_request_headers.started")
        self.is_sent = True

    def bound(self, phase: str | None) -> None:
        """Start the timeout of a phase: connecting, or sending a piece; None for no timeout."""
        seconds = None if phase is None else self.bounds.get(phase)
        if not (self.is_over or self.within.expired()):
            now = asyncio.get_running_loop().time()
            self.within.reschedule(None if seconds is None else now + seconds)

    async def body(self) -> AsyncIterator[bytes]:
        """The pieces of the request's body."""
        left = int(self.request.headers.get("content-length", -1))
        try:
            async for whole in cast("httpx.AsyncByteStream", self.request.stream):
                left -= len(whole)
                for start in range(0, len(whole), _PIECE):
                    yield whole[start : start + _PIECE]
                    self.bound("write")
            if "content-length" in self.request.headers and left != 0:
                what = "much" if left < 0 else "little"
                raise httpx.LocalProtocolError(f"Too {what} data for declared Content-Length")  # noqa: TRY301  # handled below, with the body's own errors
        except Exception as error:
            self.body_error = error
            raise
        self.bound(None)

    def failure(self, error: Exception) -> Exception:
        """The exception that httpx would raise for an error of aiohttp."""
        reason = str(error) or type(error).__name__
        if self.body_error is not None:
            return self.body_error
        if isinstance(error, TimeoutError):
            if not self.is_sent:
                return httpx.ConnectTimeout(reason)
            return (
                httpx.WriteTimeout(reason) if self.within.expired() else httpx.ReadTimeout(reason)
            )
        if self.is_sent:
            return broken(error)
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return httpx.ProxyError(f"{error.status} {error.message}")
        return httpx.ConnectError(reason)


EXCHANGE: ContextVar[Exchange] = ContextVar("exchange")


def broken(error: Exception) -> httpx.TransportError:
    """The exception that httpx would raise for a connection that breaks after sending."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return httpx.RemoteProtocolError("Server disconnected without sending a response.")
    reason = str(error) or type(error).__name__
    if isinstance(error, OSError | RuntimeError | aiohttp.ClientConnectionError):
        return httpx.ReadError(reason)
    return httpx.RemoteProtocolError(reason)


def _is_stale(protocol: ResponseHandler) -> bool:
    """Whether a kept connection has ended, or has bytes that would look like the next answer."""
    if protocol.should_close or protocol.transport is None or protocol.transport.is_closing():
        return True
    file = protocol.transport.get_extra_info("socket").fileno()
    if not hasattr(select, "poll"):  # on Windows
        return bool(select.select([file], [], [], 0)[0])
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(0))


class Request(aiohttp.ClientRequest):
    """A request that reports when it begins to be sent. CONNECT requests have another class."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        await EXCHANGE.get().begin(conn)
        return await super().send(conn)


class Response(aiohttp.ClientResponse):
    """An answer for which aiohttp's timeout ends with the head; `_Body` has the read timeout."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        protocol = connection.protocol
        assert protocol is not None
        await super().start(connection)
        protocol.read_timeout = None
        protocol.start_timeout()
        return self
