"""Typed events out of the bytes of a stream. Sans-I/O."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from json import JSONDecodeError
from typing import TypeAlias

import orjson

from .._json import JSON, check_depth, decode, is_object, may_be_rounded
from ..events import EVENT_CLASSES
from ..events.base import StreamEvent, UnknownEvent
from .sse import Data, Message, SSEDecoder

logger = logging.getLogger("dify_workflow")

_KEEP_ALIVE = (b"", b"ping", b"[DONE]")
"""Data that gateways send between and behind events; it says nothing."""

Unreadable: TypeAlias = Callable[[str, bytes], StreamEvent[object]]
"""Makes the event for a message that cannot be read, of the reason and what came."""


class EventDecoder:
    """Turns the bytes of a stream into its events.

    Args:
        max_event_bytes: Largest event in bytes.
        unreadable: Makes the event for a message that cannot be read.
        hidden: Takes the API key out of what is shown.
        last_event_id: The last ``id`` that the stream brought before it was opened again.
    """

    def __init__(
        self,
        max_event_bytes: int,
        unreadable: Unreadable,
        hidden: Callable[[bytes], bytes],
        last_event_id: str | None = None,
    ) -> None:
        self._messages = SSEDecoder(max_event_bytes, last_event_id)
        self._unreadable = unreadable
        self._hidden = hidden

    @property
    def last_event_id(self) -> str | None:
        """The last ``id`` of the stream, with which a coming server continues exactly there."""
        return self._messages.last_event_id

    @property
    def unfinished(self) -> bytes:
        """What came after the last whole event."""
        return self._messages.unfinished

    def feed(self, chunk: bytes) -> Iterator[StreamEvent[object]]:
        """The events that a chunk completes, without pings.

        Args:
            chunk: Bytes as they arrived.

        Raises:
            EventTooLargeError: An event is larger than ``max_event_bytes``; those before it were
                given.
        """
        for data, name in self._messages.feed(chunk):
            if (event := self._event(data, name)) is not None:
                yield event

    def last(self) -> StreamEvent[object] | None:
        """The event at the end of a stream that lacks only its empty line; None where it is cut."""
        message: Message | None = self._messages.last()
        if message is None or message[0] is None or not is_object(_decoded(message[0])):
            return None
        return self._event(*message)

    def _event(self, data: Data | None, field: str) -> StreamEvent[object] | None:
        """The event of a message; None for one that only keeps the connection alive.

        Args:
            data: Its data.
            field: Its event field, which Dify gives to pings alone.
        """
        if field == "ping":
            return None
        if data is None:
            payload: JSON = {"event": field}
        elif data in _KEEP_ALIVE:
            logger.debug("the stream sent %r, which says nothing", bytes(data))
            return None
        else:
            payload = _decoded(data)
        if not is_object(payload):
            what = payload.reason if isinstance(payload, _Broken) else "it is no JSON object"
            return self._unreadable_event(what, data)
        name: JSON = payload.get("event")
        if not isinstance(name, str) or not name:
            if not field:
                return self._unreadable_event("it has no name", data)
            payload["event"] = name = field
        if name == "ping":
            return None
        if name == "error" and data is not None:  # servers may show in it what they were sent
            payload = {**_decoded(self._hidden(bytes(data))), "event": name}
        return EVENT_CLASSES.get(name, UnknownEvent)(payload)

    def _unreadable_event(self, reason: str, data: Data | None) -> StreamEvent[object]:
        reason = self._hidden(reason.encode("utf-8", "replace")).decode()
        return self._unreadable(reason, self._hidden(bytes(data or b"")))


class _Broken:
    """Stands for JSON that cannot be read.

    Args:
        reason: What is wrong with it.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _decoded(data: Data) -> JSON:
    """The JSON of a message, or `_Broken`; bytes that are not UTF-8 become U+FFFD (WHATWG)."""
    try:
        payload: JSON = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _decoded_slowly(bytes(data))
    # Texts hold no numbers and are not nested, and nearly all events are texts.
    if is_object(payload) and payload.get("event") == "text_chunk":
        return payload
    try:
        check_depth(data)
    except ValueError as error:
        return _Broken(str(error))
    return payload if not may_be_rounded(data) else _decoded_slowly(bytes(data))


def _decoded_slowly(data: bytes) -> JSON:
    try:
        return decode(data.decode("utf-8", "replace").encode())
    except JSONDecodeError as error:
        near = error.doc[max(0, error.pos - 100) : error.pos + 100]
        return _Broken(f"it is not JSON ({error}, near {near!r})")
    except ValueError as error:
        return _Broken(f"it is not JSON ({error})")
