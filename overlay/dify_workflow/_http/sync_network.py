"""The network code that differs between sync and async: start, wait, connect, read, close, fork.

Threads cannot be cancelled. So the connections of our own `httpx.Client` check the deadline in each
phase after the DNS lookup, and end with the client. The common code is in `sync_transport`.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from threading import Event, get_ident
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpcore
import httpx

from ..errors import DifyError
from .answer import END_SECONDS, Body, lingers
from .failures import BodyClosedError, closed, deadline_passed, failure_of_read
from .libraries import HTTPClient, hold_pools, own_client
from .open_bodies import ABANDONED, INHERITED, OPEN, TRANSPORTS, close_abandoned
from .options import Deadline
from .request import Progress, bearer, cut

if TYPE_CHECKING:
    from .request import Call

T = TypeVar("T")


def spawn(work: Callable[[], None]) -> None:
    """Run something in a background thread. The program can end before it does."""
    threading.Thread(target=work, name="dify-run", daemon=True).start()


def resolved(result: T) -> T:
    """The result of a user's callback; in async code it may be a coroutine."""
    return result


def begin_now(begin: Callable[[], object]) -> None:
    """Begin now; async code begins later."""
    begin()


def close_at_end(close: Callable[[], None], finalize: Callable[[], None]) -> None:  # noqa: ARG001  # for tasks
    """Close a connection at the end of a generator, which may run in the garbage collector."""
    finalize()


class Turn:
    """A lock for one worker at a time. Waiting threads look again after each piece of work."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may call at any moment
        self._changed = threading.Condition(self._lock)
        self._worker: int | None = None
        self._waiting = 0

    def is_ours(self) -> bool:
        """Whether this thread has the lock: then a signal handler calls during its work."""
        return self._worker == get_ident()

    def acquire(self, is_over: Callable[[], object]) -> bool:
        """Wait for the lock; False if there is nothing left to do.

        Args:
            is_over: Whether there is nothing left; called again after each piece of work.
        """
        with self._lock:
            while not is_over():
                if self._worker is None:
                    self._worker = get_ident()
                    return True
                # Counted first, because `wake` reads the count without the lock.
                self._waiting += 1
                try:
                    if self._worker is not None:
                        self._changed.wait()
                finally:
                    self._waiting -= 1
        return False

    def release(self) -> None:
        """Release the lock, and let waiting threads look at the result."""
        self._worker = None
        self.wake()

    def wake(self) -> None:
        """Let waiting threads look again."""
        if self._waiting:
            with self._lock:
                self._changed.notify_all()


class SharedCall(Generic[T]):
    """A call that is sent once, before other threads can see it.

    Args:
        send: Sends the call.
        given_up: Only for async code.
    """

    def __init__(self, send: Callable[[], T], given_up: Callable[[], DifyError]) -> None:
        self.outcome = send


_PIECE = 16 * 1024
"""How many bytes are sent between two checks of the deadline."""


class Exchange:
    """A request of a thread and its answer, as their connection knows them.

    Args:
        deadline: The deadline of both.
        owner: The transport that sends the request.
        is_held: Whether its connection is one of ours.
    """

    def __init__(
        self, deadline: Deadline, owner: Connections | None = None, *, is_held: bool = False
    ) -> None:
        self.owner = owner
        self.is_held = is_held
        self.within: float | None = None
        """Seconds to wait for the next bytes; None for the timeout of httpcore."""
        self.is_closed = False
        self._deadline = deadline if deadline.is_set else None
        self._stream: _Stream | None = None

    def close(self) -> None:
        """End it, from any thread."""
        self.is_closed = True
        stream = self._stream
        if stream is not None and stream.exchange is self:
            shut_down(stream)

    def attach(self, stream: _Stream) -> None:
        """Set the connection that is used.

        Raises:
            httpcore.WriteError: The exchange was closed before.
        """
        self._stream = stream
        if self.is_closed:
            raise httpcore.WriteError("the client was closed")

    def bound(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
        """The timeout of httpcore, or the time until the deadline if that is shorter.

        Args:
            timeout: The timeout of httpcore (seconds).
            late: The exception to raise if the deadline has passed.
        """
        if self._deadline is None:
            return timeout
        if self._deadline.has_passed:
            raise late("the deadline passed")
        return self._deadline.bound(timeout)


def shut_down(stream: Any) -> None:
    """Wake a thread that waits for a connection. Closing the socket would not wake it."""
    with suppress(AttributeError, OSError):  # another kind of stream, or already closed
        stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


class _Active(threading.local):
    """The current exchange of each thread."""

    exchange: Exchange | None = None


_ACTIVE = _Active()
_IDLE = Exchange(Deadline())
"""The exchange of a connection that is not in use."""


class _Stream(httpcore.NetworkStream):
    """A connection that takes the timeout of each step from its exchange."""

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
    """Opens connections that belong to the exchange of their thread."""

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
    """The different addresses of a host. The deadline is checked before each."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    addresses = [
        f"{address[0]}%{address[3]}" if len(address) == 4 and address[3] else str(address[0])  # noqa: PLR2004  # IPv6
        for *_, address in found
    ]
    return list(dict.fromkeys(addresses))


class Reader(Body):
    """Reads the body of an answer in pieces, as they arrive.

    Args:
        call: The call that was answered.
        response: The answer. Only its head was read.
        exchange: The request, which sets the timeout of reads on a connection of ours.
    """

    def __init__(self, call: Call[Any], response: Any, exchange: Exchange) -> None:
        super().__init__(call, response)
        self.owner = exchange.owner
        self._exchange = exchange if exchange.is_held else None
        can_rebind = self._can_rebound and not self._is_shared
        self.can_bound_waits = self._exchange is not None or can_rebind
        self._is_bound = False
        # An iterator that is garbage collected closes the connection, so unused ones are kept here.
        self._suspended: list[Iterator[bytes]] = []
        self._raw: Iterator[bytes]
        self._raw = response.iter_bytes() if self._is_read else iter(response.stream)
        OPEN.add(self)

    def read(self, within: float | None = None) -> bytes | None:
        """The next bytes; None at the end. The end and every error close the connection.

        Args:
            within: Seconds to wait for them, if `can_bound_waits`; by default the timeout of the
                call.

        Raises:
            APITimeoutError: No bytes came in time.
            APIConnectionError: The connection broke, or the body was closed.
            RunDeadlineExceededError: The deadline of the call has passed.
        """
        if self._peeked:
            return self._peeked.popleft()
        if self._is_at_end:
            return None
        if self._is_closed:
            raise BodyClosedError(self._call)
        outer = sys.exception()
        try:
            piece = self._next(within)
        except BaseException as error:
            failure = failure_of_read(
                error,
                self._call,
                self._response.request,
                outer,
                within=within,
                is_closed=self._is_closed,
            )
            self.close()
            if failure is error:
                raise
            raise failure from failure.__cause__
        if piece is None:
            self._is_at_end = True
            self.close()
        return piece

    def _next(self, within: float | None) -> bytes | None:
        """The next decompressed bytes; None at the end."""
        if within is not None or self._is_bound:
            self._bound(within)
        if self._is_plain:  # the most frequent case
            return next(self._raw, None)
        while True:
            if self._call.deadline.has_passed:  # also if pings keep coming
                raise deadline_passed(self._call, sent=True)
            if self._inflater is not None and (piece := self._inflater.pop()) is not None:
                return piece
            raw = next(self._raw, None)
            if raw is None or self._inflater is None:
                return raw
            self._inflater.feed(raw)

    def _bound(self, within: float | None) -> None:
        """Set the timeout of the next reads; None for the timeout of the call."""
        if self._exchange is not None:
            self._exchange.within = within
        elif self._can_rebound:
            self._rebind(within)
        self._is_bound = within is not None

    def _rebind(self, within: float | None) -> None:
        """Set the timeout of the next reads on a connection of the user's client."""
        bounds = self._response.request.extensions["timeout"]
        if not self._is_bound:
            self._usual = bounds["read"]
        wanted, current = self._usual if within is None else within, bounds["read"]
        if _is_near(wanted, current) or (self._is_shared and within is not None):
            return  # over HTTP/2 a read timeout would break all streams of the connection
        bounds["read"] = wanted
        if not self._is_shared:
            self._suspended.append(self._raw)
            self._raw = iter(self._response.stream)

    def _end_wait(self) -> float | None:
        """Seconds to wait for the end of a stream after its final event; None for no read."""
        can_wait = self._exchange is not None and not lingers(self.headers.get("x-version"))
        return END_SECONDS if can_wait else None

    def close(self) -> None:
        """Close the connection. After the whole body was read, it goes back to the pool."""
        self._is_closed = True
        if self in OPEN:
            OPEN.discard(self)
            if not self._is_at_end:
                self._wake_reader()
            self._response.close()

    def abandon(self) -> None:
        """Close the connection from a finalizer, as soon as that is safe."""
        # The server notices at once (not over HTTP/2). The rest needs locks, so the next call does
        # it.
        if self in OPEN:
            self._is_closed = True
            self._wake_reader()
            ABANDONED.append(self)

    def _wake_reader(self) -> None:
        """Wake a thread that waits for the body. Not over HTTP/2, because of the other streams."""
        if self._stream is not None and not self._is_shared:
            shut_down(self._stream)

    def forget(self) -> None:
        """Mark it as closed, and do not touch the connection."""
        self._is_closed = True


def _is_near(wanted: float | None, current: float | None) -> bool:
    """Whether a timeout is nearly the current one, so that there is no need to change it.

    Each change keeps an iterator in memory until the end of the body.
    """
    if wanted is None or current is None:
        return wanted is current
    return current - max(0.05, 0.02 * current) <= wanted <= current


class Connections:
    """The connections of a transport.

    Args:
        http_client: The user's own client, which is never closed here. By default a client is made
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
        TRANSPORTS.add(self)

    def wait(self, seconds: float, woken: Event) -> None:
        """Wait, until woken or closed."""
        with self._lock:
            if self._closed:
                return
            self._sleepers.add(woken)
        try:
            woken.wait(seconds)
        finally:
            self._sleepers.discard(woken)

    def close(self) -> None:
        """Close the connections that were opened here."""
        with self._lock:
            self._closed = True
            sleepers, in_flight = list(self._sleepers), list(self._in_flight)
        for woken in sleepers:
            woken.set()
        for exchange in in_flight:
            exchange.close()
        close_abandoned()
        if self._given is None:
            for reader in list(OPEN):
                if reader.owner is self:
                    reader.close()
        if self._made is not None:
            self._made.close()

    def leave_to_parent(self) -> None:
        """After a fork, in the child: start again without the connections of the parent."""
        if self._made is not None:
            INHERITED.append(self._made)
        self._made = None
        self._lock = threading.Lock()
        self._sleepers = set()
        self._in_flight = set()

    def _client(self, call: Call[Any]) -> Any:
        if ABANDONED:
            close_abandoned()
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
        """Send a request, and return the head of its answer and its exchange."""
        request.extensions["trace"] = progress.note
        is_held = self._holds_connections and client is self._made
        exchange = Exchange(call.deadline, self, is_held=is_held)
        if call.deadline.is_set and not is_held:
            cut(request, call.deadline, progress)
        with self._lock:
            if self._closed:
                raise closed(call)
            self._in_flight.add(exchange)  # so that `close` can end it
        _ACTIVE.exchange = exchange
        try:
            response = client.send(
                request, stream=True, auth=bearer(call.key), follow_redirects=False
            )
        finally:
            _ACTIVE.exchange = None
            self._in_flight.discard(exchange)
        return response, exchange
