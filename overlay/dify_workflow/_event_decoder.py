"""Typed events out of the bytes of a stream. Sans-I/O.

Nothing that comes is passed over: what cannot be read is an error that shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from json import JSONDecodeError

import orjson

from ._event import StreamEvent, UnknownEvent
from ._json import JSON, decode, is_object, may_be_rounded
from ._sse import Data, SSEDecoder
from .events import EVENT_CLASSES, TextChunk


class UnreadableEventError(ValueError):
    """A message is no event.

    Args:
        what: What is wrong with it.
        data: What came.
        place: Where in it something is wrong, in bytes.
    """

    def __init__(self, what: str, data: Data, place: int = 0) -> None:
        super().__init__(what)
        self.data = bytes(data)
        self.place = place


class EventDecoder:
    """Turns the bytes of a stream into its events.

    Args:
        max_event_bytes: Largest event in bytes.
        last_event_id: The last ``id`` that the stream brought before it was taken up again.
    """

    def __init__(self, max_event_bytes: int, last_event_id: str | None = None) -> None:
        self._messages = SSEDecoder(max_event_bytes, last_event_id)
        self._count = 0

    @property
    def last_event_id(self) -> str | None:
        """The last ``id`` of the stream, with which a coming server takes it up exactly there."""
        return self._messages.last_event_id

    @property
    def unfinished(self) -> bytes:
        """What came after the last whole event."""
        return self._messages.unfinished

    def only(self, chunk: bytes) -> StreamEvent[object] | None:
        """The event that a chunk is, as Dify sends them; None where `feed` has to see the chunk.

        Args:
            chunk: Bytes as they arrived.

        Raises:
            UnreadableEventError: As for `feed`.
            EventTooLargeError: Likewise.
        """
        data = self._messages.only(chunk)
        return None if data is None else self._event(data, "")

    def feed(self, chunk: bytes) -> Iterator[StreamEvent[object]]:
        """Yield the events that the chunk completes, pings left out; those before an error first.

        Args:
            chunk: Bytes as they arrived.

        Raises:
            UnreadableEventError: A message is no JSON object, or has no name.
            EventTooLargeError: A message is larger than ``max_event_bytes``.
        """
        for data, name in self._messages.feed(chunk):
            event = self._event(data, name)
            if event is not None:
                yield event

    def _event(self, data: Data | None, field: str) -> StreamEvent[object] | None:
        """The event of a message; None for a ping.

        Args:
            data: Its data.
            field: Its event field, which Dify gives to pings alone.
        """
        if field == "ping":
            return None
        try:
            payload: JSON = {"event": field} if data is None else orjson.loads(data)
        except orjson.JSONDecodeError:
            payload = self._leniently(data or b"")
        if not is_object(payload):
            raise UnreadableEventError(f"{self._next} is no JSON object", data or b"")
        name: JSON = payload.get("event")
        if name == "text_chunk":  # nearly all that comes
            self._count += 1
            return TextChunk(payload)
        if not isinstance(name, str) or not name:
            if not field:
                raise UnreadableEventError(f"{self._next} has no name", data or b"")
            payload["event"] = name = field
        if name == "ping":
            return None
        if data is not None and may_be_rounded(data):  # text chunks hold no numbers
            payload = {**decode(bytes(data)), "event": name}
        self._count += 1
        return EVENT_CLASSES.get(name, UnknownEvent)(payload)

    def _leniently(self, data: Data) -> JSON:
        """NaN, Infinity and lone surrogates, which servers up to 1.7 send, are JSON too."""
        try:
            return decode(bytes(data))
        except ValueError as error:
            place = error.pos if isinstance(error, JSONDecodeError) else 0
            what = f"{self._next} is not JSON ({error})"
            raise UnreadableEventError(what, data, place) from error

    @property
    def _next(self) -> str:
        """What to call a message that is no event: pings are not counted."""
        return f"event {self._count + 1}"
