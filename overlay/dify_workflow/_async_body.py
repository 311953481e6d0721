"""The body of an answer, as an `httpx.AsyncClient` gives it: read piece by piece, and closed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx

from ._answer import Answer
from ._call import Call
from ._transport import (
    END_SECONDS,
    UNWANTED_BYTES,
    UNWANTED_SECONDS,
    BodyClosedError,
    answer_of,
    header_dict,
    is_plain,
    silence,
    translated,
    without_frames,
)
from ._versions import lingers
from .errors import APIConnectionError, DifyError, RunDeadlineExceededError

if TYPE_CHECKING:
    import asyncio

_CLOSING: set[asyncio.Task[None]] = set()


class AsyncByteStream:
    """The body of an answer, piece by piece.

    Args:
        call: The call that was answered.
        response: The answer, of which only the head was read.
    """

    def __init__(self, call: Call[Any], response: httpx.Response) -> None:
        self.headers = header_dict(response)
        self.key = call.key
        self._version = self.headers.get("x-version")
        self._call = call
        self._response = response
        self._has_deadline = call.deadline.is_set
        self._loop = running_loop()
        self._is_at_end = False
        self._is_closed = False
        self._pieces = self._plain_pieces() if is_plain(response) else response.aiter_bytes()

    async def read(self, within: float | None = None) -> bytes | None:
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
            piece: bytes | None
            if within is None and not self._has_deadline:  # nearly always
                piece = await anext(self._pieces)
            else:
                piece = await self._next(within)
        except StopAsyncIteration:
            piece = None
        except (httpx.HTTPError, httpx.StreamError) as error:
            if self._is_closed:  # by another task
                raise BodyClosedError(self._call) from None
            await self.close()
            raise translated(error, self._call, self._response.request) from without_frames(error)
        except BaseException:
            await self.close()
            raise
        if piece is None:
            self._is_at_end = True
            await self.close()
        return piece

    async def whole(self) -> Answer:
        """The answer with its whole body.

        Raises:
            APIConnectionError: The connection broke.
            RunDeadlineExceededError: The deadline of the call has passed.
        """
        pieces: list[bytes] = []
        while (piece := await self.read()) is not None:
            pieces.append(piece)
        return answer_of(self._call, self._response, self.headers, b"".join(pieces))

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
        except (APIConnectionError, RunDeadlineExceededError):
            pass  # the status says more than how its body broke off
        finally:
            await self.close()
        return start

    async def end(self) -> None:
        """Close it; where the answer ends within a moment, its connection serves another call."""
        until = time.monotonic() + (0.0 if lingers(self._version) else END_SECONDS)
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

    def abandon(self) -> None:
        """Close the connection from a finalizer, as soon as that is safe."""
        loop = self._loop
        # Without its loop the connection is gone already; trio's tasks do not start from outside.
        if not self._is_closed and loop is not None and loop is running_loop():
            closing = loop.create_task(self.close())
            _CLOSING.add(closing)  # the loop itself keeps only a weak reference
            closing.add_done_callback(_CLOSING.discard)

    async def _next(self, within: float | None) -> bytes:
        deadline = self._call.deadline
        if deadline.has_passed:  # also while pings come
            raise self._call.deadline_passed(sent=True)
        bound = deadline.bound(within)
        from anyio import move_on_after

        with move_on_after(bound):
            return await anext(self._pieces)
        if within is None or deadline.has_passed:
            raise self._call.deadline_passed(sent=True)
        raise silence(self._call, within)

    def _plain_pieces(self) -> AsyncIterator[bytes]:
        assert isinstance(self._response.stream, httpx.AsyncByteStream)
        return aiter(self._response.stream)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of asyncio that runs here; None in the loop of another library."""
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
