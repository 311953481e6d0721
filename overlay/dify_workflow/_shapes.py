"""Reads outputs as a model class of the user, and lists what does not fit. Pure."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NotRequired, Required, TypeVar, Union, cast, is_typeddict

import attrs

from ._json import is_list, is_object

T = TypeVar("T")

_NAMES: dict[object, str] = {type(None): "None", dict: "object", list: "list"}
_ANYTHING = (Any, object)
_OF_PYTHON_3_13: Any = getattr(typing, "ReadOnly", Required)
_WRAPPERS = {Required, NotRequired, typing.Annotated, typing.Final, _OF_PYTHON_3_13}


def shaped(model: type[T], value: Mapping[str, Any]) -> tuple[T | None, list[str]]:
    """Read a value as a model.

    Args:
        model: A TypedDict, dataclass, attrs class or pydantic model.
        value: The value.

    Returns:
        The model and an empty list; or None and what does not fit, one sentence for each place.

    Raises:
        TypeError: The model is a class of another kind.
    """
    if not _is_model(model) and not _is_union(model):
        name = getattr(model, "__name__", model)
        raise TypeError(
            "outputs_as: the model must be a TypedDict, a dataclass, an attrs class or a pydantic "
            f"model (pip install pydantic), not {name}."
        )
    problems: list[str] = []
    made: T = _fit(value, model, "", problems)
    return (None if problems else made), problems


def _is_model(hint: Any) -> bool:
    if not isinstance(hint, type):
        return False
    kind = cast("type[Any]", hint)
    is_class = dataclasses.is_dataclass(kind) or attrs.has(kind)
    return is_class or is_typeddict(kind) or _is_pydantic(kind)


def _is_pydantic(hint: Any) -> bool:
    return isinstance(hint, type) and hasattr(hint, "model_validate")


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in {Union, types.UnionType}


def _fit(value: Any, hint: Any, place: str, problems: list[str]) -> Any:
    """Read a value as a type. What does not fit is added to `problems`."""
    hint = _bare(hint)
    if hint in _ANYTHING or isinstance(hint, TypeVar):
        return value
    if _is_union(hint):
        return _one_of(value, hint, place, problems)
    if _is_pydantic(hint):
        return _pydantic(value, hint, place, problems)
    if _is_model(hint):
        return _model(value, hint, place, problems)
    origin, parts = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin is Literal:
        if not any(value == each and type(value) is type(each) for each in parts):
            problems.append(f"{_at(place)}is {value!r:.50}, not one of {_listed(parts)}")
        return value
    if origin in {list, Sequence} and is_list(value):
        item = parts[0] if parts else Any
        return [_fit(each, item, f"{place}[{n}]", problems) for n, each in enumerate(value)]
    if origin in {dict, Mapping} and is_object(value):
        item = parts[1] if parts else Any
        return {
            name: _fit(each, item, f"{place}[{name!r}]", problems) for name, each in value.items()
        }
    if not _is_plain(value, origin):
        problems.append(_mismatch(value, hint, place))
    return value


def _bare(hint: Any) -> Any:
    """A type without wrappers such as Required and Annotated, and without type aliases."""
    while True:
        if typing.get_origin(hint) in _WRAPPERS:
            hint = typing.get_args(hint)[0]
        elif hasattr(hint, "__value__"):  # "type X = …" of Python 3.12
            hint = hint.__value__
        elif isinstance(hint, typing.NewType):
            hint = hint.__supertype__
        else:
            return hint


def _is_plain(value: Any, kind: Any) -> bool:
    """Whether a value is a plain JSON value of a type. True and False are not numbers."""
    if kind is None or kind is type(None):
        return value is None
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, int | float)
    return kind in {str, int} and isinstance(value, kind)


def _one_of(value: Any, hint: Any, place: str, problems: list[str]) -> Any:
    """Read a value as the first type of a union that it fits."""
    tries: list[list[str]] = []
    for each in typing.get_args(hint):
        found: list[str] = []
        made = _fit(value, each, place, found)
        if not found:
            return made
        tries.append(found)
    models = [
        found
        for each, found in zip(typing.get_args(hint), tries, strict=True)
        if is_object(value) and _is_model(_bare(each))
    ]
    fewest = min(map(len, models), default=0)
    nearest = [found for found in models if len(found) == fewest]
    problems += nearest[0] if nearest else [_mismatch(value, hint, place)]
    return value


def _pydantic(value: Any, model: Any, place: str, problems: list[str]) -> Any:
    try:
        return model.model_validate(value)
    except ValueError as error:  # pydantic's ValidationError is a ValueError
        errors: Callable[[], list[dict[str, Any]]] | None = getattr(error, "errors", None)
        if errors is None:
            problems.append(f"{_at(place)}{error}")
        else:
            for each in errors():
                inner = place + "".join(_step(step) for step in each["loc"])
                problems.append(f"{_at(inner)}{each['msg']}")
    return value


def _model(value: Any, model: Any, place: str, problems: list[str]) -> Any:
    """Read a value as a TypedDict, dataclass or attrs class."""
    if not is_object(value):
        problems.append(_mismatch(value, model, place))
        return value
    made: dict[str, Any] = {}
    before = len(problems)
    for name, argument, hint, is_required in _parts(model):
        if name in value:
            made[argument] = _fit(value[name], hint, place + _step(name), problems)
        elif is_required:
            names = ", ".join(map(repr, value)) or "nothing"
            problems.append(f"{_at(place + _step(name))}is missing; present: {names}")
    if is_typeddict(model) or len(problems) > before:
        return value
    try:
        return model(**made)
    except (TypeError, ValueError) as error:  # of its own checks
        problems.append(f"{_at(place)}cannot be {_name(model)}: {error}")
        return value


def _parts(model: Any) -> Iterator[tuple[str, str, Any, bool]]:
    """For each field of a model: its name, its argument, its type, and whether it is required.

    A field with an attrs converter may have any type.
    """
    try:
        hints = typing.get_type_hints(model, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"The types of {_name(model)} cannot be read, because {error}: "
            "define them at the top of their module."
        ) from error
    if is_typeddict(model):
        for name, hint in hints.items():
            origin = typing.get_origin(hint)
            is_optional = origin is NotRequired or name in model.__optional_keys__
            yield name, name, hint, origin is Required or not is_optional
    elif attrs.has(model):
        for field in attrs.fields(model):
            if field.init:
                is_required = field.default is attrs.NOTHING
                hint = Any if field.converter else hints.get(field.name, Any)
                yield field.name, field.alias or field.name, hint, is_required
    else:
        for part in dataclasses.fields(model):
            if part.init:
                is_required = part.default is part.default_factory is dataclasses.MISSING
                yield part.name, part.name, hints[part.name], is_required


def _mismatch(value: Any, hint: Any, place: str) -> str:
    found = _name(value.__class__)
    if _is_json(hint):
        return f"{_at(place)}is {found}, not {_name(hint)}"
    return (
        f"{_at(place)}is {found}, and {_name(hint)} is not a JSON type; "
        "use a pydantic model, which converts it (pip install pydantic)"
    )


def _is_json(hint: Any) -> bool:
    hint = _bare(hint)
    if _is_union(hint):
        return all(_is_json(each) for each in typing.get_args(hint))
    origin = typing.get_origin(hint) or hint
    known = {str, int, float, bool, list, dict, Sequence, Mapping, Literal, None, type(None)}
    return origin in known or origin in _ANYTHING or _is_model(hint)


def _name(hint: Any) -> str:
    hint = _bare(hint)
    if _is_union(hint):
        return " or ".join(_name(each) for each in typing.get_args(hint))
    if typing.get_args(hint):
        return str(hint).replace("typing.", "").replace("collections.abc.", "")
    return _NAMES.get(hint, getattr(hint, "__name__", str(hint)))


def _listed(options: Sequence[Any]) -> str:
    return ", ".join(map(repr, options))


def _step(step: object) -> str:
    return f"[{step!r}]"


def _at(place: str) -> str:
    return f"outputs{place} "
