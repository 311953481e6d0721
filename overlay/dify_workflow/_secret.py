"""`ApiKey`: an API key in a wrapper that never shows it."""

from __future__ import annotations

import hashlib
from typing import NoReturn, final

from .errors import ConfigurationError


@final
class ApiKey:
    """The API key of one workflow app; no repr, log line, traceback or pickle shows it.

    An invalid key raises when a client uses it, not here: the traceback of an error raised here
    would show a frame that contains the plain key.

    Args:
        value: The key, as Dify's page "API access" shows it (``app-…``).

    Example::

        key = ApiKey("app-secret")
        assert repr(key) == "ApiKey('***')"
        assert key.get_secret_value() == "app-secret"
    """

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """Return the key as plain text.

        Returns:
            The key.

        Example::

            key = ApiKey("app-secret")
            headers = {"Authorization": f"Bearer {key.get_secret_value()}"}
        """
        return self._value

    def checked(self) -> ApiKey:
        """Return this key if it is valid.

        Returns:
            The same object.

        Raises:
            ConfigurationError: It is empty or not a string, or it contains white space, control
                characters or characters outside ASCII.

        Example::

            key = ApiKey("app-secret").checked()
            print(key)  # ApiKey('***')
        """
        problem = None
        if not isinstance(self._value, str):
            problem = f"must be a string, not {type(self._value).__name__}"
        elif not self._value:
            problem = "is empty"
        elif any(character.isspace() or not character.isprintable() for character in self._value):
            problem = "contains white space or control characters; copy it again, and only the key"
        elif not self._value.isascii():
            problem = "contains characters that an HTTP header cannot carry"
        if problem:
            raise ConfigurationError(f"The API key {problem}.")
        return self

    def fingerprint(self) -> str:
        """A hash that identifies the key: 32 hexadecimal digits that do not reveal it.

        Returns:
            The hash.

        Example::

            key, same = ApiKey("app-secret"), ApiKey("app-secret")
            assert key.fingerprint() == same.fingerprint()
        """
        return hashlib.blake2b(
            self._value.encode(), digest_size=16, person=b"dify-workflow"
        ).hexdigest()

    def hide_in(self, text: str) -> str:
        """Return the text with ``***`` in place of the key.

        Returns:
            The text without the key.

        Example::

            key = ApiKey("app-secret")
            assert key.hide_in("Bearer app-secret") == "Bearer ***"
        """
        return text.replace(self._value, "***")

    def hide_in_bytes(self, data: bytes) -> bytes:
        """Return the bytes with ``***`` in place of the key.

        Returns:
            The bytes without the key.

        Example::

            key = ApiKey("app-secret")
            assert key.hide_in_bytes(b"Bearer app-secret") == b"Bearer ***"
        """
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
        raise TypeError(
            "an ApiKey cannot be pickled; set DIFY_API_KEY in the process that needs the key"
        )


def wrap(value: str | ApiKey | None) -> ApiKey | None:
    """Wrap a plain key. An `ApiKey` or None is returned as it is."""
    return value if value is None or isinstance(value, ApiKey) else ApiKey(value)
