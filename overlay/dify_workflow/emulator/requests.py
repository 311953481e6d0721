"""What a request says, or why the server would not take it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson
from starlette.requests import Request

from .._json import JSON, JSONObject, is_list, is_object
from .dialect import Dialect

_SERVER_ERROR = 500


class ApiError(Exception):
    """An answer that refuses.

    Args:
        status: HTTP status.
        code: Dify's name of the error; None where the body has none.
        message: What is wrong.
        more: Further keys of the body.
        with_status: Whether the body repeats the status.
    """

    def __init__(
        self,
        status: int,
        code: str | None,
        message: str,
        more: JSONObject | None = None,
        *,
        with_status: bool = True,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self._more = more or {}
        self._with_status = with_status

    def body(self) -> JSONObject:
        """The body of the answer."""
        body: JSONObject = {} if self.code is None else {"code": self.code}
        body |= {"message": self.message, **self._more}
        return body | ({"status": self.status} if self._with_status else {})


def invalid(message: str) -> ApiError:
    """400 for a parameter that is not right."""
    return ApiError(400, "invalid_param", message)


def not_found(message: str) -> ApiError:
    """404 for an id that is not known."""
    return ApiError(404, "not_found", message)


def server_error(dialect: Dialect) -> ApiError:
    """500, as for ids that are no UUID."""
    return ApiError(
        _SERVER_ERROR, "unknown", "Internal Server Error", with_status=dialect.since(1, 8)
    )


NOT_UNDERSTOOD = "The browser (or proxy) sent a request that this server could not understand."
"""What the server's framework says of a request that it cannot read."""

_LONGEST_USER = 255
"""Characters of a user that the database keeps."""


_STUMBLED = (
    "The server encountered an internal error and was unable to complete your request. Either the "
    "server is overloaded or there is an error in the application."
)
"""What the server's framework says of an error that nobody foresaw."""

_LONGEST_VALUE = 50
"""Characters of a value that pydantic shows whole."""

_LEAST, _MOST = -(2**63), 2**64 - 1
"""The whole numbers that a strict server takes."""

_MISSING = "Missing required parameter in the JSON body"
"""What servers before pydantic say of a field that is not there."""


async def json_body(request: Request, dialect: Dialect) -> JSONObject:
    """The body as a JSON object.

    Raises:
        ApiError: It is none.
    """
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise ApiError(
            415,
            "unsupported_media_type",
            "Did not attempt to load JSON data because the request Content-Type was not "
            "'application/json'.",
        )
    try:
        body = _decoded(await request.body(), is_strict=dialect.since(1, 8))
    except (ValueError, RecursionError):
        raise ApiError(400, "bad_request", NOT_UNDERSTOOD) from None
    if not is_object(body):
        raise server_error(dialect)
    return body


def _decoded(data: bytes, *, is_strict: bool) -> JSON:
    """The value that JSON stands for.

    Args:
        data: The JSON.
        is_strict: Whether NaN, infinities, lone surrogates and numbers beyond 64 bits are refused.

    Raises:
        ValueError: It is no JSON, or refused.
        RecursionError: It is nested too deeply.
    """
    if not is_strict:
        return json.loads(data)
    orjson.loads(data)  # which is what these servers read requests with
    return json.loads(data, parse_int=_of_64_bits)


def _of_64_bits(digits: str) -> int:
    number = int(digits)
    if not _LEAST <= number <= _MOST:
        raise ValueError(digits)
    return number


def user_of(user: JSON, dialect: Dialect) -> str:
    """The `user`, which every run and stop must name.

    Raises:
        ApiError: It is missing, or longer than the database takes.
    """
    if user is None or user == "":
        raise invalid("Arg user must be provided.")
    if len(str(user)) > _LONGEST_USER:
        raise server_error(dialect)
    return str(user)


def object_of(body: JSONObject, name: str, model: str, dialect: Dialect) -> JSONObject:
    """A field of the body that must be an object.

    Raises:
        ApiError: It is missing or none.
    """
    value = body.get(name)
    if is_object(value):
        return value
    old = ""
    if name in body and not dialect.since(1, 11) and value is not None:
        try:
            return dict(value)  # old servers take a list of pairs
        except (TypeError, ValueError) as error:
            old = str(error)
    if name not in body or (value is None and not dialect.since(1, 11)):
        raise _missing(dialect, model, name, body)
    what = "Input should be a valid dictionary"
    raise parameter(dialect, model, name, kind="dict_type", what=what, value=value, old=old)


def check_files(body: JSONObject, model: str, dialect: Dialect) -> None:
    """The ``files`` of a run must be a list; old servers stumble over anything else.

    Raises:
        ApiError: They are none.
    """
    files = body.get("files")
    if files is None or is_list(files):
        return
    if not dialect.since(1, 11):
        raise ApiError(500, "internal_server_error", _STUMBLED)
    what = "Input should be a valid list"
    raise parameter(dialect, model, "files", kind="list_type", what=what, value=files, old="")


def text_of(body: JSONObject, name: str, model: str, dialect: Dialect) -> str:
    """A field of the body that must be a text.

    Raises:
        ApiError: It is missing or none.
    """
    value = body.get(name)
    if isinstance(value, str):
        return value
    if name not in body:
        raise _missing(dialect, model, name, body)
    what = "Input should be a valid string"
    raise parameter(dialect, model, name, kind="string_type", what=what, value=value, old=_MISSING)


def chosen(
    query: Mapping[str, JSON],
    name: str,
    choices: Sequence[str],
    dialect: Dialect,
    model: str = "WorkflowLogQuery",
) -> str | None:
    """A value that must be one of several, or is not there.

    Raises:
        ApiError: It is another one.
    """
    value = query.get(name)
    if name not in query or value in choices or (value is None and dialect.since(1, 11)):
        return None if value is None else str(value)
    listed = [repr(choice) for choice in choices]
    what = f"Input should be {', '.join(listed[:-1])} or {listed[-1]}"
    old = f"{value} is not a valid choice"
    if dialect.since(1, 8):
        old = f"The value '{value}' is not a valid choice for '{name}'."
    raise parameter(dialect, model, name, kind="literal_error", what=what, value=value, old=old)


def bounded(
    query: Mapping[str, str],
    name: str,
    dialect: Dialect,
    *,
    low: int = 1,
    high: int,
    default: int,
) -> int:
    """A whole number of a query, within its bounds.

    Raises:
        ApiError: It is none, or beyond them.
    """
    text = query.get(name)
    if text is None:
        return default
    model = "WorkflowLogQuery"
    try:
        number = int(text)
    except ValueError:
        what = "Input should be a valid integer, unable to parse string as an integer"
        old = f"{text} is not a valid integer"
        raise parameter(
            dialect, model, name, kind="int_parsing", what=what, value=text, old=old
        ) from None
    if low <= number <= high:
        return number
    kind, bound = ("greater_than_equal", low) if number < low else ("less_than_equal", high)
    what = f"Input should be {kind.replace('_', ' ').replace('equal', 'or equal')} to {bound}"
    old = f"Invalid argument: {number}. argument must be within the range {low} - {high}"
    raise parameter(dialect, model, name, kind=kind, what=what, value=text, old=old)


def _missing(dialect: Dialect, model: str, name: str, body: JSONObject) -> ApiError:
    what = "Field required"
    return parameter(dialect, model, name, kind="missing", what=what, value=body, old=_MISSING)


def parameter(
    dialect: Dialect, model: str, name: str, *, kind: str, what: str, value: JSON, old: str
) -> ApiError:
    """The error for a parameter that is not right, in the words of the server's version.

    Args:
        dialect: The server's version.
        model: What the server calls the request.
        name: Name of the parameter.
        kind: What pydantic calls the error.
        what: What pydantic says.
        value: The value that came.
        old: What servers said before pydantic.
    """
    if dialect.since(1, 11):
        return invalid(
            f"1 validation error for {model}\n{name}\n  {what} [type={kind}, "
            f"input_value={_shortened(repr(value))}, input_type={type(value).__name__}]\n"
            f"    For further information visit https://errors.pydantic.dev/2.12/v/{kind}"
        )
    if dialect.since(1, 8):
        message = "Input payload validation failed"
        return ApiError(400, None, message, {"errors": {name: old}}, with_status=False)
    return ApiError(400, "invalid_param", old, {"params": name}, with_status=False)


def _shortened(text: str) -> str:
    """A value as pydantic shows it: a long one without its middle."""
    return text if len(text) <= _LONGEST_VALUE else f"{text[:25]}...{text[-24:]}"


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True
