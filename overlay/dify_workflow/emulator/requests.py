"""The content of a request, and why the server refuses it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import attrs
import orjson
from starlette.requests import Request

from .._json import JSON, JSONObject, is_list, is_object

if TYPE_CHECKING:
    from .dialect import Dialect
    from .workflows import Workflow

NOT_UNDERSTOOD = "The browser (or proxy) sent a request that this server could not understand."
"""The framework's text for a request that it cannot read."""

UNKNOWN_KEY = "Access token is invalid"

UNFORESEEN = (
    "The server encountered an internal error and was unable to complete your request. Either the "
    "server is overloaded or there is an error in the application."
)
"""The framework's text for an unexpected error."""

_MISSING = "Missing required parameter in the JSON body"
"""The text of servers before pydantic for a missing field."""

_LONGEST_USER = 255
"""The number of characters of a user that the database keeps."""

_LONGEST_VALUE = 50
"""The largest number of characters of a value that pydantic shows whole."""

_BOOLEANS = {"0", "1", "f", "t", "n", "y", "no", "yes", "off", "on", "false", "true"}
"""Texts that pydantic accepts as a boolean."""

_LEAST, _MOST = -(2**63), 2**64 - 1
"""The whole numbers that a strict server accepts."""


@attrs.frozen
class RunRequest:
    """What a request asks to run: a version of an app, with the inputs as they were sent."""

    app: Workflow
    version: Workflow
    inputs: JSONObject
    user: str
    base_url: str
    is_streamed: bool


class ApiError(Exception):
    """An answer that refuses a request.

    Args:
        status: HTTP status.
        code: Dify's name of the error.
        message: The message.
        body: The body, if it is not made of these three.
    """

    def __init__(
        self, status: int, code: str, message: str, body: JSONObject | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.body = body or {"code": code, "message": message, "status": status}


def invalid(message: str) -> ApiError:
    """Return 400 for an invalid parameter."""
    return ApiError(400, "invalid_param", message)


def not_found(message: str) -> ApiError:
    """Return 404 for an unknown id."""
    return ApiError(404, "not_found", message)


def server_error(dialect: Dialect) -> ApiError:
    """Return 500, as for ids that are not UUIDs."""
    code, message = "unknown", "Internal Server Error"
    body: JSONObject = {"code": code, "message": message}
    return ApiError(500, code, message, None if dialect.since(1, 8) else body)


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


async def json_body(request: Request, dialect: Dialect) -> JSONObject:
    """Read the body, which must be a JSON object."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise ApiError(
            415,
            "unsupported_media_type",
            "Did not attempt to load JSON data because the request Content-Type was not "
            "'application/json'.",
        )
    data = await request.body()
    try:
        body: JSON
        if dialect.since(1, 8):
            orjson.loads(data)  # the servers' own reader; it refuses NaN and more
            body = json.loads(data, parse_int=_of_64_bits)
        else:
            body = json.loads(data)
    except (ValueError, RecursionError):
        raise ApiError(400, "bad_request", NOT_UNDERSTOOD) from None
    if not is_object(body):
        raise server_error(dialect)
    return body


def _of_64_bits(digits: str) -> int:
    number = int(digits)
    if not _LEAST <= number <= _MOST:
        raise ValueError(digits)
    return number


def user_of(value: JSON, dialect: Dialect) -> str:
    """Return ``user``, which runs and stops require; 0, False and empty values are errors."""
    if not value:
        raise invalid("Arg user must be provided.")
    user = str(value)
    if "\0" in user:
        raise invalid("A string literal cannot contain NUL (0x00) characters.")
    if len(user) > _LONGEST_USER:
        raise server_error(dialect)
    return user


class Fields:
    """The fields of a request. Wrong ones are an `ApiError` with the text of the server's version.

    Servers read fields with reqparse up to 1.7, with flask-restx up to 1.10, and with pydantic
    after that. The older ones report the first wrong field at once. Pydantic reports all of them
    in `check`.

    Args:
        values: Value by name, of a body or a query.
        model: The server's name for the request.
        dialect: The server's version.
    """

    def __init__(self, values: Mapping[str, JSON], model: str, dialect: Dialect) -> None:
        self._values = values
        self._model = model
        self._dialect = dialect
        self._has_pydantic = dialect.since(1, 11)
        self._errors: list[str] = []

    def check(self) -> None:
        """Refuse the request if one of the fields read so far is wrong."""
        count = len(self._errors)
        if count:
            title = f"{count} validation error{'s' if count > 1 else ''} for {self._model}"
            raise invalid("\n".join([title, *self._errors]))

    def json_object(self, name: str) -> JSONObject:
        """Read a field that must be an object."""
        value = self._values.get(name)
        if is_object(value):
            return value
        if name not in self._values:
            self._missing(name)
            return {}
        old = "Must not be null!"
        if value is not None and not self._has_pydantic:
            try:
                return dict(value)  # old servers accept a list of pairs
            except (TypeError, ValueError) as error:
                old = str(error)
        self._wrong(name, "dict_type", "Input should be a valid dictionary", old)
        return {}

    def check_objects(self, name: str) -> None:
        """Refuse a field that is there and not a list of objects. Old servers may crash."""
        value = self._values.get(name)
        if is_list(value):
            for index, item in enumerate(value if self._has_pydantic else ()):
                if not is_object(item):
                    what = "Input should be a valid dictionary"
                    self._note(f"{name}.{index}", "dict_type", what, "", value=item)
        elif value is not None and not self._has_pydantic:
            raise ApiError(500, "internal_server_error", UNFORESEEN)
        elif value is not None:
            self._wrong(name, "list_type", "Input should be a valid list")

    def text(self, name: str) -> str:
        """Read a field that must be a text."""
        if name not in self._values:
            self._missing(name)
        elif self._values[name] is None:
            self._wrong(name, "string_type", "Input should be a valid string")
        return self.optional_text(name) or ""

    def optional_text(self, name: str) -> str | None:
        """Read a field that is a text or missing. Old servers convert any value to text."""
        value = self._values.get(name)
        if value is None or isinstance(value, str):
            return value
        if self._has_pydantic:
            self._wrong(name, "string_type", "Input should be a valid string")
        return str(value)

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        """Read a field that must be one of several values, or missing."""
        value = self._values.get(name)
        may_be_null = self._has_pydantic or name not in self._values
        if value in choices or (value is None and may_be_null):
            return value
        listed = [repr(choice) for choice in choices]
        what = f"Input should be {', '.join(listed[:-1])} or {listed[-1]}"
        old = f"{value} is not a valid choice"
        if self._dialect.since(1, 8):
            old = f"The value '{value}' is not a valid choice for '{name}'."
        self._wrong(name, "literal_error", what, old)
        return None

    def number(self, name: str, *, high: int, default: int) -> int:
        """Read a whole number of 1 or more from a query."""
        text = self._values.get(name)
        if text is None:
            return default
        try:
            number = int(text)
        except ValueError:
            what = "Input should be a valid integer, unable to parse string as an integer"
            self._wrong(name, "int_parsing", what, f"{text} is not a valid integer")
            return default
        if not 1 <= number <= high:
            kind, bound = ("greater_than_equal", 1) if number < 1 else ("less_than_equal", high)
            than = kind.replace("_", " ").replace("equal", "or equal")
            old = f"Invalid argument: {number}. argument must be within the range 1 - {high}"
            self._wrong(name, kind, f"Input should be {than} to {bound}", old)
        return number

    def check_boolean(self, name: str) -> None:
        """Refuse a text in a query that means neither true nor false. Old servers accept it."""
        text = self._values.get(name, "false").lower()
        if self._has_pydantic and text not in _BOOLEANS:
            what = "Input should be a valid boolean, unable to interpret input"
            self._wrong(name, "bool_parsing", what)

    def _missing(self, name: str) -> None:
        self._note(name, "missing", "Field required", _MISSING, value=self._values)

    def _wrong(self, name: str, kind: str, what: str, old: str = "") -> None:
        self._note(name, kind, what, old, value=self._values.get(name))

    def _note(self, name: str, kind: str, what: str, old: str, *, value: object) -> None:
        """Record the error of a field. Old servers stop at the first one.

        Args:
            name: Name of the field.
            kind: Pydantic's name for the error.
            what: Pydantic's text.
            old: The text of servers before pydantic.
            value: The value that was sent.
        """
        if self._has_pydantic:
            shown = repr(value)
            if len(shown) > _LONGEST_VALUE:  # pydantic leaves out the middle
                shown = f"{shown[:25]}...{shown[-24:]}"
            self._errors.append(
                f"{name}\n  {what} [type={kind}, "
                f"input_value={shown}, input_type={type(value).__name__}]\n"
                f"    For further information visit https://errors.pydantic.dev/2.12/v/{kind}"
            )
            return
        body: JSONObject = {"code": "invalid_param", "message": old, "params": name}
        if self._dialect.since(1, 8):
            body = {"message": "Input payload validation failed", "errors": {name: old}}
        raise ApiError(400, "invalid_param", str(body["message"]), body)
