"""The API key, wrapped so that it never shows."""

from __future__ import annotations

import hashlib
from typing import NoReturn, final

from .errors import ConfigurationError


@final
class ApiKey:
    """The key of one workflow app, which no repr, log line, traceback or pickle shows.

    A wrong key is refused where it is used and not here: the traceback of an error raised here
    would show the frame that holds the bare key.

    Args:
        value: The key as Dify's page "API access" gives it (``app-…``).
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """Return the key itself."""
        return self._value

    def checked(self) -> ApiKey:
        """Return this key if it can be one.

        Raises:
            ConfigurationError: It is empty, holds white space or control characters, or is none.
        """
        problem = None
        if not isinstance(self._value, str):
            problem = f"must be a string, not {type(self._value).__name__}"
        elif not self._value:
            problem = "is empty"
        elif any(character.isspace() or not character.isprintable() for character in self._value):
            problem = (
                "contains white space or control characters, so something else was copied with it"
            )
        elif not self._value.isascii():
            problem = "contains characters that an HTTP header cannot carry"
        if problem:
            raise ConfigurationError(f"The API key {problem}.")
        return self

    def fingerprint(self) -> str:
        """What the key is recognised by: 32 hexadecimal digits, from which it cannot be had."""
        return hashlib.blake2b(
            self._value.encode(), digest_size=16, person=b"dify-workflow"
        ).hexdigest()

    def hide_in(self, text: str) -> str:
        """Return the text with asterisks wherever the key stands in it."""
        return text.replace(self._value, "***")

    def hide_in_bytes(self, data: bytes) -> bytes:
        """Return the bytes with asterisks wherever the key stands in them."""
        return data.replace(self._value.encode(), b"***")

    def __repr__(self) -> str:
        return "ApiKey('***')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __copy__(self) -> ApiKey:
        return self

    def __deepcopy__(self, memo: object) -> ApiKey:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key is not pickled; set DIFY_API_KEY where it is needed")


def wrap(value: str | ApiKey | None) -> ApiKey | None:
    """Wrap a bare key; what is wrapped already, or None, stays as it is."""
    return value if value is None or isinstance(value, ApiKey) else ApiKey(value)
