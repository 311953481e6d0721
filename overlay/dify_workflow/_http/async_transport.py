"""Sending and receiving with `httpx.AsyncClient`: calls, their attempts, and their answers."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from http import HTTPStatus
from typing import Any, TypeVar

from anyio import sleep

from .._proxies import proxy_of
from ..errors import APIConnectionError, DifyError, InvalidResponseError
from .async_body import AsyncByteStream
from .async_connections import AsyncConnections, resolved
from .failures import BodyClosedError, failure_of, unwanted, without_secrets
from .libraries import AsyncHTTPClient, Progress, content_of, error_name, header_dict
from .request import Answer, Call, build_request
from .retry import Attempts
from .servers import Servers

__all__ = ["AsyncTransport", "resolved"]

logger = logging.getLogger("dify_workflow")

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")


class AsyncTransport(AsyncConnections):
    """Sends calls with an `httpx.AsyncClient`.

    Args:
        http_client: A client of the user's own, which is never closed here; by default one is made
            when it is first needed.
    """

    def __init__(self, http_client: AsyncHTTPClient | None = None) -> None:
        super().__init__(http_client)
        self.servers = Servers()

    @property
    def is_given(self) -> bool:
        """Whether it sends with an httpx client of the user's own."""
        return self._given is not None

    async def send(self, call: Call[T]) -> T:
        """Send a call and read its answer; again, where that is safe.

        Raises:
            DifyError: What the operation's method documents.
        """
        return await self._retrying(call, self._answer)

    async def open(self, call: Call[Any]) -> AsyncByteStream:
        """Send a call and leave the body of its answer unread; again, where that is safe.

        Raises:
            DifyError: What the operation's method documents.
        """
        return await self._retrying(call, self._open)

    async def drive(self, steps: Generator[Call[Any], Any, T]) -> T:
        """Send the calls that a conversation yields, and give it what came of each."""
        return await self.carry_out(steps, self.send)

    async def carry_out(self, steps: Generator[S, Any, T], do: Callable[[S], Awaitable[Any]]) -> T:
        """Do what a conversation yields, and give it what came of each step."""
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
        attempts = Attempts(call)
        while True:
            try:
                attempts.begin()
                return await attempt(call)
            except DifyError as error:
                error.__traceback__ = None  # its frames hold what came, in which the key may stand
                seconds = attempts.wait_after(error)
                if seconds is None:
                    raise
            await sleep(seconds)

    async def _answer(self, call: Call[T]) -> T:
        body = await self._open(call)
        answer = await body.whole()
        try:
            return call.operation.read(answer)
        except InvalidResponseError:
            await body.sever()
            raise

    async def _open(self, call: Call[Any]) -> AsyncByteStream:
        body, response = await self._sent(call)
        self.servers.note(call.base_url, body.headers)
        operation, kind = call.operation, body.headers.get("content-type", "")
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
            if error_name(error) == "HTTPStatusError":  # a hook of the user's client raised it
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
        milliseconds = (time.perf_counter() - started) * 1000
        # Neither bodies nor queries, which can hold what is private.
        logger.debug(
            "%s: %s: %d after %.0f ms",
            call.operation.name,
            call.operation.shown,
            response.status_code,
            milliseconds,
        )
        return AsyncByteStream(call, response, connection), response
