"""The server's rules for the inputs of a run: what it refuses, and what the workflow gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from .._json import JSON, JSONObject, is_list, is_object
from .requests import UNFORESEEN, ApiError, invalid
from .workflows import Input

Build = Callable[[JSONObject], JSONObject]
"""Takes a file as a request names it, and returns the server's file or raises `ApiError`."""

_FILES = {"file", "file-list"}


def accepted(fields: Iterable[Input], sent: JSONObject, build: Build) -> JSONObject:
    """Return the declared inputs, converted for the workflow.

    As on real servers, all values are checked before any file is looked up.

    Args:
        fields: The inputs that the workflow declares.
        sent: The inputs as they were sent.
        build: Finds the files.

    Raises:
        ApiError: The server refuses them.
    """
    checked = [(field, _checked(field, sent.get(field.name))) for field in fields]
    return {field.name: _with_files(field, value, build) for field, value in checked}


def _checked(field: Input, value: Any) -> JSON:
    if value is None:
        if field.required:
            _refuse(field, "is required in input form")
        value = field.default
    if value is None or (value == "" and field.type in _FILES and not field.required):
        return None
    return _CHECKS.get(field.type, _any)(field, value)


def _text(field: Input, value: Any) -> str:
    if not isinstance(value, str):
        raise invalid(f"(type '{field.type}') {field.name} in input form must be a string")
    if field.type == "select" and value not in field.options:
        _refuse(field, f"in input form must be one of the following: {list(field.options)}")
    if field.type != "select" and field.max_length and len(value) > field.max_length:
        _refuse(field, f"in input form must be less than {field.max_length} characters")
    return value.replace("\0", "")


def _number(field: Input, value: Any) -> JSON:
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):  # an error in the server
        raise ApiError(500, "internal_server_error", UNFORESEEN)
    if not value.strip():
        return None
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        _refuse(field, "in input form must be a valid number")


def _json_object(field: Input, value: Any) -> JSON:
    if value and not is_object(value):
        _refuse(field, "in input form must be a dict")
    return _any(field, value)


def _file(field: Input, value: Any) -> JSON:
    if not is_object(value):
        _refuse(field, "in input form must be a file")
    return value


def _file_list(field: Input, value: Any) -> JSON:
    if not (is_list(value) and all(is_object(item) for item in value)):
        _refuse(field, "in input form must be a list of files")
    if field.max_length and len(value) > field.max_length:
        _refuse(field, f"in input form must be less than {field.max_length} files")
    return value


def _any(_field: Input, value: Any) -> JSON:
    return value.replace("\0", "") if isinstance(value, str) else value


_CHECKS: dict[str, Callable[[Input, Any], JSON]] = {
    "text-input": _text,
    "paragraph": _text,
    "select": _text,
    "number": _number,
    "json_object": _json_object,
    "file": _file,
    "file-list": _file_list,
}
"""What the server does with a value, by type of the input."""


def _with_files(field: Input, value: JSON, build: Build) -> JSON:
    """Replace files in the value by the server's files. A type without files refuses objects."""
    if field.type == "file" and is_object(value):
        return _allowed(field, value, build)
    if field.type == "file-list" and is_list(value):
        return [_allowed(field, item, build) for item in value if _is_named(item)]
    has_object = is_list(value) and any(is_object(item) for item in value)
    if has_object or (is_object(value) and field.type != "json_object"):
        raise invalid(f"Invalid input type for {[field.name]}")
    return value


def _is_named(file: JSONObject) -> bool:
    """Whether a file in a list names its transfer method. The server skips others."""
    is_remote = file.get("transfer_method") == "remote_url"
    return bool(file.get("transfer_method")) and not (
        is_remote and not (file.get("url") or file.get("remote_url"))
    )


def _allowed(field: Input, file: JSONObject, build: Build) -> JSONObject:
    """Return the server's file if the input allows its type. Other files have no extension."""
    built = build(file)
    kind = file.get("type", "custom")
    if kind == "custom" or (field.file_types and kind not in field.file_types):
        raise invalid(f"File validation failed for file: {built['filename']}")
    return built


def _refuse(field: Input, what: str) -> NoReturn:
    raise invalid(f"{field.name} {what}")
