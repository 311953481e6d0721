"""Downloads of files and speech, for tasks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .._http.async_network import SharedCall, begin_now, close_at_end
from .._http.failures import given_up
from .._uncopied import Uncopied

if TYPE_CHECKING:
    from .._http.async_transport import AsyncByteStream
    from .._http.request import Call


class AsyncMediaStream(Uncopied, AsyncIterator[bytes]):
    """The bytes of a file, piece by piece: an async context manager and async iterator.

    The request is sent when it is awaited, entered or iterated.

    Raises:
        APIConnectionError: The connection broke, during iteration.

    Example::

        try:
            async with workflow.text_to_audio("Hello") as media:
                speech = await media.read()
        except BadRequestError as error:
            print(error.message)  # such as "TTS is not enabled"
    """

    _instead = "pass its bytes on, which read() returns"

    def __init__(self, opening: Callable[[], Awaitable[AsyncByteStream]], call: Call[Any]) -> None:
        self._body: AsyncByteStream | None = None
        self._opening = SharedCall(opening, lambda: given_up(call))
        begin_now(self._opened)

    @property
    def content_type(self) -> str:
        """Media type of the file, from the server; may be empty."""
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

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            body = await self._opened()
            while (piece := await body.read()) is not None:
                yield piece
        finally:
            await close_at_end(self.close, self.__del__)

    async def __anext__(self) -> bytes:
        body = await self._opened()
        if (piece := await body.read()) is None:
            raise StopAsyncIteration
        return piece

    async def read(self) -> bytes:
        """Read the remaining bytes of the file.

        Returns:
            The bytes that were not read yet; all of them if you have not iterated.

        Example::

            async with workflow.text_to_audio("Hello") as media:
                Path("hello.mp3").write_bytes(await media.read())
        """
        content = bytearray()
        async for piece in self:
            content += piece
        return bytes(content)

    async def close(self) -> None:
        """Close the connection.

        Example::

            media = await workflow.text_to_audio("Hello")
            print(media.content_type)
            await media.close()
        """
        if self._body is not None:
            await self._body.close()

    def __del__(self) -> None:
        if self._body is not None:
            self._body.abandon()

    async def _opened(self) -> AsyncByteStream:
        if self._body is None:
            self._body = await self._opening.outcome()
        return self._body
