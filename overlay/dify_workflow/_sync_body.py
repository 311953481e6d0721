"""The body of an answer, as an `httpx.Client` gives it: read piece by piece, and closed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import httpx

from ._answer import Answer
from ._call import Call
from ._transport import (
    END_SECONDS,
    UNWANTED_BYTES,
    UNWANTED_SECONDS,
    BodyClosedError,
    answer_of,
    can_bound_waits,
    header_dict,
    is_plain,
    is_wired,
    tighten,
    translated,
    wake_reader,
    without_frames,
)
from ._versions import lingers
from .errors import APIConnectionError, DifyError, RunDeadlineExceededError

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
    """

    def __init__(self, call: Call[Any], response: httpx.Response, owner: object) -> None:
        self.headers = header_dict(response)
        self.key = call.key
        self._version = self.headers.get("x-version")
        self.can_bound_waits = can_bound_waits(response)
        self._is_wired = self.can_bound_waits and is_wired(response)
        self.owner = owner
        self._call = call
        self._response = response
        self._has_deadline = call.deadline.is_set
        self._is_at_end = False
        self._is_closed = False
        # An iteration that is dropped closes the connection, so those that were given up wait here.
        self._suspended: list[Iterator[bytes]] = []
        self._pieces = self._plain_pieces() if is_plain(response) else response.iter_bytes()
        _OPEN.add(self)

    def read(self, within: float | None = None) -> bytes | None:
        """The next bytes; None at the end. The end and every error close the connection.

        Args:
            within: Seconds to wait for them, where it `can_bound_waits`; by default the bound of
                the call.

        Raises:
            APITimeoutError: Nothing came in time.
            APIConnectionError: The connection broke, or the body was closed.
            RunDeadlineExceededError: The deadline of the call has passed.
        """
        if self._is_at_end:
            return None
        if self._is_closed:
            raise BodyClosedError(self._call)
        try:
            if within is None and not self._has_deadline:  # nearly always
                piece = next(self._pieces, None)
            else:
                piece = self._next(within)
        except (httpx.HTTPError, httpx.StreamError) as error:
            if self._is_closed:  # by another thread
                raise BodyClosedError(self._call) from None
            self.close()
            raise translated(error, self._call, self._response.request) from without_frames(error)
        except BaseException:
            self.close()
            raise
        if piece is None:
            self._is_at_end = True
            self.close()
        return piece

    def whole(self) -> Answer:
        """The answer with its whole body.

        Raises:
            APIConnectionError: The connection broke.
            RunDeadlineExceededError: The deadline of the call has passed.
        """
        return answer_of(self._call, self._response, self.headers, b"".join(iter(self.read, None)))

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
        except (APIConnectionError, RunDeadlineExceededError):
            pass  # the status says more than how its body broke off
        finally:
            self.close()
        return start

    def end(self) -> None:
        """Close it; where the answer ends within a moment, its connection serves another call."""
        patience = END_SECONDS if self._is_wired and not lingers(self._version) else 0.0
        until = time.monotonic() + patience
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

    def _next(self, within: float | None) -> bytes | None:
        deadline = self._call.deadline
        if deadline.has_passed:  # also while pings come
            raise self._call.deadline_passed(sent=True)
        bound = deadline.bound(within)
        if bound is not None and tighten(self._response, bound):
            self._suspended.append(self._pieces)
            self._pieces = self._plain_pieces()
        return next(self._pieces, None)

    def _plain_pieces(self) -> Iterator[bytes]:
        assert isinstance(self._response.stream, httpx.SyncByteStream)
        return iter(self._response.stream)


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
