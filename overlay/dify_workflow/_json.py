"""JSON in and out: strict in what is sent, tolerant in what is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any, Protocol, Self, TypeAlias, TypeGuard, TypeVar

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


_DIGITS = bytes(ord("0") if chr(code).isdecimal() else ord(" ") for code in range(128)) + b" " * 128
"""Translates digits to zeros, and everything else to spaces."""

_MANY = b"0" * 19

_BLOCK = 1024 * 1024
"""Bytes of a large body that are searched at a time, so that it is not copied whole."""


def is_text(value: str) -> bool:
    """Whether a string can be encoded: it has no half of a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


_MOST_NESTED = 256
"""Levels of arrays and objects from which on a body is refused; Python itself bears some 900."""

_STRING = re.compile(rb'(?s)"(?:[^"\\]|\\.)*+\\?(?:"|\Z)')
"""A string, or what begins as one: so the search never starts again within it."""

_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def decode(data: bytes | bytearray | memoryview) -> JSON:
    """Decode a body; whole numbers of any size stay exact.

    NaN, Infinity and lone surrogates, which servers up to 1.7 send, are read too.

    Raises:
        ValueError: The bytes are not JSON, or nested too deeply; the message says where.
    """
    check_depth(data)
    if not may_be_rounded(data):
        with suppress(orjson.JSONDecodeError):  # json may still read it
            return orjson.loads(data)
    try:
        return json.loads(bytes(data))
    except RecursionError:  # it is no JSON in the end, but begins as such
        raise ValueError("it is nested too deeply") from None


def check_depth(data: bytes | bytearray | memoryview) -> None:
    """Refuse JSON that Python cannot show, compare or write again once it is read.

    Raises:
        ValueError: It is nested more than some hundred levels deep.
    """
    if sum(block.count(b"[") + block.count(b"{") for block in _blocks(data)) <= _MOST_NESTED:
        return
    brackets = _STRING.sub(b"", bytes(data)).translate(None, _NO_BRACKETS)
    for _ in range(_MOST_NESTED):  # each round takes the innermost levels away
        inner = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(inner) in {0, len(brackets)}:
            return  # nothing is left, or it is no JSON
        brackets = inner
    raise ValueError("it is nested too deeply")


def may_be_rounded(data: bytes | bytearray | memoryview) -> bool:
    """Whether orjson may have rounded a number: 19 digits in a row, as from -2**63 - 1 on."""
    return any(
        # Every third byte first, which is faster; ids may have digits there too, so then all bytes.
        b"000000" in block[::3].translate(_DIGITS) and _MANY in block.translate(_DIGITS)
        for block in _blocks(data, len(_MANY))
    )


def _blocks(data: bytes | bytearray | memoryview, overlap: int = 0) -> Iterator[bytes]:
    """The data a block at a time, so that a large body is not copied whole."""
    for start in range(0, len(data), _BLOCK):
        yield bytes(data[start : start + _BLOCK + overlap])


_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def encode(value: JSON) -> bytes:
    """Encode a body as compact UTF-8.

    Raises:
        ValueError: A number is NaN or infinite, or a string holds a lone surrogate.
        TypeError: A value is not JSON.
    """
    return _ENCODER.encode(value).encode()


def abridged(value: JSON, limit: int = 300) -> str:
    """One line of JSON (or of text that is none) for people, cut after `limit` characters."""
    if isinstance(value, str):
        text = value
    else:
        try:
            text = json.dumps(value, ensure_ascii=False, default=repr)
        except (RecursionError, ValueError):  # nested too deeply, or with too many digits
            text = f"a {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


class Model(Protocol):
    """What every generated model has."""

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, JSON], /) -> Self:
        """Read a JSON object; what is missing is None, what is unknown is kept."""
        ...


SHAPE_ERRORS = (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
"""What readers raise where a payload has not the shape that openapi.yaml gives it."""

ModelT = TypeVar("ModelT", bound=Model)


def read(model: type[ModelT], payload: JSON) -> ModelT:
    """Read a payload as a generated model; unknown keys stay in ``additional_properties``.

    Raises:
        SHAPE_ERRORS: The payload, or one in it, is not of the shape that the spec gives it.
    """
    if not is_object(payload):
        raise TypeError(f"{model.__name__} is no JSON object but {type(payload).__name__}")
    return model.from_dict(payload)


@cache
def load(name: str) -> type[Model]:
    """Import a generated model by its name, and no other one."""
    model: type[Model] = getattr(import_module("dify_workflow_api.models"), name)
    return model
