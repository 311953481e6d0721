"""Reads and writes JSON: strict when writing, tolerant when reading."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any, Protocol, Self, TypeAlias, TypeGuard, TypeVar

import attrs
import orjson

JSON: TypeAlias = Any
"""Any JSON value: None, bool, int, float, str, or a list or dict of them."""

JSONObject: TypeAlias = dict[str, Any]
"""A JSON object."""


def is_object(value: JSON) -> TypeGuard[JSONObject]:
    """Whether a value is a JSON object."""
    return isinstance(value, dict)


def is_list(value: JSON) -> TypeGuard[list[JSON]]:
    """Whether a value is a JSON array."""
    return isinstance(value, list)


DIGITS = bytes(ord("0") if chr(code).isdecimal() else ord(" ") for code in range(128)) + b" " * 128
"""Translates digits to zeros, and everything else to spaces."""

MANY = b"0" * 19

_LONG = 1000
"""Bytes of JSON that are worth a look at every third byte first."""


def is_text(value: str) -> bool:
    """Whether a string can be encoded: it has no half of a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


_MAX_DEPTH = 256
"""A body with more nested arrays and objects than this is refused. Python can handle about 900."""

SHORT = 2 * _MAX_DEPTH
"""JSON of at most this many bytes is not nested too deeply."""

_CONTAINERS = (dict, list, tuple)


def decode(data: bytes | bytearray) -> JSON:
    """Decode a body; whole numbers of any size stay exact.

    NaN, Infinity and lone surrogates, which servers up to 1.7 send, are read too.

    Raises:
        ValueError: The bytes are not JSON, or are nested too deeply. The message says where.
    """
    if may_be_rounded(data):
        return decode_exactly(bytes(data))
    try:
        value: JSON = orjson.loads(data)
    except orjson.JSONDecodeError:  # json may still read it
        return decode_exactly(bytes(data))
    if may_be_deep(data):
        check_depth(value)
    return value


def decode_exactly(text: str | bytes) -> JSON:
    """Decode a body like `decode`, with Python's own json.

    Raises:
        ValueError: It is not JSON, or is nested too deeply. The message says where.
    """
    try:
        value: JSON = json.loads(text)
    except RecursionError:  # invalid JSON that begins with many levels
        raise ValueError("it is nested too deeply") from None
    check_depth(value)
    return value


def check_depth(value: JSON) -> None:
    """Refuse a value that is nested so deeply that Python could not print, compare or write it.

    Raises:
        ValueError: It is nested more than 256 levels deep.
    """
    level: list[JSON] = [value]
    for _ in range(_MAX_DEPTH + 1):
        outers: list[JSON] = [each for each in level if isinstance(each, _CONTAINERS)]
        if not outers:
            return
        level = [
            inner for outer in outers for inner in (outer.values() if is_object(outer) else outer)
        ]
    raise ValueError("it is nested too deeply")


def may_be_deep(data: bytes | bytearray) -> bool:
    """Whether a value may be nested too deeply: its JSON has more opening brackets than that."""
    if len(data) <= SHORT:
        return False
    # `replace` is several times as fast as `count`.
    return len(data) - len(data.replace(b"[", b"").replace(b"{", b"")) > _MAX_DEPTH


def may_be_rounded(data: bytes | bytearray) -> bool:
    """Whether orjson may round a number: there are 19 digits in a row, as in -2**63 - 1."""
    # Every third of 19 bytes in a row is six bytes at least; most data has no such digits.
    if len(data) > _LONG and data[::3].translate(DIGITS).find(MANY[:6]) < 0:
        return False
    return data.translate(DIGITS).find(MANY) >= 0


_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def encode(value: JSON) -> bytes:
    """Encode a value as compact JSON in UTF-8.

    Raises:
        ValueError: A number is NaN or infinite, or a string contains a lone surrogate.
        TypeError: A value has no JSON form.
    """
    return _ENCODER.encode(value).encode()


def abridged(value: JSON, limit: int = 300) -> str:
    """A value as one line of JSON (a text as one line of text), cut after `limit` characters."""
    if isinstance(value, str):
        text = value
    else:
        try:
            text = json.dumps(value, ensure_ascii=False, default=repr)
        except (RecursionError, ValueError):  # nested too deeply, or with too many digits
            text = f"a {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def required_text(name: str, value: JSON) -> str:
    """A value of an answer without which it means nothing, such as the id or status of a run.

    Raises:
        TypeError: It is missing, empty or not text.
    """
    if not isinstance(value, str) or not value:
        raise TypeError(f"{name}: expected text, got {abridged(value, 100)}")
    return value


class Model(Protocol):
    """The interface of every generated model."""

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, JSON], /) -> Self:
        """Read a JSON object. Missing keys become None; unknown keys are kept."""
        ...


SHAPE_ERRORS = (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
"""What generated models raise if a payload does not have the shape that the spec describes."""

ModelT = TypeVar("ModelT", bound=Model)


def read(model: type[ModelT], payload: JSON) -> ModelT:
    """Read a payload as a generated model; unknown keys stay in ``additional_properties``.

    Raises:
        SHAPE_ERRORS: The payload, or a part of it, does not have the shape that the spec describes.
    """
    try:
        if not is_object(payload):
            raise TypeError
        return model.from_dict(payload)
    except SHAPE_ERRORS as error:
        raise TypeError(misfit(model, payload, error)) from error


def reason_of(error: BaseException) -> str:
    """What an exception of `SHAPE_ERRORS` says about a payload, for a message."""
    return str(error) if isinstance(error, TypeError | ValueError) else repr(error)


def misfit(model: type[Any], payload: JSON, error: BaseException) -> str:
    """Why a payload cannot be read.

    Args:
        model: The generated class.
        payload: The payload.
        error: The exception of `SHAPE_ERRORS` that was raised.
    """
    return _misfit(model, payload) or reason_of(error)


_PARTS = re.compile(r"(list\[)?([A-Z]\w+)")
"""The model in the type of a field, alone or in a list."""


def _misfit(model: type[Any], payload: JSON, path: str = "") -> str | None:
    """The first value of a payload that must be a JSON object or a list and is not."""
    if not is_object(payload):
        return f"{path or model.__name__}: expected an object, got {abridged(payload, 100)}"
    for field in attrs.fields(model):
        part = _PARTS.search(str(field.type))
        inner: Any = part and getattr(import_module("dify_workflow_api.models"), part[2], None)
        name = field.name.rstrip("_")
        value: JSON = payload.get(name)
        if part is None or not attrs.has(inner) or (value is None and "None" in str(field.type)):
            continue
        place = f"{path}.{name}" if path else name
        if not part[1]:
            inside = {place: value}
        elif is_list(value):
            inside = {f"{place}[{number}]": each for number, each in enumerate(value)}
        else:
            return f"{place}: expected a list, got {abridged(value, 100)}"
        for where, each in inside.items():
            if found := _misfit(inner, each, where):
                return found
    return None


@cache
def load(name: str) -> type[Model]:
    """Import one generated model by its name, without importing the others."""
    model: type[Model] = getattr(import_module("dify_workflow_api.models"), name)
    return model
