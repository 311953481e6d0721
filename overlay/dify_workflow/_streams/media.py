"""Files and sound on their way from the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .._http.failures import given_up
from .._http.tasks import Flight

if TYPE_CHECKING:
    from .._http.async_body import AsyncByteStream
    from .._http.request import Call
    from .._http.sync_body import ByteStream


class MediaStream(Iterator[bytes]):
    """The bytes of a file, piece by piece: a context manager and an iterator.

    Raises:
        APIConnectionError: While iterating: the connection broke.
    """

    def __init__(self, opening: Callable[[], ByteStream], call: Call[Any]) -> None:
        self._opened: ByteStream | None = None  # a finalizer looks at it, where opening fails
        self._opened = opening()

    @property
    def _body(self) -> ByteStream:
        assert self._opened is not None
        return self._opened

    @property
    def content_type(self) -> str:
        """Media type of the file, as the server gives it; may be empty."""
        return self._body.headers.get("content-type", "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Generator[bytes, None, None]:
        try:
            while (piece := self._body.read()) is not None:
                yield piece
        finally:
            self._body.abandon()

    def __next__(self) -> bytes:
        piece = self._body.read()
        if piece is None:
            raise StopIteration
        return piece

    def read(self) -> bytes:
        """Everything that is left."""
        return b"".join(self)

    def close(self) -> None:
        """Close the connection."""
        self._body.close()

    def __del__(self) -> None:
        if self._opened is not None:
            self._opened.abandon()


class AsyncMediaStream(AsyncIterator[bytes]):
    """The bytes of a file, piece by piece: an async context manager and async iterator.

    The request is sent when it is awaited, entered or iterated.

    Raises:
        APIConnectionError: While iterating: the connection broke.
    """

    def __init__(self, opening: Callable[[], Awaitable[AsyncByteStream]], call: Call[Any]) -> None:
        self._opening = Flight(opening, given_up(call))
        self._body: AsyncByteStream | None = None

    @property
    def content_type(self) -> str:
        """Media type of the file, as the server gives it; may be empty."""
        return self._body.headers.get("content-type", "") if self._body else ""

    def __await__(self) -> Generator[None, None, Self]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Self:
        await self._opened()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while (piece := await (await self._opened()).read()) is not None:
                yield piece
        finally:
            await self.close()

    async def __anext__(self) -> bytes:
        piece = await (await self._opened()).read()
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def read(self) -> bytes:
        """Everything that is left."""
        return b"".join([piece async for piece in self])

    async def close(self) -> None:
        """Close the connection."""
        if self._body is not None:
            await self._body.close()

    def __del__(self) -> None:
        if self._body is not None:
            self._body.abandon()

    async def _opened(self) -> AsyncByteStream:
        if self._body is None:
            self._body = await self._opening.outcome()
        return self._body
