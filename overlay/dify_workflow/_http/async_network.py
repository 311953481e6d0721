"""The network code that differs between async and sync: start, wait, connect, read, close, cancel.

The common code is in `async_transport`, from which the sync module is generated. If a task is
cancelled, at any moment, its connection is closed (with our own `httpx.AsyncClient`).
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
)
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary

import httpcore
import httpx
from anyio import Event, move_on_after

from ..errors import DifyError
from .answer import END_SECONDS, Body, lingers
from .failures import BodyClosedError, closed, deadline_passed, failure_of_read, silence
from .libraries import AsyncHTTPClient, hold_pools, own_client
from .loops import Loop, is_closed, running_loop, trio_token
from .options import Deadline
from .request import Progress, bearer

if TYPE_CHECKING:
    from .request import Call

T = TypeVar("T")

_SPAWNED: set[asyncio.Task[None]] = set()
"""Tasks in the background. An event loop keeps only weak references to its tasks."""


def spawn(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run something in the background, in asyncio or trio."""
    if (loop := running_loop()) is None:
        import trio

        trio.lowlevel.spawn_system_task(work)
        return
    task = loop.create_task(work())
    _SPAWNED.add(task)
    task.add_done_callback(_SPAWNED.discard)


async def resolved(result: Awaitable[T] | T) -> T:
    """The result of a user's callback, which may be an async function."""
    if isawaitable(result):
        awaited: T = await result
        return awaited
    return result


def begin_now(begin: Callable[[], Awaitable[object]]) -> None:
    """Begin now, in sync code only: async code begins when the object is awaited."""


async def close_at_end(close: Callable[[], Awaitable[None]], finalize: Callable[[], None]) -> None:  # noqa: ARG001  # for threads
    """Close a connection at the end of a generator, which always runs in a task."""
    await close()


class Turn:
    """A lock for one worker at a time. Waiting tasks look again after each piece of work."""

    def __init__(self) -> None:
        self._is_taken = False
        self._waiting: list[Event] = []

    def is_ours(self) -> bool:
        """Always False: a task does not ask in the middle of its own work."""
        return False

    async def acquire(self, is_over: Callable[[], object]) -> bool:
        """Wait for the lock; False if there is nothing left to do.

        Args:
            is_over: Whether there is nothing left; called after each piece of another's work.
        """
        while self._is_taken:
            self._waiting.append(done := Event())
            await done.wait()
            if is_over():
                return False
        self._is_taken = True
        return True

    def release(self) -> None:
        """Release the lock, and let waiting tasks look at the result."""
        self._is_taken = False
        self.wake()

    def wake(self) -> None:
        """Let waiting tasks look again."""
        for done in self._waiting:
            done.set()
        self._waiting.clear()


class SharedCall(Generic[T]):
    """A call that is sent once, by the task that first needs its result. Other tasks wait for it.

    Args:
        send: Sends the call.
        given_up: Makes the error for all tasks after the sending task was cancelled. The call is
            not sent again, because it may have reached the server.
    """

    def __init__(self, send: Callable[[], Awaitable[T]], given_up: Callable[[], DifyError]) -> None:
        self._send = send
        self._given_up = given_up
        self._done: Event | None = None
        self._result: T | None = None
        self._error: DifyError | None = None

    async def outcome(self) -> T:
        """The result of the call.

        Raises:
            DifyError: The error of the call.
        """
        if self._done is not None:
            await self._done.wait()
            if self._error is not None:
                raise self._error
            return cast("T", self._result)

        self._done = Event()
        try:
            self._result = await self._send()
        except DifyError as error:
            self._error = error
            raise
        except BaseException:
            self._error = self._given_up()
            raise
        finally:
            self._done.set()
        return self._result


_MADE: ContextVar[list[AsyncStream]] = ContextVar("made")
"""The connections that the request of a task has opened."""


@contextmanager
def no_socket_left() -> Generator[None, None, None]:
    """Close the connections that a request has opened, if it is cancelled before it uses them.

    httpcore leaks a connection if its task is cancelled at the moment when it is established.
    """
    made: list[AsyncStream] = []
    token = _MADE.set(made)
    try:
        yield
    except BaseException:
        for stream in made:
            if not stream.is_used:
                spawn(stream.discard)
        raise
    finally:
        _MADE.reset(token)


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    """Opens connections, and leaves none open if the task that connects is cancelled."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend, pool: Any) -> None:
        self._backend = backend
        self._pool = pool

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        connect = partial(
            self._backend.connect_tcp, host, port, timeout, local_address, socket_options
        )
        return AsyncStream(await _connected(connect), self._pool)


async def _connected(
    connect: Callable[[], Awaitable[httpcore.AsyncNetworkStream]],
) -> httpcore.AsyncNetworkStream:
    """Connect in a task of its own.

    A task that is cancelled at the moment when its connection is established would leak it.
    """
    is_over, given_up = Event(), Event()
    made: list[httpcore.AsyncNetworkStream] = []
    failed: list[Exception] = []

    async def run() -> None:
        try:
            made.append(await connect())
        except Exception as error:  # noqa: BLE001  # raised by the task that waits
            failed.append(error)
        is_over.set()
        if given_up.is_set() and made:
            await made[0].aclose()

    spawn(run)
    try:
        await is_over.wait()
    except BaseException:
        given_up.set()
        if made:
            spawn(made[0].aclose)
        raise
    if failed:
        raise failed[0]
    return made[0]


class AsyncStream(httpcore.AsyncNetworkStream):
    """A connection that is closed if its TLS handshake is cancelled."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, pool: Any) -> None:
        self.is_used = False
        """Whether anything was written to it."""
        self._stream = stream
        self._pool = pool
        self.read = stream.read  # type: ignore[method-assign]  # no call in between, for speed
        _MADE.get([]).append(self)

    def lift_bound(self, *, is_lifted: bool) -> None:
        """Switch off httpcore's read timeout for this answer, or switch it on again."""
        self.read = self._read_unbound if is_lifted else self._stream.read  # type: ignore[method-assign]  # as above

    async def _read_unbound(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.is_used = True
        self.lift_bound(is_lifted=False)  # the previous answer may have switched it off
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def discard(self) -> None:
        """Close a connection that no request will use, and remove it from the pool."""
        await self._stream.aclose()
        for connection in self._pool.connections:
            inner = getattr(connection, "_connection", None)
            if getattr(inner, "_network_stream", None) is self:
                await connection.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            spawn(self._stream.aclose)
            raise
        self.is_used = True  # from now on the TLS stream is used instead
        return AsyncStream(stream, self._pool)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class AsyncReader(Body):
    """Reads the body of an answer in pieces, as they arrive.

    Args:
        call: The call that was answered.
        response: The answer. Only its head was read.
        connection: The event loop that the connection belongs to.
    """

    can_bound_waits = True

    def __init__(self, call: Call[Any], response: Any, connection: Loop) -> None:
        super().__init__(call, response)
        self._loop = running_loop()
        self._is_lifted = False
        # An iterator that is garbage collected closes the connection, so unused ones are kept here.
        self._suspended: list[AsyncIterator[bytes]] = []
        self._raw: AsyncIterator[bytes]
        self._raw = response.aiter_bytes() if self._is_read else aiter(response.stream)
        connection.readers.add(self)

    async def read(self, within: float | None = None) -> bytes | None:
        """The next bytes; None at the end. The end and every error close the connection.

        Args:
            within: Seconds to wait for them, if `can_bound_waits`; by default the timeout of the
                call.

        Raises:
            APITimeoutError: No bytes came in time.
            APIConnectionError: The connection broke, or the body was closed.
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
            failure = failure_of_read(
                error,
                self._call,
                self._response.request,
                outer,
                within=within,
                is_closed=self._is_closed,
            )
            await self.close()
            if failure is error:
                raise
            raise failure from failure.__cause__
        if piece is None:
            self._is_at_end = True
            await self.close()
        return piece

    async def _next(self, within: float | None) -> bytes | None:
        """The next decompressed bytes; None at the end."""
        if (within is not None) is not self._is_lifted:
            within = self._lifted(within)
        if within is None and self._is_plain:  # the most frequent case
            return await anext(self._raw, None)
        deadline = self._call.deadline
        if deadline.has_passed:  # also if pings keep coming
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
        """Switch off the timeout of httpcore for the next reads, or switch it on again.

        Args:
            within: Seconds to wait for the next bytes; None for the timeout of the call.

        Returns:
            Seconds after which `_next` ends the wait; None if httpcore does.
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
        # Over HTTP/2 httpcore reads the timeout each time; else only when an iteration begins.
        if self._can_rebound and not self._is_shared:
            self._suspended.append(self._raw)
            self._raw = aiter(self._response.stream)
        return within

    def _end_wait(self) -> float | None:
        """Seconds to wait for the end of a stream after its final event; None for no read."""
        # 0.0 reads once, which closes the generators of httpx now and not in the garbage collector.
        return 0.0 if lingers(self.headers.get("x-version")) else END_SECONDS

    async def close(self) -> None:
        """Close the connection. After the whole body was read, it goes back to the pool."""
        self._is_closed = True
        await self._response.aclose()

    def abandon(self) -> None:
        """Close the connection from a finalizer, as soon as that is safe."""
        loop = self._loop
        # If its loop has ended, the connection is closed already. trio has no way to do this.
        if not self._is_closed and loop is not None and loop is running_loop():
            spawn(self.close)


class AsyncConnections:
    """The connections of a transport, for each event loop.

    Args:
        http_client: The user's own client, which is never closed here. By default a client is made
            in each event loop when it is first needed.
    """

    def __init__(self, http_client: AsyncHTTPClient | None) -> None:
        self._given = http_client
        self._closed = False
        self._loops: WeakKeyDictionary[object, Loop] = WeakKeyDictionary()

    async def wait(self, seconds: float, woken: Event) -> None:
        """Wait, until woken or closed."""
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
        """Close the connections of this event loop. Those of other loops end with their loops."""
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
        loop = running_loop() or trio_token()
        found = self._loops.get(loop)
        if found is None:
            for ended in [each for each in self._loops if is_closed(each)]:
                del self._loops[ended]  # its connections keep a reference to it
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
            hold_pools(here.client, _AsyncBackend)
            # An event loop that ends closes the async generators that were started in it.
            here.closing = _until_closed(here.client)
            await anext(here.closing)
        return here.client

    async def _exchange(
        self, client: Any, call: Call[Any], request: Any, progress: Progress
    ) -> tuple[Any, Loop]:
        """Send a request, and return the head of its answer and the event loop."""
        request.extensions["trace"] = progress.anote
        with _within(call.deadline), no_socket_left():
            response = await client.send(
                request, stream=True, auth=bearer(call.key), follow_redirects=False
            )
            return response, self._here()
        raise deadline_passed(call, sent=progress.may_be_sent)


async def _until_closed(client: httpx.AsyncClient) -> AsyncGenerator[None, None]:
    """Close a client when this generator is closed, by its event loop or by `close`."""
    try:
        yield
    finally:
        await client.aclose()


def _within(deadline: Deadline) -> AbstractContextManager[object]:
    """A scope that cancels at the deadline; without a deadline nothing, which is faster."""
    return move_on_after(deadline.bound()) if deadline.is_set else nullcontext()
