"""The types of an app's inputs and outputs; pure data."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

import attrs

Name: TypeAlias = Literal["str", "int", "number", "bool", "object", "file", "input file", "none"]
"""``number`` is an int or a float, ``object`` is any dict, ``file`` is a file in an output."""


@attrs.frozen
class Plain:
    """A type without parts.

    Args:
        name: Name of the type.
    """

    name: Name


@attrs.frozen
class Unknown:
    """Anything, because the export does not say more.

    Args:
        reason: Why, as a sentence without a full stop.
    """

    reason: str


@attrs.frozen
class Choice:
    """One of several constants.

    Args:
        options: The constants.
    """

    options: tuple[str | int | bool, ...]


@attrs.frozen
class ListOf:
    """A list.

    Args:
        item: Type of each item.
    """

    item: Type


@attrs.frozen
class Key:
    """A key of a `Record`.

    Args:
        name: The key.
        type: Type of its value.
        required: Whether the key is always present.
        description: Description for people; may be empty.
    """

    name: str
    type: Type
    required: bool = True
    description: str = ""


@attrs.frozen
class Record:
    """A dict with known keys.

    Args:
        keys: The keys in their order.
    """

    keys: tuple[Key, ...]


@attrs.frozen
class OneOf:
    """A value of one of several types; made with `one_of`.

    Args:
        types: The types.
    """

    types: tuple[Type, ...]


Type: TypeAlias = Plain | Unknown | Choice | ListOf | Record | OneOf
"""Any type."""

STR = Plain("str")
INT = Plain("int")
NUMBER = Plain("number")
BOOL = Plain("bool")
OBJECT = Plain("object")
FILE = Plain("file")
INPUT_FILE = Plain("input file")
NONE = Plain("none")

FILE_KEYS: dict[str, Type] = {
    **dict.fromkeys(("name", "filename", "type", "transfer_method", "url", "remote_url"), STR),
    **dict.fromkeys(("extension", "mime_type", "mimetype", "related_id"), STR),
    "size": INT,
}
"""Parts of a file that a selector can name."""

_VALUE_TYPES: dict[str, Type] = {
    "string": STR,
    "secret": STR,
    "integer": INT,
    "number": NUMBER,
    "float": NUMBER,
    "object": OBJECT,
    "boolean": BOOL,
    "bool": BOOL,
    "file": FILE,
}
_ARRAY = re.compile(r"array\[(.*)\]", re.DOTALL)
_MOST_NESTED = 10


def value_type(text: object) -> Type:
    """The type for Dify's name of it, such as ``"array[string]"``; old exports have capitals."""
    return _value_type(text.strip().lower(), 0) if isinstance(text, str) else _unsaid(text)


def _value_type(word: str, depth: int) -> Type:
    if found := _VALUE_TYPES.get(word):
        return found
    if word == "array":
        return ListOf(_unsaid(None))
    array = _ARRAY.fullmatch(word)
    if array and depth < _MOST_NESTED:
        return ListOf(_value_type(array[1], depth + 1))
    return _unsaid(word)


def _unsaid(word: object) -> Unknown:
    if word in (None, "", "any"):  # a set cannot be used: the word may be a list
        return Unknown("the export does not say what it is")
    return Unknown("the export calls it something that is not known here")


def is_known(type: Type) -> bool:  # noqa: A002  # there is no better word
    """Whether a type is not `Unknown`."""
    return not isinstance(type, Unknown)


def one_of(*types: Type) -> Type:
    """Make a union without repetitions; if one type is unknown, the union is unknown.

    Example::

        text, nothing = Plain("str"), Plain("none")
        assert one_of(text, nothing, text) == OneOf((text, nothing))

    Args:
        types: The types.

    Returns:
        A `OneOf`, or the only type that is left.
    """
    found: dict[Type, None] = {}
    for each in types:
        if isinstance(each, Unknown):
            return each
        found.update(dict.fromkeys(each.types if isinstance(each, OneOf) else (each,)))
    return next(iter(found)) if len(found) == 1 else OneOf(tuple(found))


def or_none(type: Type) -> Type:  # noqa: A002  # there is no better word
    """A union of a type and None."""
    return one_of(type, NONE)
