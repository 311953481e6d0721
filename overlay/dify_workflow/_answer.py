"""An answer of the server, read whole."""

from __future__ import annotations

from collections.abc import Mapping

from ._json import JSONObject, abridged, decode, is_object
from ._secret import ApiKey
from .errors import InvalidResponseError


class Answer:
    """A successful answer.

    Args:
        operation: Name of the method that was called.
        status_code: HTTP status, 200 to 299.
        headers: Headers, names in lower case.
        key: The key of the call, which no message may show.
        body: The body's bytes, without their transfer and content encoding.
    """

    __slots__ = ("body", "headers", "key", "operation", "status_code")

    def __init__(
        self,
        operation: str,
        status_code: int,
        headers: Mapping[str, str],
        key: ApiKey,
        body: bytes,
    ) -> None:
        self.operation = operation
        self.status_code = status_code
        self.headers = headers
        self.key = key
        self.body = body

    def json(self) -> JSONObject:
        """The body as a JSON object.

        Raises:
            InvalidResponseError: It is none; the message shows how it starts.
        """
        try:
            value = decode(self.body)
        except ValueError as error:
            raise self.unreadable(f"not JSON ({error})") from error
        if not is_object(value):
            raise self.unreadable("JSON, but no object")
        return value

    def unreadable(self, what: str) -> InvalidResponseError:
        """The exception for a body that is not what the operation answers with.

        Args:
            what: What the body is instead.
        """
        kind = self.headers.get("content-type", "no Content-Type")
        start = abridged(self.key.hide_in(self.body.decode("utf-8", "replace")))
        return InvalidResponseError(
            f"{self.operation}: the answer ({self.status_code}, {kind}) is {what}: "
            f"{start or 'it is empty'}"
        )
