"""What is peculiar to `httpx.AsyncClient`: event loops, cancellation, and finalizers.

All else is in `async_body` and `async_transport`, of which the sync modules are made.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import AbstractContextManager, nullcontext
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

import httpx
from anyio import move_on_after

from .._deadline import Deadline
from .async_network import hold_connections, no_socket_left
from .body import END_SECONDS, Body
from .failures import closed, deadline_passed, silence
from .libraries import AsyncHTTPClient, Progress, bearer, own_client
from .versions import lingers

if TYPE_CHECKING:
    from anyio import Event

    from .request import Call

T = TypeVar("T")

_CLOSING: set[asyncio.Task[None]] = set()
"""Readers that are being closed: an event loop itself keeps only weak references."""


async def resolved(result: Awaitable[T] | T) -> T:
    """What a callback of the user's returned, or what comes of its coroutine."""
    if isawaitable(result):
        awaited: T = await result
        return awaited
    return result


class AsyncReader(Body):
    """The pieces of an answer, as they come over its connection.

    Args:
        call: The call that was answered.
        response: The answer, of which only the head was read.
        connection: The event loop that the connection belongs to.
    """

    can_bound_waits = True

    def __init__(self, call: Call[Any], response: Any, connection: Loop) -> None:
        super().__init__(call, response)
        self._loop = running_loop()
        self._is_lifted = False
        # An iteration that is dropped closes the connection, so one that was given up waits here.
        self._suspended: list[AsyncIterator[bytes]] = []
        self._raw: AsyncIterator[bytes]
        self._raw = response.aiter_bytes() if self._is_read else aiter(response.stream)
        connection.readers.add(self)

    async def _next(self, within: float | None) -> bytes | None:
        """The next bytes as the server meant them; None at the end."""
        if (within is not None) is not self._is_lifted:
            within = self._lifted(within)
        if within is None and self._is_plain:  # mostly
            return await anext(self._raw, None)
        deadline = self._call.deadline
        if deadline.has_passed:  # also while pings come
            raise deadline_passed(self._call, sent=True)
        with move_on_after(deadline.bound(within)):
            if self._inflater is None:
                return await anext(self._raw, None)
            while (piece := self._inflater.pop()) is None:
                raw = await anext(self._raw, None)
                if raw is None:
                    return None
                self._inflater.feed(raw)
            return piece
        if within is None or deadline.has_passed:
            raise deadline_passed(self._call, sent=True)
        raise silence(self._call, within)

    def _lifted(self, within: float | None) -> float | None:
        """Let reads wait longer than httpcore would, or as long again.

        Args:
            within: Seconds to wait for the next bytes; None for the bound of the call.

        Returns:
            Seconds after which the wait is ended here; None where httpcore ends it.
        """
        if (lift_bound := getattr(self._stream, "lift_bound", None)) is not None:
            self._is_lifted = within is not None
            lift_bound(is_lifted=self._is_lifted)
            return within
        if self._is_lifted:
            return self._usual
        self._is_lifted = True
        bounds = self._response.request.extensions["timeout"]
        self._usual, bounds["read"] = bounds["read"], None
        # Over HTTP/2 httpcore looks at the bound each time; else when an iteration begins.
        if self._can_rebound and not self._is_shared:
            self._suspended.append(self._raw)
            self._raw = aiter(self._response.stream)
        return within

    def _end_wait(self) -> float | None:
        """Seconds to wait for the end of a stream behind its final event; None for not reading."""
        # At least once: what is cut off while it reads leaves no generator to the collector.
        return 0.0 if lingers(self.headers.get("x-version")) else END_SECONDS

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
            _CLOSING.add(closing)
            closing.add_done_callback(_CLOSING.discard)


class Loop:
    """What belongs to one event loop: connections cannot be used in another one."""

    def __init__(self) -> None:
        self.client: httpx.AsyncClient | None = None
        self.closing: AsyncGenerator[None] | None = None
        self.readers: WeakSet[AsyncReader] = WeakSet()
        self.sleepers: set[Event] = set()


class AsyncConnections:
    """The connections of a transport, in each event loop.

    Args:
        http_client: A client of the user's own, which is never closed here; by default one is made
            in each event loop when it is first needed.
    """

    def __init__(self, http_client: AsyncHTTPClient | None) -> None:
        self._given = http_client
        self._closed = False
        self._loops: WeakKeyDictionary[object, Loop] = WeakKeyDictionary()

    async def wait(self, seconds: float, woken: Event) -> None:
        """Let time pass, until woken or closed."""
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
            for reader in list(here.readers):
                await reader.close()
        closing, here.closing = here.closing, None
        if closing is not None:
            await closing.aclose()

    def _here(self) -> Loop:
        loop = running_loop() or _trio_token()
        found = self._loops.get(loop)
        if found is None:
            for ended in [each for each in self._loops if _is_closed(each)]:
                del self._loops[ended]  # its connections hold it
            found = self._loops[loop] = Loop()
        return found

    async def _client(self, call: Call[Any]) -> Any:
        if self._closed or (self._given is not None and self._given.is_closed):
            raise closed(call)
        if self._given is not None:
            return self._given
        here = self._here()
        if here.client is None:
            here.client = own_client(httpx.AsyncClient, call.operation.name)
            hold_connections(here.client)
            # An event loop that ends closes the generators that were begun in it.
            here.closing = _until_closed(here.client)
            await anext(here.closing)
        return here.client

    async def _exchange(
        self, client: Any, call: Call[Any], request: Any, progress: Progress
    ) -> tuple[Any, Loop]:
        """Send a request: the head of its answer, and the connection that it came over."""
        request.extensions["trace"] = progress.anote
        with _within(call.deadline), no_socket_left():
            response = await client.send(
                request, stream=True, auth=bearer(call.key), follow_redirects=False
            )
            return response, self._here()
        raise deadline_passed(call, sent=progress.may_be_sent)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of asyncio that runs here; None in the loop of another library."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _trio_token() -> object:
    """What stands for the running loop of trio."""
    import trio

    return trio.lowlevel.current_trio_token()


def _is_closed(loop: object) -> bool:
    """Whether an event loop of asyncio was closed."""
    return isinstance(loop, asyncio.AbstractEventLoop) and loop.is_closed()


async def _until_closed(client: httpx.AsyncClient) -> AsyncGenerator[None, None]:
    """Closes a client when the generator itself is closed, by its event loop or by `close`."""
    try:
        yield
    finally:
        await client.aclose()


def _within(deadline: Deadline) -> AbstractContextManager[object]:
    """Cuts off what takes longer; without a deadline there is no scope, which takes time."""
    return move_on_after(deadline.bound()) if deadline.is_set else nullcontext()
