"""Exported apps."""

from __future__ import annotations

from typing import Any

from dify_workflow.dsl import (
    Type,
    app_of,
)
from support.exports import end, export


def outputs_of(value: dict[str, Any]) -> dict[str, Type]:
    """Type by name of the output, of all ends together."""
    app = app_of(value, "app.yml")
    return {each.name: each.type for one in app.ends or () for each in one.outputs}


def type_of(*nodes: dict[str, Any], take: list[str], **others: Any) -> Type:
    """The type of what one End node takes from the nodes before it."""
    return outputs_of(export(*nodes, end(out=take), **others))["out"]
