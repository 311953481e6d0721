"""Text that travels to other processes and shows nowhere on the way."""

from __future__ import annotations

import secrets
from typing import final


@final
class Sealed:
    """A text that no repr, log line, dashboard or dump of pickled bytes shows.

    It is masked, not encrypted: who can read a whole pickle, and knows how, can have the text. What
    keeps it from those is the transport, such as TLS between the processes of a Dask cluster.

    Args:
        text: The text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Sealed('***')"

    def __reduce__(self) -> tuple[object, ...]:
        pad = secrets.token_bytes(len(self._text.encode()))
        return _unsealed, (pad, _masked(self._text.encode(), pad))


def _unsealed(pad: bytes, masked: bytes) -> Sealed:
    return Sealed(_masked(masked, pad).decode())


def _masked(data: bytes, pad: bytes) -> bytes:
    return bytes(byte ^ mask for byte, mask in zip(data, pad, strict=True))
