"""The body of an answer, as an `httpx.Client` gives it: read piece by piece, and closed."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from ..errors import (
    APIConnectionError,
    APITimeoutError,
    DifyError,
    InvalidResponseError,
    RunDeadlineExceededError,
)
from .body import EncodingError, begins_like_events, inflater_for
from .failures import (
    END_SECONDS,
    UNWANTED_BYTES,
    UNWANTED_SECONDS,
    BodyClosedError,
    answer_of,
    can_rebound,
    failure_of,
    header_dict,
    is_near,
    is_shared,
    silence,
    wake_reader,
    without_secrets,
)
from .network import Exchange
from .request import Answer, Call
from .versions import lingers

_OPEN: set[ByteStream] = set()
"""Bodies that are still open. The garbage collector must not find them: it can run while this very
thread holds the lock of httpcore's pool, which httpcore's iterations take when they are finalized.
"""

_ABANDONED: deque[ByteStream] = deque()
"""Open bodies whose streams were finalized; they are closed once it is safe to take that lock."""

_INHERITED: list[ByteStream] = []
"""Open bodies of the process that this one was forked from, which alone may close them."""


class ByteStream:
    """The body of an answer, piece by piece.

    Args:
        call: The call that was answered.
        response: The answer, of which only the head was read.
        owner: Whose connection it comes over.
        exchange: What bounds its reads; None where the connection is not one of ours.
    """

    def __init__(
        self, call: Call[Any], response: Any, owner: object, exchange: Exchange | None = None
    ) -> None:
        self.headers = header_dict(call, response)
        self.key = call.key
        self.can_bound_waits = exchange is not None or (
            can_rebound(response) and not is_shared(response)
        )
        self.owner = owner
        self._call = call
        self._response = response
        self._exchange = exchange
        self._has_deadline = call.deadline.is_set
        self._is_at_end = False
        self._is_closed = False
        self._is_bound = False
        self._usual: float | None = None
        self._peeked: deque[bytes] = deque()
        self._inflating: Iterator[bytes] = iter(())
        # An iteration that is dropped closes the connection, so one that was given up waits here.
        self._suspended: list[Iterator[bytes]] = []
        is_read = response.is_stream_consumed  # by a hook of the user's client
        self._raw: Iterator[bytes] = response.iter_bytes() if is_read else iter(response.stream)
        try:
            self._inflater = None if is_read else inflater_for(self.headers)
            self._problem: str | None = None
        except EncodingError as error:
            self._inflater, self._problem = None, str(error)
        _OPEN.add(self)

    def read(self, within: float | None = None) -> bytes | None:
        """The next bytes; None at the end. The end and every error close the connection.

        Args:
            within: Seconds to wait for them, where it `can_bound_waits`; by default the bound of
                the call.

        Raises:
            APITimeoutError: Nothing came in time.
            APIConnectionError: The connection broke, or the body was closed.
            InvalidResponseError: The body is encoded in a way that nobody asked for.
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
            failure = self._failed(error, outer, within)
            if failure is error:
                raise
            raise failure from (None if isinstance(failure, BodyClosedError) else error)
        if piece is None:
            self._is_at_end = True
            self.close()
        return piece

    def _next(self, within: float | None) -> bytes | None:
        if self._problem is not None:
            raise InvalidResponseError(f"{self._call.operation.name}: {self._problem}")
        if within is not None or self._is_bound:
            self._bound(within)
        if self._inflater is None and not self._has_deadline:  # mostly
            return next(self._raw, None)
        return self._inflated()

    def _failed(
        self, error: BaseException, outer: BaseException | None, within: float | None
    ) -> BaseException:
        """Close the connection, and return the exception for what was raised."""
        was_closed, request = self._is_closed, self._response.request
        self.close()
        without_secrets(error, self._call, request, outer)
        failure = failure_of(error, self._call, request, sent=True)
        if isinstance(failure, APIConnectionError) and was_closed:
            return BodyClosedError(self._call)
        if isinstance(failure, APITimeoutError) and failure is not error and within is not None:
            return silence(self._call, within)
        return failure

    def whole(self) -> Answer:
        """The answer with its whole body.

        Raises:
            APIConnectionError: The connection broke.
            InvalidResponseError: It is longer than it may be.
            RunDeadlineExceededError: The deadline of the call has passed.
        """
        body = bytearray()
        while (piece := self.read()) is not None:
            body += piece
            if len(body) > self._call.max_answer_bytes:
                self.close()
                raise self._call.too_long()
        return answer_of(self._call, self._response, self.headers, bytes(body))

    def begins_like_events(self) -> bool:
        """Whether the body begins as an event stream does; nothing of it is lost.

        Raises:
            APIConnectionError: Nothing came in time, or the connection broke.
        """
        start = b""
        pieces: list[bytes] = []
        while (verdict := begins_like_events(start)) is None:
            piece = self.read()
            if piece is None:
                break
            pieces.append(piece)
            start += piece
        self._peeked.extend(pieces)
        return bool(verdict)

    def start(self) -> bytes:
        """The first bytes of a body that nobody asked for; the connection is then closed."""
        start = b""
        deadline = time.monotonic() + UNWANTED_SECONDS
        try:
            while len(start) < UNWANTED_BYTES and (left := deadline - time.monotonic()) > 0:
                piece = self.read(left)
                if piece is None:
                    break
                start += piece
        except (APIConnectionError, InvalidResponseError, RunDeadlineExceededError):
            pass  # the status says more than how its body broke off
        finally:
            self.close()
        return start[:UNWANTED_BYTES]

    def end(self) -> None:
        """Close it; where the answer ends within a moment, its connection serves another call."""
        can_wait = self._exchange is not None and not lingers(self.headers.get("x-version"))
        until = time.monotonic() + (END_SECONDS if can_wait else 0.0)
        try:
            while (left := until - time.monotonic()) > 0:
                if self.read(left) is None:
                    break
        except DifyError:
            pass  # the run has ended, whatever follows
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection, unless the body was read to its end."""
        self._is_closed = True
        if self in _OPEN:
            _OPEN.discard(self)
            if not self._is_at_end:
                wake_reader(self._response)
            self._response.close()

    def sever(self) -> None:
        """Close the connection of a body that was read whole, since its answers are mixed up.

        One of HTTP/2 has other streams, and knows what belongs to which.
        """
        stream = self._response.extensions.get("network_stream")
        if stream is not None and not is_shared(self._response):
            stream.close()

    def abandon(self) -> None:
        """Close the connection from a finalizer, as soon as that is safe."""
        # The server sees it at once, but over HTTP/2; the rest takes locks, and waits for a call.
        if self in _OPEN:
            self._is_closed = True
            wake_reader(self._response)
            _ABANDONED.append(self)

    def forget(self) -> None:
        """Regard it as closed, and leave the connection as it is."""
        self._is_closed = True

    def _inflated(self) -> bytes | None:
        """The next bytes as the server meant them; the deadline is looked at before each read."""
        while True:
            if self._call.deadline.has_passed:  # also while pings come
                raise self._call.deadline_passed(sent=True)
            try:
                if (inflated := next(self._inflating, None)) is not None:
                    return inflated
            except EncodingError as error:
                raise self._call.broken(str(error)) from None
            piece = next(self._raw, None)
            if piece is None or self._inflater is None:
                return piece
            self._inflating = self._inflater.feed(piece)

    def _bound(self, within: float | None) -> None:
        """Bound the wait for the next bytes.

        Args:
            within: Seconds; None for the bound of the call.
        """
        if self._exchange is not None:
            self._exchange.within = within
        elif can_rebound(self._response):
            self._rebind(within)
        self._is_bound = within is not None

    def _rebind(self, within: float | None) -> None:
        """Give the next reads another bound, over a connection of the user's client."""
        bounds = self._response.request.extensions["timeout"]
        if not self._is_bound:
            self._usual = bounds["read"]
        wanted, current = self._usual if within is None else within, bounds["read"]
        if is_near(wanted, current) or (is_shared(self._response) and within is not None):
            return  # over HTTP/2 a read that ends too early breaks all its streams
        bounds["read"] = wanted
        if not is_shared(self._response):
            self._suspended.append(self._raw)
            self._raw = iter(self._response.stream)


def close_abandoned() -> None:
    """Close the bodies whose streams were finalized."""
    while _ABANDONED:
        _ABANDONED.popleft().close()


def close_all_of(owner: object) -> None:
    """Close the bodies that come over the connections of this owner."""
    for body in list(_OPEN):
        if body.owner is owner:
            body.close()


def leave_to_parent() -> None:
    """In a process that was just forked: forget the open bodies without closing them."""
    for body in _OPEN:
        body.forget()
    _INHERITED.extend(_OPEN)
    _OPEN.clear()
    _ABANDONED.clear()
