"""Payloads into generated models: what a server left out is filled with None before reading."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, Self, TypeVar

from ._json import JSON, is_list, is_object
from ._shapes import SHAPES


class Model(Protocol):
    """What every generated model has."""

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, JSON], /) -> Self: ...


ModelT = TypeVar("ModelT", bound=Model)


def read(model: type[ModelT], payload: JSON) -> ModelT:
    """Read a payload as a generated model; unknown keys stay in ``additional_properties``.

    Raises:
        TypeError: The payload, or a payload in it, is not of the shape that the spec gives it.
    """
    return model.from_dict(filled(model.__name__, payload))


def load(name: str) -> type[Model]:
    """Import a generated model by its name, and no other one."""
    model: type[Model] = getattr(import_module("dify_workflow_api.models"), name)
    return model


def filled(name: str, payload: JSON) -> Mapping[str, JSON]:
    """The payload with None for each required key that is missing, also in nested payloads.

    The payload itself is never changed, and only copied where something has to be filled.
    """
    if not is_object(payload):
        raise TypeError(f"{name} is not a JSON object but {type(payload).__name__}")
    required, nested = SHAPES[name]
    missing = required - payload.keys()
    changed: dict[str, JSON] = dict.fromkeys(missing)
    for key, model in nested.items():
        value = payload.get(key)
        if is_list(value):
            changed[key] = [filled(model, item) for item in value]
        elif value is not None:
            changed[key] = filled(model, value)
    return {**payload, **changed} if changed else payload
