"""What is peculiar to `httpx.Client`: threads, finalizers, and processes that fork.

All else is in `sync_body` and `sync_transport`, which are made of the async modules.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from weakref import WeakSet

import httpx

from .body import END_SECONDS, Body
from .failures import closed, deadline_passed
from .libraries import HTTPClient, Progress, bearer, own_client
from .sync_network import Exchange, hold_connections, shut_down
from .timeouts import cut
from .versions import lingers

if TYPE_CHECKING:
    from .request import Call

T = TypeVar("T")

_OPEN: set[Reader] = set()
"""Bodies that are still open. The garbage collector must not find them: it can run while this very
thread holds the lock of httpcore's pool, which httpcore's iterations take when they are finalized.
"""

_ABANDONED: deque[Reader] = deque()
"""Open bodies whose streams were finalized; they are closed once it is safe to take that lock."""

_INHERITED: list[object] = []
"""Clients and open bodies of the process that this one was forked from, which alone may close them.
"""


def resolved(result: T) -> T:
    """What a callback of the user's returned; an async one may return a coroutine."""
    return result


class Connection(NamedTuple):
    """What an answer comes over."""

    owner: Connections
    exchange: Exchange | None
    """What bounds its reads; None where the connection is not one of ours."""


class Reader(Body):
    """The pieces of an answer, as they come over its connection.

    Args:
        call: The call that was answered.
        response: The answer, of which only the head was read.
        connection: What it comes over.
    """

    def __init__(self, call: Call[Any], response: Any, connection: Connection) -> None:
        super().__init__(call, response)
        self.owner, self._exchange = connection
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
                self._holds_connections = hold_connections(self._made)
            return self._made

    def _exchange(
        self, client: Any, call: Call[Any], request: Any, progress: Progress
    ) -> tuple[Any, Connection]:
        """Send a request: the head of its answer, and the connection that it came over."""
        request.extensions["trace"] = progress.note
        is_held = self._holds_connections and client is self._made
        exchange = Exchange(call.deadline)
        if call.deadline.is_set and not is_held:
            cut(request, call.deadline, progress)
        with self._flying(call, exchange), exchange.active():
            response = client.send(
                request, stream=True, auth=bearer(call.key), follow_redirects=False
            )
        return response, Connection(self, exchange if is_held else None)

    @contextmanager
    def _flying(self, call: Call[Any], exchange: Exchange) -> Generator[None, None, None]:
        """Let `close` end an exchange whose answer has not begun."""
        with self._lock:
            if self._closed:
                raise closed(call)
            self._in_flight.add(exchange)
        try:
            yield
        finally:
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
