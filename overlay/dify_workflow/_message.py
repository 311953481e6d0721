"""The JSON of a message. Pure."""

from __future__ import annotations

from json import JSONDecodeError

from ._json import JSON, decode
from ._sse import Data


class UnreadableEventError(ValueError):
    """A message is no event.

    Args:
        what: What it is or is not.
        data: What came.
        place: Where in it something is wrong, in bytes.
    """

    def __init__(self, what: str, data: Data, place: int = 0) -> None:
        super().__init__(what)
        self.data = bytes(data)
        self.place = place


def decode_message(data: Data) -> JSON:
    """The JSON of a message; whole numbers of any size stay exact.

    NaN, Infinity and lone surrogates, which servers up to 1.7 send, are JSON too.

    Args:
        data: Its data.

    Raises:
        UnreadableEventError: It is not JSON.
    """
    try:
        return decode(data)
    except ValueError as error:
        place = error.pos if isinstance(error, JSONDecodeError) else 0
        raise UnreadableEventError(f"is not JSON ({error})", data, place) from error
