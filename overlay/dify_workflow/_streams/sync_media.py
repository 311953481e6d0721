# Written by `make generate` from async_media.py; change that one instead.
"""Downloads of files and speech, for threads."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .._http.failures import given_up
from .._http.sync_network import SharedCall, begin_now, close_at_end
from .._uncopied import Uncopied

if TYPE_CHECKING:
    from .._http.request import Call
    from .._http.sync_transport import ByteStream


class MediaStream(Uncopied, Iterator[bytes]):
    """The bytes of a file, piece by piece: a context manager and an iterator.

    Raises:
        APIConnectionError: The connection broke, during iteration.

    Example::

        try:
            with workflow.text_to_audio("Hello") as media:
                speech = media.read()
        except BadRequestError as error:
            print(error.message)  # such as "TTS is not enabled"
    """

    _instead = "pass its bytes on, which read() returns"

    def __init__(self, opening: Callable[[], ByteStream], call: Call[Any]) -> None:
        self._body: ByteStream | None = None
        self._opening = SharedCall(opening, lambda: given_up(call))
        begin_now(self._opened)

    @property
    def content_type(self) -> str:
        """Media type of the file, from the server; may be empty."""
        return self._body.headers.get("content-type", "") if self._body else ""

    def __enter__(self) -> Self:
        self._opened()
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
            body = self._opened()
            while (piece := body.read()) is not None:
                yield piece
        finally:
            close_at_end(self.close, self.__del__)

    def __next__(self) -> bytes:
        body = self._opened()
        if (piece := body.read()) is None:
            raise StopIteration
        return piece

    def read(self) -> bytes:
        """Read the remaining bytes of the file.

        Returns:
            The bytes that were not read yet; all of them if you have not iterated.

        Example::

            with workflow.text_to_audio("Hello") as media:
                Path("hello.mp3").write_bytes(media.read())
        """
        content = bytearray()
        for piece in self:
            content += piece
        return bytes(content)

    def close(self) -> None:
        """Close the connection.

        Example::

            media = workflow.text_to_audio("Hello")
            print(media.content_type)
            media.close()
        """
        if self._body is not None:
            self._body.close()

    def __del__(self) -> None:
        if self._body is not None:
            self._body.abandon()

    def _opened(self) -> ByteStream:
        if self._body is None:
            self._body = self._opening.outcome()
        return self._body
