"""Turn the JSON schemas of objects into types. A part that is not understood is `Unknown`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .._json import is_list, is_object
from .types import (
    BOOL,
    INT,
    NONE,
    NUMBER,
    OBJECT,
    STR,
    Choice,
    Key,
    ListOf,
    Record,
    Type,
    Unknown,
    one_of,
    or_none,
)

MAX_DEPTH = 20
"""Maximum number of nested objects that are read."""

MAX_KEYS = 1_000
"""Maximum number of keys of an object that are read."""

_PLAIN: dict[object, Type] = {
    "string": STR,
    "integer": INT,
    "number": NUMBER,
    "boolean": BOOL,
    "null": NONE,
}


def type_of_schema(schema: object) -> Type:
    """The type of the values that are valid for a JSON schema.

    Args:
        schema: The schema, or its text, which some versions of Dify store.
    """
    if isinstance(schema, str):
        try:
            schema = json.loads(schema)
        except (ValueError, RecursionError):
            return OBJECT
    return _type(schema, 0) if is_object(schema) else OBJECT


def _type(schema: Mapping[str, Any], depth: int) -> Type:
    if depth > MAX_DEPTH:
        return Unknown("its schema is nested too deeply")
    options: object = [schema["const"]] if "const" in schema else schema.get("enum")
    if is_list(options) and (found := _choice(options)):
        return found
    for word in ("anyOf", "oneOf"):
        parts = schema.get(word)
        if is_list(parts) and parts and all(is_object(part) for part in parts):
            return one_of(*(_type(part, depth + 1) for part in parts))
    kind = schema.get("type")
    if is_list(kind) and kind:
        kinds = dict.fromkeys(map(str, kind))  # each once: nested repetitions would multiply
        return one_of(*(_type({**schema, "type": each}, depth + 1) for each in kinds))
    if isinstance(kind, str) and kind in _PLAIN:
        return _PLAIN[kind]
    if kind == "array":
        items = schema.get("items")
        unsaid = Unknown("its schema does not say what the list has")
        return ListOf(_type(items, depth + 1) if is_object(items) else unsaid)
    if kind == "object" or (kind is None and is_object(schema.get("properties"))):
        return _object(schema, depth)
    return Unknown("its schema has a form that is not known here")


def _choice(options: list[Any]) -> Type | None:
    """One of these constants; None if one of them cannot be in a Literal."""
    known = [each for each in options if each is not None]
    if not known or not all(isinstance(each, str | int) for each in known):
        return None
    choice = Choice(tuple({repr(each): each for each in known}.values()))  # 1 differs from True
    return choice if len(known) == len(options) else or_none(choice)


def _object(schema: Mapping[str, Any], depth: int) -> Type:
    properties = schema.get("properties")
    if not is_object(properties) or not properties or len(properties) > MAX_KEYS:
        return OBJECT
    required = schema.get("required")
    names = set(map(str, required)) if is_list(required) else set[str]()
    return Record(
        tuple(
            Key(
                str(name),
                _type(each, depth + 1) if is_object(each) else Unknown("it has no schema"),
                required=str(name) in names,
                description=_text(each.get("description")) if is_object(each) else "",
            )
            for name, each in properties.items()
        )
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
