"""Sending and receiving with `httpx.AsyncClient`."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

import httpx

from ._async_body import AsyncByteStream, running_loop
from ._call import Attempts, Call
from ._cookies import SparingCookieJar
from ._deadline import Deadline
from ._flight import Flight, pause, wait_for
from ._phases import watch
from ._request import CALL_TIMEOUT, Bearer, build_request
from ._transport import (
    LIMITS,
    Versions,
    closed,
    content_of,
    given_up,
    is_wanted,
    log,
    setting_up,
    ssl_context,
    translated,
    unwanted,
    without_frames,
)
from .errors import DifyError, RunDeadlineExceededError

if TYPE_CHECKING:
    from anyio import Event

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")


class AsyncTransport:
    """Sends calls with an `httpx.AsyncClient`.

    Args:
        http_client: A client of the user's own, which is never closed here; by default one is made
            when it is first needed.
    """

    def __init__(self, http_client: httpx.AsyncClient | None = None) -> None:
        self.versions = Versions()
        self._given = http_client
        self._made: httpx.AsyncClient | None = None
        self._defaults: dict[str, str] | None = None
        self._closed = False
        self._bodies: WeakSet[AsyncByteStream] = WeakSet()
        self._loop: object = None
        self._flights: dict[object, Flight[Any]] = {}
        self._sleepers: set[Event] = set()

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
        return await self.carry_out(steps, self._share_or_send)

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
        self._sleepers.add(woken)
        try:
            await wait_for(woken, seconds)
        finally:
            self._sleepers.discard(woken)

    async def close(self) -> None:
        """Close the connections that were made here."""
        self._closed = True
        for woken in self._sleepers:
            woken.set()
        if self._given is None:
            for body in list(self._bodies):
                await body.close()
        if self._made is not None:
            await self._made.aclose()

    async def _share_or_send(self, call: Call[Any]) -> Any:
        return await (self._share(call) if call.shared else self.send(call))

    async def _share(self, call: Call[T]) -> T:
        """Send a call, or wait for the same one that another task has sent already."""
        from anyio import move_on_after

        while (flight := self._flights.get(call.identity)) is not None:
            with move_on_after(call.deadline.bound()) as waiting:
                with suppress(RunDeadlineExceededError):  # the other task's: it had less time
                    outcome: T = await flight.outcome()
                    return outcome
            if waiting.cancelled_caught:
                raise call.deadline_passed(sent=False)
        flight = self._flights[call.identity] = Flight(partial(self.send, call), given_up(call))
        try:
            result: T = await flight.outcome()
            return result
        finally:
            del self._flights[call.identity]

    async def _retrying(self, call: Call[T], attempt: Callable[[Call[T]], Awaitable[R]]) -> R:
        attempts = Attempts(call)
        while True:
            try:
                attempts.begin()
                return await attempt(call)
            except DifyError as error:
                seconds = attempts.wait_after(error)
                if seconds is None:
                    raise
            await pause(seconds)

    async def _answer(self, call: Call[T]) -> T:
        return call.operation.read(await (await self._open(call)).whole())

    async def _open(self, call: Call[Any]) -> AsyncByteStream:
        response = await self._send(call)
        body = AsyncByteStream(call, response)
        self._bodies.add(body)
        self.versions.note(call, body.headers)
        if is_wanted(call, response, body.headers):
            return body
        raise unwanted(call, response, await body.start())

    async def _send(self, call: Call[Any]) -> httpx.Response:
        client = self._client(call)
        started = time.perf_counter()
        request = build_request(client, call, self._defaults)
        phases = watch(request)
        response: httpx.Response | None = None
        try:
            with _within(call.deadline):
                response = await client.send(
                    request,
                    stream=True,
                    auth=Bearer(call.key),
                    follow_redirects=False,
                )
        except httpx.HTTPStatusError as error:  # a hook of the user's client raised it
            response = error.response
            raise unwanted(call, response, content_of(response)) from without_frames(error)
        except httpx.HTTPError as error:
            raise translated(error, call, request) from without_frames(error)
        if response is None:
            raise call.deadline_passed(sent=phases.may_be_sent)
        log(call, response, started)
        return response

    def _client(self, call: Call[Any]) -> httpx.AsyncClient:
        if self._closed or (self._given is not None and self._given.is_closed):
            raise closed(call)
        if self._given is not None:
            return self._given
        loop = running_loop()
        if self._made is None or self._loop is not loop:
            # Connections belong to the event loop in which they were made; the loop that is gone
            # has taken them with it.
            with setting_up(call):
                self._made = httpx.AsyncClient(
                    verify=ssl_context(),
                    timeout=CALL_TIMEOUT,
                    limits=LIMITS,
                    cookies=SparingCookieJar(),
                )
            self._defaults = dict(self._made.headers)
            self._loop = loop
        return self._made


def _within(deadline: Deadline) -> AbstractContextManager[object]:
    """Cuts off what takes longer; without a deadline there is no scope, which takes time."""
    if not deadline.is_set:
        return nullcontext()
    from anyio import move_on_after

    return move_on_after(deadline.bound())
