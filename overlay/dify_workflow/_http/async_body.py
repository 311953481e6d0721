"""The body of an answer, as an `httpx.AsyncClient` gives it: read piece by piece, and closed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any

from anyio import move_on_after

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
    is_shared,
    silence,
    without_secrets,
)
from .network import AsyncStream
from .request import Answer, Call
from .versions import lingers

_CLOSING: set[asyncio.Task[None]] = set()


class AsyncByteStream:
    """The body of an answer, piece by piece.

    Args:
        call: The call that was answered.
        response: The answer, of which only the head was read.
    """

    def __init__(self, call: Call[Any], response: Any) -> None:
        self.headers = header_dict(call, response)
        self.key = call.key
        self.can_bound_waits = True
        self._call = call
        self._response = response
        self._has_deadline = call.deadline.is_set
        self._loop = running_loop()
        self._is_at_end = False
        self._is_closed = False
        self._stream = response.extensions.get("network_stream")
        self._is_lifted = False
        self._usual: float | None = None
        self._peeked: deque[bytes] = deque()
        self._inflating: Iterator[bytes] = iter(())
        # An iteration that is dropped closes the connection, so one that was given up waits here.
        self._suspended: list[AsyncIterator[bytes]] = []
        is_read = response.is_stream_consumed  # by a hook of the user's client
        self._raw: AsyncIterator[bytes]
        self._raw = response.aiter_bytes() if is_read else aiter(response.stream)
        try:
            self._inflater = None if is_read else inflater_for(self.headers)
            self._problem: str | None = None
        except EncodingError as error:
            self._inflater, self._problem = None, str(error)

    async def read(self, within: float | None = None) -> bytes | None:
        """The next bytes; None at the end. The end and every error close the connection.

        Args:
            within: Seconds to wait for them; by default the bound of the call.

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
            piece = await self._next(within)
        except BaseException as error:
            failure = await self._failed(error, outer, within)
            if failure is error:
                raise
            raise failure from (None if isinstance(failure, BodyClosedError) else error)
        if piece is None:
            self._is_at_end = True
            await self.close()
        return piece

    async def _next(self, within: float | None) -> bytes | None:
        if self._problem is not None:
            raise InvalidResponseError(f"{self._call.operation.name}: {self._problem}")
        if (within is not None) is not self._is_lifted:
            within = self._lifted(within)
        if within is None and not self._has_deadline and self._inflater is None:  # mostly
            return await anext(self._raw, None)
        return await self._bounded(within)

    async def _failed(
        self, error: BaseException, outer: BaseException | None, within: float | None
    ) -> BaseException:
        """Close the connection, and return the exception for what was raised."""
        was_closed, request = self._is_closed, self._response.request
        await self.close()
        without_secrets(error, self._call, request, outer)
        failure = failure_of(error, self._call, request, sent=True)
        if isinstance(failure, APIConnectionError) and was_closed:
            return BodyClosedError(self._call)
        if isinstance(failure, APITimeoutError) and failure is not error and within is not None:
            return silence(self._call, within)
        return failure

    async def whole(self) -> Answer:
        """The answer with its whole body.

        Raises:
            APIConnectionError: The connection broke.
            InvalidResponseError: It is longer than it may be.
            RunDeadlineExceededError: The deadline of the call has passed.
        """
        body = bytearray()
        while (piece := await self.read()) is not None:
            body += piece
            if len(body) > self._call.max_answer_bytes:
                await self.close()
                raise self._call.too_long()
        return answer_of(self._call, self._response, self.headers, bytes(body))

    async def begins_like_events(self) -> bool:
        """Whether the body begins as an event stream does; nothing of it is lost.

        Raises:
            APIConnectionError: Nothing came in time, or the connection broke.
        """
        start = b""
        pieces: list[bytes] = []
        while (verdict := begins_like_events(start)) is None:
            piece = await self.read()
            if piece is None:
                break
            pieces.append(piece)
            start += piece
        self._peeked.extend(pieces)
        return bool(verdict)

    async def start(self) -> bytes:
        """The first bytes of a body that nobody asked for; the connection is then closed."""
        start = b""
        deadline = time.monotonic() + UNWANTED_SECONDS
        try:
            while len(start) < UNWANTED_BYTES and (left := deadline - time.monotonic()) > 0:
                piece = await self.read(left)
                if piece is None:
                    break
                start += piece
        except (APIConnectionError, InvalidResponseError, RunDeadlineExceededError):
            pass  # the status says more than how its body broke off
        finally:
            await self.close()
        return start[:UNWANTED_BYTES]

    async def end(self) -> None:
        """Close it; where the answer ends within a moment, its connection serves another call."""
        until = time.monotonic() + (0.0 if lingers(self.headers.get("x-version")) else END_SECONDS)
        try:
            # At least once: what is cut off while it reads leaves no generator to the collector.
            while await self.read(max(0.0, until - time.monotonic())) is not None:
                pass
        except DifyError:
            pass  # the run has ended, whatever follows
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connection, unless the body was read to its end."""
        self._is_closed = True
        await self._response.aclose()

    async def sever(self) -> None:
        """Close the connection of a body that was read whole, since its answers are mixed up.

        One of HTTP/2 has other streams, and knows what belongs to which.
        """
        stream = self._response.extensions.get("network_stream")
        if stream is not None and not is_shared(self._response):
            await stream.aclose()

    def abandon(self) -> None:
        """Close the connection from a finalizer, as soon as that is safe."""
        loop = self._loop
        # Without its loop the connection is gone already; trio's tasks do not start from outside.
        if not self._is_closed and loop is not None and loop is running_loop():
            closing = loop.create_task(self.close())
            _CLOSING.add(closing)  # the loop itself keeps only a weak reference
            closing.add_done_callback(_CLOSING.discard)

    async def _bounded(self, within: float | None) -> bytes | None:
        deadline = self._call.deadline
        if deadline.has_passed:  # also while pings come
            raise self._call.deadline_passed(sent=True)

        with move_on_after(deadline.bound(within)):
            return await self._inflated()
        if within is None or deadline.has_passed:
            raise self._call.deadline_passed(sent=True)
        raise silence(self._call, within)

    async def _inflated(self) -> bytes | None:
        """The next bytes as the server meant them."""
        while True:
            try:
                if (inflated := next(self._inflating, None)) is not None:
                    return inflated
            except EncodingError as error:
                raise self._call.broken(str(error)) from None
            piece = await anext(self._raw, None)
            if piece is None or self._inflater is None:
                return piece
            self._inflating = self._inflater.feed(piece)

    def _lifted(self, within: float | None) -> float | None:
        """Let reads wait longer than httpcore would, or as long again.

        Args:
            within: Seconds to wait for the next bytes; None for the bound of the call.

        Returns:
            Seconds after which the wait is ended here; None where httpcore ends it.
        """
        if isinstance(self._stream, AsyncStream):
            self._is_lifted = within is not None
            self._stream.lift_bound(is_lifted=self._is_lifted)
            return within
        if self._is_lifted:
            return self._usual
        self._is_lifted = True
        bounds = self._response.request.extensions["timeout"]
        self._usual, bounds["read"] = bounds["read"], None
        # Over HTTP/2 httpcore looks at the bound each time; else when an iteration begins.
        if can_rebound(self._response) and not is_shared(self._response):
            self._suspended.append(self._raw)
            self._raw = aiter(self._response.stream)
        return within


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of asyncio that runs here; None in the loop of another library."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
