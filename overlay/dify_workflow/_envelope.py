"""How a stream wraps the data of its events, by which they are told without decoding them. Pure.

Nearly all events of a stream are of few kinds and differ in their data alone. Whoever does not look
at the data of one does not pay for its JSON; whoever does is told then where it cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

import orjson

from ._event import StreamEvent
from ._json import JSON, JSONObject, decode, is_object, may_be_rounded
from ._message import UnreadableEventError, decode_message
from ._sse import LF, Data

Failure: TypeAlias = Callable[[UnreadableEventError, str], Exception]
"""Makes the exception for a message that cannot be read when somebody looks at it; takes the name
of the event."""

KEY_SIZE = 32
"""Bytes at the start of a message that differ between events of different names."""

_FIELD = b"data: "
_BEFORE_NAME = {b'{"event":', b'{"event": '}
_NODE = re.compile(rb'"id": ?"([\w-]+)", ?"node_id": ?"([\w-]+)"').match


class Envelope:
    """What the messages of one kind of event begin with, up to their data.

    Args:
        event_class: Of the event.
        head: Its bytes, from the name of the field up to the brace that opens the data.
        fields: Its members, with data that is empty.
        has_numbers: Whether numbers may be among the data.
        most: Largest message in bytes.
        failure: Makes the exception for a message that cannot be read.
    """

    __slots__ = (
        "_failure",
        "_has_numbers",
        "_head",
        "_most",
        "_size",
        "_unread",
        "fields",
    )

    def __init__(
        self,
        event_class: type[StreamEvent[object]],
        head: bytes,
        fields: JSONObject,
        *,
        has_numbers: bool,
        most: int,
        failure: Failure,
    ) -> None:
        # Not for users, but for this module.
        self._unread = event_class._unread  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        self._head = head
        self._size = len(head)
        self.fields = fields
        self._has_numbers = has_numbers
        self._most = most
        self._failure = failure

    def event(self, message: Data, is_line: bool = False) -> StreamEvent[object] | None:  # noqa: FBT002  # a keyword takes longer
        """The event of a message, unread; None for one that is not as expected.

        Args:
            message: One line that begins with the envelope, ends as it should, and is not too long.
            is_line: Whether it is known to be one.
        """
        if (
            message[: self._size] == self._head
            and message[-2:] == b"}}"
            and (is_line or LF not in message)
            and len(message) <= self._most
        ):
            return self._unread(message, self)
        return None

    def payload(self, message: Data) -> JSON:
        """The data of an unread message, alone.

        Raises:
            Exception: As ``failure`` made it: the message is not JSON.
        """
        data = message[self._size - 1 : -1]
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
            payload = decode_message(message[len(_FIELD) :])
        except UnreadableEventError as error:
            raise self._failure(error, str(self.fields["event"])) from error.__cause__
        assert is_object(payload)
        return payload

    def node(self, message: Data) -> tuple[str, str] | None:
        """Ids of the execution and of the node, as far as both can be seen without decoding."""
        found = _NODE(message, self._size)
        return None if found is None else (found[1].decode(), found[2].decode())


def envelopes_beside(
    data: Data,
    payload: JSONObject,
    classes: Mapping[str, type[StreamEvent[object]]],
    most: int,
    failure: Failure,
) -> dict[bytes, Envelope]:
    """The envelopes of other events beside one, by the first `KEY_SIZE` bytes of their messages.

    There are none where a message is not as Dify's are: its name first, then ids, then its data.

    Args:
        data: A message.
        payload: The same, decoded.
        classes: Of the other events, by name.
        most: Largest message in bytes.
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
            most=most,
            failure=failure,
        )
    return found
