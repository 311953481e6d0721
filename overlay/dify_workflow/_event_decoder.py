"""Typed events out of the bytes of a stream. Sans-I/O.

Nothing that comes is passed over: what cannot be read is an error that shows it, at once or, of
the events that nearly all are, when somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ._envelope import KEY_SIZE, Envelope, Failure, envelopes_beside
from ._event import StreamEvent, UnknownEvent, unread_event
from ._json import JSON, JSONObject, is_object
from ._message import UnreadableEventError, decode_message
from ._sse import CR, Data, EventTooLargeError, SSEDecoder
from .events import EVENT_CLASSES, NodeFinished, NodeStarted, TextChunk

_UNREAD: dict[str, type[StreamEvent[object]]] = {
    "text_chunk": TextChunk,
    "node_started": NodeStarted,
    "node_finished": NodeFinished,
}
"""The events that nearly all are: they stay unread until somebody looks at them."""

_AT_ONCE = 128
"""Messages that are looked at together, where they are alike."""


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
        self.are_texts = False
        """Whether each event that `feed` gave last is a text chunk that is unread."""
        self._has_learned = False
        self._sample: tuple[Data, JSONObject] | None = None
        self._envelopes: dict[bytes, Envelope] = {}
        """What events begin with that are left unread; learned from the first event."""
        self._last: Envelope | None = None
        """What the last one began with, as the next one mostly does."""

    @property
    def last_event_id(self) -> str | None:
        """The last ``id`` of the stream, with which a coming server takes it up exactly there."""
        return self._messages.last_event_id

    @property
    def unfinished(self) -> bytes:
        """What came after the last whole event."""
        return self._messages.unfinished

    def only(self, chunk: bytes) -> StreamEvent[object] | None:
        """The unread event that a chunk is or completes; None where `feed` has to see it.

        Dify sends each event as a chunk of its own, which a long one may come in two pieces of.

        Args:
            chunk: Bytes as they arrived.
        """
        if chunk[-4:] != b"}}\n\n" or chunk.find(b"\n") != len(chunk) - 2 or CR in chunk:
            return None
        messages, message = self._messages, chunk
        if not messages.is_between:
            begun = messages.begun_line
            if begun is None:
                return None
            message = begun + chunk
        envelope = self._last
        if envelope is None or message[: envelope.size] != envelope.head:
            envelope = self._envelopes.get(message[:KEY_SIZE])
            if envelope is None or message[: envelope.size] != envelope.head:
                return None
            self._last = envelope
        if len(message) > messages.max_event_bytes:
            return None
        if not messages.is_between:
            messages.begin_anew()
        self.count += 1
        return unread_event(envelope.event_class, message, envelope)

    def feed(
        self, chunk: bytes
    ) -> tuple[list[StreamEvent[object]], UnreadableEventError | EventTooLargeError | None]:
        """The events that the chunk completes, pings left out; and what is wrong behind them.

        That is a message that is no JSON object, has no name, or is larger than
        ``max_event_bytes``; None where nothing is.

        Args:
            chunk: Bytes as they arrived.
        """
        problem: UnreadableEventError | EventTooLargeError | None = None
        events: list[StreamEvent[object]] = []
        texts = 0
        try:
            messages, at = self._messages.split(chunk), 0
            while at < len(messages):
                alike = self._alike(messages[at : at + _AT_ONCE])
                if alike:
                    events += alike
                    at += len(alike)
                    texts += len(alike) if type(alike[0]) is TextChunk else 0
                    continue
                parsed = self._messages.parse(messages[at])
                event = parsed and self._event(*parsed)
                if event is not None:
                    events.append(event)
                at += 1
            if not self._messages.is_between:
                self._messages.check()
        except (UnreadableEventError, EventTooLargeError) as error:
            problem = error.with_traceback(None)  # which holds this frame, which holds the error
        self.are_texts = 0 < texts == len(events)
        self.count += len(events)
        return events, problem

    def _alike(self, messages: Sequence[Data]) -> list[StreamEvent[object]]:
        """The events of the first messages, unread, as far as they are of one kind."""
        if self._sample is not None:  # not before, so that the first event is told soon
            self._envelopes.update(envelopes_beside(*self._sample, _UNREAD, self._failure))
            self._sample = None
        if not self._messages.are_lines:
            return []
        envelope = self._envelopes.get(bytes(messages[0][:KEY_SIZE]))
        return [] if envelope is None else envelope.events(messages)

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
            self._sample = data, {**payload}  # a user may change the other one
        return EVENT_CLASSES.get(name, UnknownEvent)(payload)
