"""Sending and receiving with `httpx.AsyncClient`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

import httpx

from ._transport import (
    CALL_TIMEOUT,
    LIMITS,
    UNWANTED_BYTES,
    Bearer,
    Call,
    Versions,
    build_request,
    closed,
    closed_while_reading,
    given_up,
    header_dict,
    is_encoded,
    is_wanted,
    log,
    ssl_context,
    tighten,
    translated,
    unwanted,
    whole_answer,
    without_frames,
)
from .errors import DifyError

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")
R = TypeVar("R")

_CLOSING: set[asyncio.Task[None]] = set()


class AsyncByteStream:
    """The body of an answer, piece by piece.

    Args:
        call: The call that was answered.
        response: The answer, of which only the head was read.
    """

    def __init__(self, call: Call[Any], response: httpx.Response) -> None:
        self.headers = header_dict(response)
        self._call = call
        self._response = response
        self._is_at_end = False
        self._is_closed = False
        # An iteration that is dropped closes the connection, so those that were given up wait here.
        self._suspended: list[AsyncIterator[bytes]] = []
        self._pieces = response.aiter_bytes() if is_encoded(response) else self._plain_pieces()

    async def read(self, within: float | None = None) -> bytes | None:
        """The next bytes; None at the end.

        Args:
            within: Seconds to wait for them; by default the bound of the call.

        Raises:
            APITimeoutError: Nothing came in time.
            APIConnectionError: The connection broke.
        """
        if within is not None and tighten(self._response, within):
            self._suspended.append(self._pieces)
            self._pieces = self._plain_pieces()
        try:
            piece = await anext(self._pieces, None)
        except httpx.HTTPError as error:
            if self._is_closed:
                raise closed_while_reading(self._call) from None
            raise translated(error, self._call, self._response.request) from without_frames(error)
        self._is_at_end = piece is None
        return piece

    async def start(self) -> bytes:
        """The first bytes of a body that nobody asked for; the connection is then closed."""
        start = b""
        try:
            while len(start) < UNWANTED_BYTES and (piece := await self.read()) is not None:
                start += piece
        finally:
            await self.close()
        return start

    async def close(self) -> None:
        """Close the connection, unless the body was read to its end."""
        self._is_closed = True
        await self._response.aclose()

    def close_soon(self) -> None:
        """Close the connection as soon as the event loop gets to it; for finalizers."""
        loop = running_loop()
        if loop is None or self._is_closed:  # its connections are gone, or not of asyncio
            return
        closing = loop.create_task(self.close())
        _CLOSING.add(closing)  # the loop itself keeps only a weak reference
        closing.add_done_callback(_CLOSING.discard)

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


class _Flight:
    """A call that several tasks wait for."""

    def __init__(self) -> None:
        from anyio import Event  # asyncio or trio, as httpx

        self.landed = Event()
        self.result: Any = None
        self.error: DifyError | None = None

    async def outcome(self) -> Any:
        await self.landed.wait()
        if self.error is not None:
            raise self.error
        return self.result


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
        self._closed = False
        self._bodies: WeakSet[AsyncByteStream] = WeakSet()
        self._loop: object = None
        self._flights: dict[object, _Flight] = {}

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
        try:
            call = next(steps)
            while True:
                try:
                    result = await (self._share(call) if call.shared else self.send(call))
                except DifyError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(result)
        except StopIteration as end:
            outcome: T = end.value
            return outcome

    async def close(self) -> None:
        """Close the connections that were made here."""
        self._closed = True
        if self._given is None:
            for body in list(self._bodies):
                await body.close()
        if self._made is not None:
            await self._made.aclose()

    async def _share(self, call: Call[T]) -> T:
        """Send a call, or wait for the same one that another task has sent already."""
        flight = self._flights.get(call.identity)
        if flight is not None:
            outcome: T = await flight.outcome()
            return outcome
        mine = self._flights[call.identity] = _Flight()
        mine.error = given_up(call)
        try:
            result = await self.send(call)
        except DifyError as error:
            mine.error = error
            raise
        else:
            mine.result, mine.error = result, None
            return result
        finally:
            del self._flights[call.identity]
            mine.landed.set()

    async def _retrying(self, call: Call[T], attempt: Callable[[Call[T]], Awaitable[R]]) -> R:
        from anyio import sleep  # asyncio or trio, as httpx

        number = 0
        while True:
            number += 1
            try:
                return await attempt(call)
            except DifyError as error:
                wait = call.wait_before_retry(error, number)
                if wait is None:
                    raise
            await sleep(wait)

    async def _answer(self, call: Call[T]) -> T:
        response = await self._send(call, stream=False)
        if not is_wanted(call, response):
            raise unwanted(call, response, response.content)
        return call.operation.read(whole_answer(call, response))

    async def _open(self, call: Call[Any]) -> AsyncByteStream:
        response = await self._send(call, stream=True)
        body = AsyncByteStream(call, response)
        self._bodies.add(body)
        if is_wanted(call, response):
            return body
        raise unwanted(call, response, await body.start())

    async def _send(self, call: Call[Any], *, stream: bool) -> httpx.Response:
        client = self._client(call)
        started = time.perf_counter()
        request = build_request(client, call)
        try:
            response = await client.send(
                request,
                stream=stream,
                auth=Bearer(call.key),
                follow_redirects=False,
            )
        except httpx.HTTPError as error:
            raise translated(error, call, request) from without_frames(error)
        self.versions.note(call, response)
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
            self._made = httpx.AsyncClient(
                verify=ssl_context(), timeout=CALL_TIMEOUT, limits=LIMITS
            )
            self._loop = loop
        return self._made
