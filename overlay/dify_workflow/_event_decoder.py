"""Typed events out of the bytes of a stream. Sans-I/O.

Nothing that comes is passed over: what cannot be read is an error that shows it, at once or, of
the events that nearly all are, when somebody looks at it.
"""

from __future__ import annotations

from ._envelope import KEY_SIZE, Envelope, Failure, envelopes_beside
from ._event import StreamEvent, UnknownEvent
from ._json import JSON, is_object
from ._message import UnreadableEventError, decode_message
from ._sse import CR, Data, EventTooLargeError, SSEDecoder
from .events import EVENT_CLASSES, NodeFinished, NodeStarted, TextChunk

_UNREAD: dict[str, type[StreamEvent[object]]] = {
    "text_chunk": TextChunk,
    "node_started": NodeStarted,
    "node_finished": NodeFinished,
}
"""The events that nearly all are: they stay unread until somebody looks at them."""


class EventDecoder:
    """Turns the bytes of a stream into its events.

    Args:
        max_event_bytes: Largest event in bytes.
        failure: Makes the exception for an event that cannot be read when somebody looks at it.
        last_event_id: The last ``id`` that the stream brought before it was taken up again.
    """

    def __init__(
        self,
        max_event_bytes: int,
        failure: Failure = lambda error, _name: error,
        last_event_id: str | None = None,
    ) -> None:
        self._messages = SSEDecoder(max_event_bytes, last_event_id)
        self._failure = failure
        self.count = 0
        """How many events came."""
        self._has_learned = False
        self._envelopes: dict[bytes, Envelope] = {}
        """What events begin with that are left unread; learned from the first event."""

    @property
    def last_event_id(self) -> str | None:
        """The last ``id`` of the stream, with which a coming server takes it up exactly there."""
        return self._messages.last_event_id

    @property
    def unfinished(self) -> bytes:
        """What came after the last whole event."""
        return self._messages.unfinished

    def only(self, chunk: bytes) -> StreamEvent[object] | None:
        """The unread event that a chunk is, as Dify sends them; None where `feed` has to see it.

        Args:
            chunk: Bytes as they arrived.
        """
        envelope = self._envelopes.get(chunk[:KEY_SIZE])
        if (
            envelope is not None
            and self._messages.is_between
            and chunk[-2:] == b"\n\n"
            and CR not in chunk
            and (event := envelope.event(chunk[:-2])) is not None
        ):
            self.count += 1
            return event
        return None

    def feed(
        self, chunk: bytes
    ) -> tuple[list[StreamEvent[object]], UnreadableEventError | EventTooLargeError | None]:
        """The events that the chunk completes, pings left out; and what is wrong behind them.

        That is a message that is no JSON object, has no name, or is larger than
        ``max_event_bytes``; None where nothing is.

        Args:
            chunk: Bytes as they arrived.
        """
        messages, envelopes, problem = self._messages, self._envelopes, None
        events: list[StreamEvent[object]] = []
        try:
            for message in messages.split(chunk):
                key = message[:KEY_SIZE]
                envelope = envelopes.get(key if type(key) is bytes else bytes(key))
                event = envelope.event(message, messages.are_lines) if envelope else None
                if event is None and (parsed := messages.parse(message)) is not None:
                    event = self._event(*parsed)
                if event is not None:
                    events.append(event)
            if not messages.is_between:
                messages.check()
        except (UnreadableEventError, EventTooLargeError) as error:
            problem = error.with_traceback(None)  # which holds this frame, which holds the error
        self.count += len(events)
        return events, problem

    def _event(self, data: Data | None, field: str) -> StreamEvent[object] | None:
        """The event of a message; None for a ping.

        Args:
            data: Its data.
            field: Its event field, which Dify gives to pings alone.
        """
        if field == "ping":
            return None
        payload: JSON = {"event": field} if data is None else decode_message(data)
        if not is_object(payload):
            raise UnreadableEventError("is no JSON object", data or b"")
        name: JSON = payload.get("event")
        if not isinstance(name, str) or not name:
            if not field:
                raise UnreadableEventError("has no name", data or b"")
            payload["event"] = name = field
        if name == "ping":
            return None
        if data is not None and not self._has_learned and "data" in payload:
            self._has_learned = True
            most = self._messages.max_event_bytes
            self._envelopes.update(envelopes_beside(data, payload, _UNREAD, most, self._failure))
        return EVENT_CLASSES.get(name, UnknownEvent)(payload)
