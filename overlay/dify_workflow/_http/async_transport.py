"""Sending and receiving with `httpx.AsyncClient`."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

import httpx
from anyio import move_on_after, sleep

from .._deadline import Deadline
from ..errors import APIConnectionError, DifyError, InvalidResponseError
from .async_body import AsyncByteStream, running_loop
from .failures import (
    LIMITS,
    AsyncHTTPClient,
    BodyClosedError,
    closed,
    content_of,
    failure_of,
    header_dict,
    is_sent,
    is_wanted,
    log,
    may_be_events,
    setting_up,
    ssl_context,
    unwanted,
    without_secrets,
)
from .libraries import Progress, error_name
from .network import hold_connections, no_socket_left
from .request import CALL_TIMEOUT, Call, bearer, build_request
from .retry import Attempts
from .servers import Servers

if TYPE_CHECKING:
    from anyio import Event

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")


async def resolved(result: Awaitable[T] | T) -> T:
    """What a callback of the user's returned, or what comes of its coroutine."""
    if isawaitable(result):
        awaited: T = await result
        return awaited
    return result


class _Loop:
    """What belongs to one event loop: connections cannot be used in another one."""

    def __init__(self) -> None:
        self.client: httpx.AsyncClient | None = None
        self.closing: AsyncGenerator[None] | None = None
        self.bodies: WeakSet[AsyncByteStream] = WeakSet()
        self.sleepers: set[Event] = set()


class AsyncTransport:
    """Sends calls with an `httpx.AsyncClient`.

    Args:
        http_client: A client of the user's own, which is never closed here; by default one is made
            in each event loop when it is first needed.
    """

    def __init__(self, http_client: AsyncHTTPClient | None = None) -> None:
        self.servers = Servers()
        self._given = http_client
        self._closed = False
        self._loops: WeakKeyDictionary[object, _Loop] = WeakKeyDictionary()

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

    async def wait(self, seconds: float, woken: Event) -> None:
        """Let time pass, until woken or closed.

        Args:
            seconds: How much.
            woken: What ends it early.
        """
        if self._closed:
            return
        sleepers = self._here().sleepers
        sleepers.add(woken)
        try:
            with move_on_after(seconds):
                await woken.wait()
        finally:
            sleepers.discard(woken)

    async def close(self) -> None:
        """Close the connections of this event loop; those of others end with their loops."""
        self._closed = True
        here = self._here()
        for woken in here.sleepers:
            woken.set()
        if self._given is None:
            for body in list(here.bodies):
                await body.close()
        closing, here.closing = here.closing, None
        if closing is not None:
            await closing.aclose()

    def _here(self) -> _Loop:
        loop = running_loop() or trio_token()
        found = self._loops.get(loop)
        if found is None:
            for ended in [each for each in self._loops if is_closed(each)]:
                del self._loops[ended]  # its connections hold it
            found = self._loops[loop] = _Loop()
        return found

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
        if is_wanted(call, response, body.headers):
            return body
        if may_be_events(call, response) and await body.begins_like_events():
            return body
        raise unwanted(call, response, body.headers, await body.start())

    async def _sent(self, call: Call[Any]) -> tuple[AsyncByteStream, Any]:
        """Send a call, and return the body of its answer, and its head."""
        client = await self._client(call)
        started, outer = time.perf_counter(), sys.exception()
        request = build_request(client, call)
        progress = Progress(is_reported=self._given is None)
        request.extensions["trace"] = progress.anote
        response: Any = None
        try:
            with _within(call.deadline), no_socket_left():
                response = await client.send(
                    request, stream=True, auth=bearer(call.key), follow_redirects=False
                )
        except BaseException as error:
            if sent := is_sent(error, progress):
                call.on_sent()
            without_secrets(error, call, request, outer)
            answered: Any = getattr(error, "response", None)
            if error_name(error) == "HTTPStatusError":  # a hook of the user's client raised it
                headers = header_dict(call, answered)
                raise unwanted(call, answered, headers, content_of(answered)) from error
            failure = failure_of(error, call, request, sent=sent)
            if isinstance(failure, APIConnectionError) and self._closed:
                raise BodyClosedError(call, request_sent=sent) from None
            if failure is error:
                raise
            raise failure from error
        if response is None:
            if progress.may_be_sent:
                call.on_sent()
            raise call.deadline_passed(sent=progress.may_be_sent)
        call.on_sent()
        log(call, response, started)
        body = AsyncByteStream(call, response)
        self._here().bodies.add(body)
        return body, response

    async def _client(self, call: Call[Any]) -> Any:
        if self._closed or (self._given is not None and self._given.is_closed):
            raise closed(call)
        if self._given is not None:
            return self._given
        here = self._here()
        if here.client is None:
            with setting_up(call):
                here.client = httpx.AsyncClient(
                    verify=ssl_context(), timeout=CALL_TIMEOUT, limits=LIMITS
                )
            hold_connections(here.client)
            # An event loop that ends closes the generators that were begun in it.
            here.closing = _until_closed(here.client)
            await anext(here.closing)
        return here.client


def is_closed(loop: object) -> bool:
    """Whether an event loop of asyncio was closed."""
    asked: Callable[[], bool] | None = getattr(loop, "is_closed", None)
    return asked is not None and asked()


async def _until_closed(client: httpx.AsyncClient) -> AsyncGenerator[None, None]:
    """Closes a client when the generator itself is closed, by its event loop or by `close`."""
    try:
        yield
    finally:
        await client.aclose()


def trio_token() -> object:
    """What stands for the running loop of trio."""
    import trio

    return trio.lowlevel.current_trio_token()


def _within(deadline: Deadline) -> AbstractContextManager[object]:
    """Cuts off what takes longer; without a deadline there is no scope, which takes time."""
    if not deadline.is_set:
        return nullcontext()

    return move_on_after(deadline.bound())
