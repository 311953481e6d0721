"""Check whether a value has a type, and make an example value of a type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._json import is_list, is_object
from .types import Choice, ListOf, OneOf, Plain, Record, Type, Unknown

_STUBS: dict[str, Any] = {"str": "", "int": 0, "number": 0, "bool": False, "object": {}}


def fits(type: Type, value: object) -> bool:  # noqa: A002  # there is no better word
    """Whether a JSON value has a type.

    Example::

        names = ListOf(Plain("str"))
        assert fits(names, ["a", "b"]) and not fits(names, ["a", 1])

    Args:
        type: The type; every value fits `Unknown`.
        value: The value, as plain JSON.

    Returns:
        True if it has the type.
    """
    match type:
        case Unknown():
            return True
        case Choice():
            return any(value == each and isinstance(value, each.__class__) for each in type.options)
        case ListOf():
            return is_list(value) and all(fits(type.item, each) for each in value)
        case Record():
            return is_object(value) and all(
                fits(key.type, value[key.name]) if key.name in value else not key.required
                for key in type.keys
            )
        case OneOf():
            return any(fits(each, value) for each in type.types)
        case Plain():
            return _is_plain(type.name, value)


def _is_plain(name: str, value: object) -> bool:
    if name in {"object", "file"}:
        return is_object(value)
    if name == "none":
        return value is None
    if isinstance(value, bool):
        return name == "bool"
    kinds = {"str": str, "int": int, "number": int | float}
    return name in kinds and isinstance(value, kinds[name])


def stub(type: Type) -> Any:  # noqa: A002  # there is no better word
    """Make a placeholder value of a type: an empty one, or None if that is allowed.

    Example::

        point = Record((Key("x", Plain("int")), Key("y", Plain("int"))))
        assert stub(point) == {"x": 0, "y": 0}

    Args:
        type: The type.

    Returns:
        A value of plain JSON that `fits` the type.
    """
    match type:
        case Choice():
            return type.options[0]
        case ListOf():
            return []
        case Record():
            return {key.name: stub(key.type) for key in type.keys if key.required}
        case OneOf():
            return None if Plain("none") in type.types else stub(type.types[0])
        case Plain() if type.name == "file":
            return _file()
        case Plain():
            return _STUBS.get(type.name)
        case Unknown():
            return None


def _file() -> Mapping[str, Any]:
    return {
        "dify_model_identity": "__dify__file__",
        "id": None,
        "type": "document",
        "transfer_method": "tool_file",
        "remote_url": None,
        "related_id": None,
        "filename": "file.txt",
        "extension": ".txt",
        "mime_type": "text/plain",
        "size": 0,
        "url": None,
    }
