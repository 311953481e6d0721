"""Payloads into generated models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Protocol, Self, TypeVar

from ._json import JSON, is_object


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
