"""What threads do otherwise than tasks: begin, wait, connect, read, close, and fork.

All else is in `sync_transport`, which is made from the async module. Threads cannot be cancelled,
so the connections of our own `httpx.Client`s keep a deadline themselves, in every phase after the
DNS lookup, and end when the client is closed.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, get_ident
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakSet

import httpcore
import httpx

from ..errors import DifyError
from .answer import END_SECONDS, Body
from .deadline import Deadline, cut
from .failures import closed, deadline_passed
from .libraries import HTTPClient, hold_pools, own_client
from .request import Progress, bearer
from .servers import lingers

if TYPE_CHECKING:
    from .request import Call

T = TypeVar("T")


def spawn(work: Callable[[], None]) -> None:
    """Let something go on by itself; it does not keep the program from ending."""
    threading.Thread(target=work, name="dify-run", daemon=True).start()


def resolved(result: T) -> T:
    """What a callback of the user's returned; an async one may return a coroutine."""
    return result


def at_once(begin: Callable[[], object]) -> None:
    """Begin where no task is needed for it."""
    begin()


def leave(close: Callable[[], None], finalize: Callable[[], None]) -> None:  # noqa: ARG001  # for tasks
    """Close a connection at the end of a generator, which the garbage collector may have closed."""
    finalize()


class Turn:
    """Whose turn it is: one thread works at a time; the others wait until it has done a piece."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal's handler may ask at any moment
        self._changed = threading.Condition(self._lock)
        self._worker: int | None = None
        self._waiting = 0

    def is_ours(self) -> bool:
        """Whether this thread works already, and a signal's handler asks in the middle of it."""
        return self._worker == get_ident()

    def acquire(self, is_over: Callable[[], object]) -> bool:
        """Wait for one's turn; False where there is nothing to do any more.

        Args:
            is_over: Whether that is so; asked again after each piece that another thread does.
        """
        with self._lock:
            while not is_over():
                if self._worker is None:
                    self._worker = get_ident()
                    return True
                # Announced first: who works looks for waiting threads without the lock.
                self._waiting += 1
                try:
                    if self._worker is not None:
                        self._changed.wait()
                finally:
                    self._waiting -= 1
        return False

    def release(self) -> None:
        """Let the others look at what was done, and work on."""
        self._worker = None
        self.wake()

    def wake(self) -> None:
        """Let those who wait look again."""
        if self._waiting:
            with self._lock:
                self._changed.notify_all()


class SharedCall(Generic[T]):
    """A call that is sent once: before anybody else knows of it.

    Args:
        send: Sends the call.
        given_up: Makes the error that tasks get once the one that sent it was cancelled.
    """

    def __init__(self, send: Callable[[], T], given_up: Callable[[], DifyError]) -> None:
        self.outcome = send


_PIECE = 16 * 1024
"""Bytes that are sent between two looks at the deadline."""


class Exchange:
    """A request of a thread and its answer, as their connection sees them.

    Args:
        deadline: When both have to be over.
        owner: Whose request it is.
        is_held: Whether its connection is one of ours.
    """

    def __init__(
        self, deadline: Deadline, owner: Connections | None = None, *, is_held: bool = False
    ) -> None:
        self.owner = owner
        self.is_held = is_held
        self.within: float | None = None
        """Seconds to wait for the next bytes; None for as long as httpcore would."""
        self.is_closed = False
        self._deadline = deadline if deadline.is_set else None
        self._stream: _Stream | None = None

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
        if self._deadline is None:
            return timeout
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

    def __init__(self, backend: httpcore.NetworkBackend, _pool: object) -> None:
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


_OPEN: set[Reader] = set()
"""Bodies that are still open. The garbage collector must not find them: it can run while this very
thread holds the lock of httpcore's pool, which httpcore's iterations take when they are finalized.
"""

_ABANDONED: deque[Reader] = deque()
"""Open bodies whose streams were finalized; they are closed once it is safe to take that lock."""

_INHERITED: list[object] = []
"""Clients and open bodies of the process that this one was forked from, which alone may close them.
"""


class Reader(Body):
    """The pieces of an answer, as they come over its connection.

    Args:
        call: The call that was answered.
        response: The answer, of which only the head was read.
        exchange: The request, and what bounds the reads of a connection of ours.
    """

    def __init__(self, call: Call[Any], response: Any, exchange: Exchange) -> None:
        super().__init__(call, response)
        self.owner = exchange.owner
        self._exchange = exchange if exchange.is_held else None
        can_rebind = self._can_rebound and not self._is_shared
        self.can_bound_waits = self._exchange is not None or can_rebind
        self._is_bound = False
        # An iteration that is dropped closes the connection, so one that was given up waits here.
        self._suspended: list[Iterator[bytes]] = []
        self._raw: Iterator[bytes]
        self._raw = response.iter_bytes() if self._is_read else iter(response.stream)
        _OPEN.add(self)

    def _next(self, within: float | None) -> bytes | None:
        """The next bytes as the server meant them; None at the end."""
        if within is not None or self._is_bound:
            self._bound(within)
        if self._is_plain:  # mostly
            return next(self._raw, None)
        while True:
            if self._call.deadline.has_passed:  # also while pings come
                raise deadline_passed(self._call, sent=True)
            if self._inflater is not None and (piece := self._inflater.pop()) is not None:
                return piece
            raw = next(self._raw, None)
            if raw is None or self._inflater is None:
                return raw
            self._inflater.feed(raw)

    def _bound(self, within: float | None) -> None:
        """Bound the wait for the next bytes; None for the bound of the call."""
        if self._exchange is not None:
            self._exchange.within = within
        elif self._can_rebound:
            self._rebind(within)
        self._is_bound = within is not None

    def _rebind(self, within: float | None) -> None:
        """Give the next reads another bound, over a connection of the user's client."""
        bounds = self._response.request.extensions["timeout"]
        if not self._is_bound:
            self._usual = bounds["read"]
        wanted, current = self._usual if within is None else within, bounds["read"]
        if _is_near(wanted, current) or (self._is_shared and within is not None):
            return  # over HTTP/2 a read that ends too early breaks all its streams
        bounds["read"] = wanted
        if not self._is_shared:
            self._suspended.append(self._raw)
            self._raw = iter(self._response.stream)

    def _end_wait(self) -> float | None:
        """Seconds to wait for the end of a stream behind its final event; None for not reading."""
        can_wait = self._exchange is not None and not lingers(self.headers.get("x-version"))
        return END_SECONDS if can_wait else None

    def close(self) -> None:
        """Close the connection, unless the body was read to its end."""
        self._is_closed = True
        if self in _OPEN:
            _OPEN.discard(self)
            if not self._is_at_end:
                self._wake_reader()
            self._response.close()

    def abandon(self) -> None:
        """Close the connection from a finalizer, as soon as that is safe."""
        # The server sees it at once, but over HTTP/2; the rest takes locks, and waits for a call.
        if self in _OPEN:
            self._is_closed = True
            self._wake_reader()
            _ABANDONED.append(self)

    def _wake_reader(self) -> None:
        """Wake a thread that waits for the body. A connection of HTTP/2 has other streams."""
        if self._stream is not None and not self._is_shared:
            shut_down(self._stream)

    def forget(self) -> None:
        """Regard it as closed, and leave the connection as it is."""
        self._is_closed = True


def _is_near(wanted: float | None, current: float | None) -> bool:
    """Whether a bound is nearly the one that is in force, so that setting it would gain nothing.

    Iterations that were given up cannot be freed before the end of the body.
    """
    if wanted is None or current is None:
        return wanted is current
    return current - max(0.05, 0.02 * current) <= wanted <= current


class Connections:
    """The connections of a transport.

    Args:
        http_client: A client of the user's own, which is never closed here; by default one is made
            when it is first needed.
    """

    def __init__(self, http_client: HTTPClient | None) -> None:
        self._given = http_client
        self._closed = False
        self._made: httpx.Client | None = None
        self._holds_connections = False
        self._lock = threading.Lock()
        self._sleepers: set[Event] = set()
        self._in_flight: set[Exchange] = set()
        _TRANSPORTS.add(self)

    def wait(self, seconds: float, woken: Event) -> None:
        """Let time pass, until woken or closed."""
        with self._lock:
            if self._closed:
                return
            self._sleepers.add(woken)
        try:
            woken.wait(seconds)
        finally:
            self._sleepers.discard(woken)

    def close(self) -> None:
        """Close the connections that were made here."""
        with self._lock:
            self._closed = True
            sleepers, in_flight = list(self._sleepers), list(self._in_flight)
        for woken in sleepers:
            woken.set()
        for exchange in in_flight:
            exchange.close()
        _close_abandoned()
        if self._given is None:
            for reader in list(_OPEN):
                if reader.owner is self:
                    reader.close()
        if self._made is not None:
            self._made.close()

    def leave_to_parent(self) -> None:
        """In a process that was just forked: start again without the connections of the parent."""
        if self._made is not None:
            _INHERITED.append(self._made)
        self._made = None
        self._lock = threading.Lock()
        self._sleepers = set()
        self._in_flight = set()

    def _client(self, call: Call[Any]) -> Any:
        _close_abandoned()
        with self._lock:
            if self._closed or (self._given is not None and self._given.is_closed):
                raise closed(call)
            if self._given is not None:
                return self._given
            if self._made is None:
                self._made = own_client(httpx.Client, call.operation.name)
                self._holds_connections = hold_pools(self._made, _Backend)
            return self._made

    def _exchange(
        self, client: Any, call: Call[Any], request: Any, progress: Progress
    ) -> tuple[Any, Exchange]:
        """Send a request: the head of its answer, and the connection that it came over."""
        request.extensions["trace"] = progress.note
        is_held = self._holds_connections and client is self._made
        exchange = Exchange(call.deadline, self, is_held=is_held)
        if call.deadline.is_set and not is_held:
            cut(request, call.deadline, progress)
        with self._tracked(call, exchange):
            response = client.send(
                request, stream=True, auth=bearer(call.key), follow_redirects=False
            )
        return response, exchange

    @contextmanager
    def _tracked(self, call: Call[Any], exchange: Exchange) -> Generator[None, None, None]:
        """Let connections that this thread uses belong to an exchange, and `close` end it."""
        with self._lock:
            if self._closed:
                raise closed(call)
            self._in_flight.add(exchange)
        _ACTIVE.exchange = exchange
        try:
            yield
        finally:
            _ACTIVE.exchange = None
            self._in_flight.discard(exchange)


def _close_abandoned() -> None:
    """Close the bodies whose streams were finalized."""
    while _ABANDONED:
        _ABANDONED.popleft().close()


_TRANSPORTS: WeakSet[Connections] = WeakSet()


def _leave_to_parent() -> None:
    """In a process that was just forked: leave all that is open as it is."""
    for reader in _OPEN:
        reader.forget()
    _INHERITED.extend(_OPEN)
    _OPEN.clear()
    _ABANDONED.clear()
    for connections in list(_TRANSPORTS):
        connections.leave_to_parent()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_leave_to_parent)
