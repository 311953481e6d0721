"""How a stream wraps the data of its events, by which they are told without decoding them. Pure.

Nearly all events of a stream are of few kinds and differ in their data alone. Whoever does not look
at the data of one does not pay for its JSON; whoever does is told then where it cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import TypeAlias

import orjson

from ._event import StreamEvent, unread_events
from ._json import JSON, JSONObject, decode, is_object, may_be_rounded
from ._message import UnreadableEventError, decode_message
from ._sse import LF, Data

Failure: TypeAlias = Callable[[UnreadableEventError, str], Exception]
"""Makes the exception for a message that cannot be read when somebody looks at it; takes the name
of the event."""

KEY_SIZE = 32
"""Bytes at the start of a message that differ between events of different names."""

_FIELD = b"data: "
_BRACE = ord("}")
_BEFORE_NAME = {b'{"event":', b'{"event": '}


class Envelope:
    """What the messages of one kind of event begin with, up to their data.

    Args:
        event_class: Of the event.
        head: Its bytes, from the name of the field up to the brace that opens the data.
        fields: Its members, with data that is empty.
        has_numbers: Whether numbers may be among the data.
        failure: Makes the exception for a message that cannot be read.
    """

    __slots__ = (
        "_failure",
        "_has_numbers",
        "event_class",
        "fields",
        "head",
        "size",
    )

    def __init__(
        self,
        event_class: type[StreamEvent[object]],
        head: bytes,
        fields: JSONObject,
        *,
        has_numbers: bool,
        failure: Failure,
    ) -> None:
        self.event_class = event_class
        self.head = head
        self.size = len(head)
        self.fields = fields
        self._has_numbers = has_numbers
        self._failure = failure

    def events(self, messages: Sequence[Data]) -> list[StreamEvent[object]]:
        """The events of the first of these messages, unread, up to one that is not as expected.

        Args:
            messages: Single lines with their ends, none of them too large.
        """
        head, size = self.head, self.size
        # What stands in order between two that begin so begins so, too: two looks instead of many.
        if not (min(messages).startswith(head) and max(messages).startswith(head)):
            messages = list(takewhile(lambda message: message[:size] == head, messages))
        count = 0
        for message in messages:
            if message[-2] != _BRACE or message[-3] != _BRACE:
                break
            count += 1  # takes less time than to enumerate
        return unread_events(self.event_class, messages[:count], self)

    def payload(self, message: Data) -> JSON:
        """The data of an unread message, alone.

        Raises:
            Exception: As ``failure`` made it: the message is not JSON.
        """
        # The last brace is that of the message; an empty line stands behind one that is a chunk.
        data = message[self.size - 1 : -3 if message[-2] == LF else -2]
        try:
            payload = orjson.loads(data)
        except orjson.JSONDecodeError:
            return self.whole(message).get("data")
        return decode(data) if self._has_numbers and may_be_rounded(data) else payload

    def whole(self, message: Data) -> JSONObject:
        """An unread message as it is.

        Raises:
            Exception: As ``failure`` made it: the message is not JSON.
        """
        try:
            payload = decode_message(message[len(_FIELD) :].rstrip(b"\n"))
        except UnreadableEventError as error:
            raise self._failure(error, str(self.fields["event"])) from error.__cause__
        assert is_object(payload)
        return payload


def envelopes_beside(
    data: Data,
    payload: JSONObject,
    classes: Mapping[str, type[StreamEvent[object]]],
    failure: Failure,
) -> dict[bytes, Envelope]:
    """The envelopes of other events beside one, by the first `KEY_SIZE` bytes of their messages.

    There are none where a message is not as Dify's are: its name first, then ids, then its data.

    Args:
        data: A message.
        payload: The same, decoded.
        classes: Of the other events, by name.
        failure: Makes the exception for one that cannot be read.
    """
    fields: JSONObject = {**payload, "data": {}}
    head = bytes(data[: data.find(b"{", data.find(b'"data"')) + 1])
    before, name, after = head.partition(b'"%b"' % str(payload["event"]).encode())
    try:
        is_whole = orjson.loads(head + b"}}") == fields and list(fields)[-1] == "data"
    except orjson.JSONDecodeError:
        is_whole = False
    if not (is_whole and name and before in _BEFORE_NAME):
        return {}
    found: dict[bytes, Envelope] = {}
    for other, event_class in classes.items():
        start = _FIELD + before + b'"%b"' % other.encode() + after
        found[start[:KEY_SIZE]] = Envelope(
            event_class,
            start,
            {**fields, "event": other},
            has_numbers=other != "text_chunk",
            failure=failure,
        )
    return found
