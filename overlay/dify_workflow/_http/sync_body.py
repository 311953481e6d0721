# Written by `make generate` from async_body.py; change that one instead.
"""The body of an answer, as an `httpx.Client` gives it: read piece by piece, and closed."""

from __future__ import annotations

import sys
import time

from ..errors import (
    APIConnectionError,
    APITimeoutError,
    DifyError,
    InvalidResponseError,
    RunDeadlineExceededError,
)
from .body import (
    UNWANTED_BYTES,
    UNWANTED_SECONDS,
    DamagedBodyError,
    UnknownEncodingError,
    begins_like_events,
)
from .failures import BodyClosedError, broken, failure_of, silence, too_long, without_secrets
from .request import Answer
from .sync_connections import Reader


class ByteStream(Reader):
    """The body of an answer, piece by piece."""

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
            was_closed = self._is_closed
            self.close()
            without_secrets(error, self._call, self._response.request, outer)
            failure = self._failure(error, within)
            if was_closed and isinstance(failure, APIConnectionError):
                raise BodyClosedError(self._call) from None
            if failure is error:
                raise
            raise failure from error
        if piece is None:
            self._is_at_end = True
            self.close()
        return piece

    def _failure(self, error: BaseException, within: float | None) -> BaseException:
        """The exception for what was raised while the body was read."""
        if isinstance(error, DamagedBodyError):
            return broken(self._call, error)
        if isinstance(error, UnknownEncodingError):
            return InvalidResponseError(f"{self._call.operation.name}: {error}")
        failure = failure_of(error, self._call, self._response.request, sent=True)
        if isinstance(failure, APITimeoutError) and within is not None:
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
            if len(body) > self._call.options.max_answer_bytes:
                self.close()
                raise too_long(self._call)
        return self._answer(bytes(body))

    def _answer(self, body: bytes) -> Answer:
        name, status = self._call.operation.name, self._response.status_code
        return Answer(name, status, self.headers, self.key, body)

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

    def start(self) -> Answer:
        """The answer with the first bytes of a body that nobody asked for, which is then closed."""
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
        return self._answer(start[:UNWANTED_BYTES])

    def end(self) -> None:
        """Close it; where the answer ends within a moment, its connection serves another call."""
        try:
            if (seconds := self._end_wait()) is not None:
                until = time.monotonic() + seconds
                while self.read(max(0.0, until - time.monotonic())) is not None:
                    if time.monotonic() >= until:
                        break  # a read without a wait succeeds as long as more comes
        except DifyError:
            pass  # the run has ended, whatever follows
        finally:
            self.close()

    def sever(self) -> None:
        """Close the connection of a body that was read whole, since its answers are mixed up.

        One of HTTP/2 has other streams, and knows what belongs to which.
        """
        if self._stream is not None and not self._is_shared:
            self._stream.close()
