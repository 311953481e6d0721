"""Sends calls with an `httpx.AsyncClient`, repeats them where that is safe, and reads answers."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from http import HTTPStatus
from typing import Any, TypeVar

from anyio import sleep

from ..errors import (
    APIConnectionError,
    DifyError,
    InvalidResponseError,
    RunDeadlineExceededError,
)
from .answer import (
    UNWANTED_BYTES,
    UNWANTED_SECONDS,
    Answer,
    ResponseInfo,
    Servers,
    begins_like_events,
    call_hook,
    content_of,
    header_dict,
)
from .async_network import AsyncConnections, AsyncReader
from .failures import (
    BodyClosedError,
    deadline_passed,
    failure_of,
    too_long,
    unwanted,
    without_secrets,
)
from .libraries import AsyncHTTPClient, error_name
from .proxies import proxy_of
from .request import Call, Progress, build_request
from .retry import Attempts

logger = logging.getLogger("dify_workflow")

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")


class AsyncByteStream(AsyncReader):
    """The body of an answer, read piece by piece or as a whole."""

    async def whole(self) -> Answer:
        """The answer with its whole body.

        Raises:
            APIConnectionError: The connection broke.
            InvalidResponseError: It is longer than `max_answer_bytes`.
            RunDeadlineExceededError: The deadline of the call has passed.
        """
        body = bytearray()
        while (piece := await self.read()) is not None:
            body += piece
            if len(body) > self._call.options.max_answer_bytes:
                await self.close()
                raise too_long(self._call)
        return self._answer(bytes(body))

    def _answer(self, body: bytes) -> Answer:
        name, status = self._call.operation.name, self._response.status_code
        return Answer(name, status, self.headers, self.key, body)

    async def begins_like_events(self) -> bool:
        """Whether the body begins like an event stream. The next reads return these bytes again.

        Raises:
            APIConnectionError: No bytes came in time, or the connection broke.
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

    async def start(self) -> Answer:
        """The answer with the first bytes of a body that was not requested; then close it."""
        start = b""
        deadline = time.monotonic() + UNWANTED_SECONDS
        try:
            while len(start) < UNWANTED_BYTES and (left := deadline - time.monotonic()) > 0:
                piece = await self.read(left)
                if piece is None:
                    break
                start += piece
        except (APIConnectionError, InvalidResponseError, RunDeadlineExceededError):
            pass  # the status is more important than why the body ended early
        finally:
            await self.close()
        return self._answer(start[:UNWANTED_BYTES])

    async def end(self) -> None:
        """Close it. If the answer ends within a moment, its connection is used again."""
        try:
            if (seconds := self._end_wait()) is not None:
                until = time.monotonic() + seconds
                while await self.read(max(0.0, until - time.monotonic())) is not None:
                    if time.monotonic() >= until:
                        break  # a read without a wait succeeds while more data arrives
        except DifyError:
            pass  # the run has ended; what follows does not matter
        finally:
            await self.close()

    async def close_connection(self) -> None:
        """Close the connection after an answer that belongs to another request.

        This is not needed over HTTP/2, where answers are numbered.
        """
        if self._stream is not None and not self._is_shared:
            await self._stream.aclose()


class AsyncTransport(AsyncConnections):
    """Sends calls with an `httpx.AsyncClient`.

    Args:
        http_client: The user's own client, which is never closed here. By default a client is made
            when it is first needed.
    """

    def __init__(self, http_client: AsyncHTTPClient | None = None) -> None:
        super().__init__(http_client)
        self.servers = Servers()

    @property
    def is_given(self) -> bool:
        """Whether it sends with the user's own client."""
        return self._given is not None

    async def send(self, call: Call[T]) -> T:
        """Send a call and read its answer. Repeat it where that is safe.

        Raises:
            DifyError: The errors that the called method documents.
        """
        return await self._retrying(call, self._answer)

    async def open(self, call: Call[Any]) -> AsyncByteStream:
        """Send a call and return the unread body of its answer. Repeat it where that is safe.

        Raises:
            DifyError: The errors that the called method documents.
        """
        return await self._retrying(call, self._open)

    async def drive(self, steps: Generator[Call[Any], Any, T]) -> T:
        """Send the calls that a generator yields, and send it their results."""
        return await self.carry_out(steps, self.send)

    async def carry_out(self, steps: Generator[S, Any, T], do: Callable[[S], Awaitable[Any]]) -> T:
        """Carry out the steps that a generator yields, and send it their results."""
        try:
            step = next(steps)
            while True:
                try:
                    result = await do(step)
                except DifyError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as end:
            outcome: T = end.value
            return outcome

    async def _retrying(self, call: Call[T], attempt: Callable[[Call[T]], Awaitable[R]]) -> R:
        attempts: Attempts | None = None
        last: DifyError | None = None
        while True:
            if call.deadline.has_passed:
                raise deadline_passed(call, sent=False) from last
            try:
                return await attempt(call)
            except DifyError as error:
                error.__traceback__ = None  # its frames contain the answer, which may have the key
                attempts = attempts or Attempts(call)
                seconds = attempts.wait_after(error)
                if seconds is None:
                    raise
                last = error
            await sleep(seconds)

    async def _answer(self, call: Call[T]) -> T:
        body = await self._open(call)
        answer = await body.whole()
        try:
            return call.operation.read(answer)
        except InvalidResponseError:
            await body.close_connection()
            raise

    async def _open(self, call: Call[Any]) -> AsyncByteStream:
        body, response = await self._sent(call)
        self.servers.note(call.base_url, body.headers)
        operation, kind = call.operation, body.headers.get("content-type", "")
        if response.is_success and (encoding := body.unknown_encoding):
            await body.close()
            what = f"the body is encoded as {encoding}, which was not requested"
            raise InvalidResponseError(f"{operation.name}: {what}.")
        if response.is_success and operation.takes(kind):
            return body
        may_be_events = operation.answer == "events" and response.status_code == HTTPStatus.OK
        if may_be_events and await body.begins_like_events():
            return body
        raise unwanted(call, await body.start())

    async def _sent(self, call: Call[Any]) -> tuple[AsyncByteStream, Any]:
        """Send a call, and return the body of its answer, and its head."""
        client = await self._client(call)
        started, outer = time.perf_counter(), sys.exception()
        request = build_request(client, call)
        progress = Progress(is_reported=not self.is_given)
        try:
            response, connection = await self._exchange(client, call, request, progress)
        except BaseException as error:
            if sent := progress.is_sent(error):
                call.on_sent()
            without_secrets(error, call, request, outer)
            if error_name(error) == "HTTPStatusError":  # raised by a hook of the user's client
                answered: Any = getattr(error, "response", None)
                name, status = call.operation.name, answered.status_code
                headers, content = header_dict(call, answered), content_of(answered)
                raise unwanted(call, Answer(name, status, headers, call.key, content)) from error
            proxy = None if self.is_given else proxy_of(call.base_url)
            failure = failure_of(error, call, request, sent=sent, proxy=proxy)
            if isinstance(failure, APIConnectionError) and self._closed:
                raise BodyClosedError(call, request_sent=sent) from None
            if failure is error:
                raise
            raise failure from error
        call.on_sent()
        seconds, status = time.perf_counter() - started, response.status_code
        # Bodies and queries are not logged, because they can contain private data.
        logger.debug("%s: %d after %.0f ms", call.operation, status, seconds * 1000)
        body = AsyncByteStream(call, response, connection)
        if (callback := call.options.on_response) is not None:
            name, method = call.operation.name, request.method
            info = ResponseInfo(name, method, status, body.headers, seconds)
            call_hook(callback, info, call.operation.label)
        return body, response
