"""Connections of our own `httpx.Client`s, in the hands of the call that uses them.

Threads cannot be cancelled, so the connection itself keeps a deadline in every phase after the DNS
lookup, and ends when the client is closed.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from typing import Any

import httpcore
import httpx

from .._deadline import Deadline
from .libraries import hold_pools

_PIECE = 16 * 1024
"""Bytes that are sent between two looks at the deadline."""


class Exchange:
    """A request of a thread and its answer, as their connection sees them.

    Args:
        deadline: When both have to be over.
    """

    def __init__(self, deadline: Deadline) -> None:
        self.within: float | None = None
        """Seconds to wait for the next bytes; None for as long as httpcore would."""
        self.is_closed = False
        self._deadline = deadline
        self._stream: _Stream | None = None

    @contextmanager
    def active(self) -> Generator[None, None, None]:
        """Let the connections that this thread uses meanwhile belong to this exchange."""
        _ACTIVE.exchange = self
        try:
            yield
        finally:
            _ACTIVE.exchange = None

    def close(self) -> None:
        """End it, from whichever thread."""
        self.is_closed = True
        stream = self._stream
        if stream is not None and stream.exchange is self:
            shut_down(stream)

    def attach(self, stream: _Stream) -> None:
        """Note the connection over which it goes.

        Raises:
            httpcore.WriteError: It was closed before.
        """
        self._stream = stream
        if self.is_closed:
            raise httpcore.WriteError("the client was closed")

    def bound(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
        """The bound of httpcore, cut to the deadline; `late` is raised where that has passed."""
        if self._deadline.has_passed:
            raise late("the deadline passed")
        return self._deadline.bound(timeout)


def shut_down(stream: Any) -> None:
    """Wake a thread that waits for a connection; closing its socket does not."""
    with suppress(AttributeError, OSError):  # another kind of stream, or gone already
        stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


class _Active(threading.local):
    """The exchange that each thread is in."""

    exchange: Exchange | None = None


_ACTIVE = _Active()
_IDLE = Exchange(Deadline())
"""The exchange of a connection that nobody uses."""


class _Stream(httpcore.NetworkStream):
    """A connection, which asks its exchange how long each step may take."""

    def __init__(self, stream: httpcore.NetworkStream, exchange: Exchange) -> None:
        self.exchange = exchange
        self._stream = stream
        if exchange is not _IDLE:
            exchange.attach(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        exchange = self.exchange
        wanted = timeout if exchange.within is None else exchange.within
        return self._stream.read(max_bytes, exchange.bound(wanted, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        exchange = _ACTIVE.exchange
        if exchange is not None and exchange is not self.exchange:  # a request begins
            self.exchange = exchange
            exchange.attach(self)
        for start in range(0, len(buffer), _PIECE):
            bound = self.exchange.bound(timeout, httpcore.WriteTimeout)
            self._stream.write(buffer[start : start + _PIECE], bound)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        bound = self.exchange.bound(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, bound), self.exchange)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Makes connections that belong to the exchange of their thread."""

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        exchange = _ACTIVE.exchange or _IDLE
        failure: Exception | None = None
        for address in _addresses(host, port):
            bound = exchange.bound(timeout, httpcore.ConnectTimeout)
            try:
                stream = self._backend.connect_tcp(
                    address, port, bound, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, exchange)
        raise failure or httpcore.ConnectError(f"{host} has no address")


def _addresses(host: str, port: int) -> list[str]:
    """The addresses of a host, each once: the deadline is kept between two of them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    addresses = [
        f"{address[0]}%{address[3]}" if len(address) == 4 and address[3] else str(address[0])  # noqa: PLR2004  # IPv6
        for *_, address in found
    ]
    return list(dict.fromkeys(addresses))


def hold_connections(client: httpx.Client) -> bool:
    """Let the connections of one of our own clients belong to the calls that use them.

    Args:
        client: The client, which nobody has used yet.

    Returns:
        Whether it does; not where httpx has no such names any more.
    """
    return hold_pools(client, lambda backend, _pool: _Backend(backend))
