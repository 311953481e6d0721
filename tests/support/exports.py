"""Exported apps that tests write themselves, and the types of their outputs."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from dify_workflow.dsl import Type, app_of

Value = Any


def export(
    *nodes: dict[str, Value],
    edges: list[tuple[str, str] | tuple[str, str, str]] | None = None,
    inputs: list[dict[str, Value]] | None = None,
    **others: Value,
) -> dict[str, Value]:
    """An export with a start node and these nodes, one after the other where no edges are given."""
    start = {"id": "start", "data": {"type": "start", "title": "Start", "variables": inputs or []}}
    every = [start, *nodes]
    ids = [node["id"] for node in every if "parentId" not in node]
    every_edge = edges if edges is not None else list(pairwise(ids))
    graph = {
        "nodes": every,
        "edges": [
            {
                "source": edge[0],
                "target": edge[1],
                "sourceHandle": edge[2] if len(edge) > 2 else None,
            }
            for edge in every_edge
        ],
    }
    return {
        "app": {"name": "made up", "mode": "workflow"},
        "kind": "app",
        "version": "0.6.0",
        "workflow": {"graph": graph},
        **others,
    }


def node(node_id: str, kind: str, **data: Value) -> dict[str, Value]:
    """A node; `parent` is the iteration or loop that it is in."""
    parent = {"parentId": data.pop("parent")} if "parent" in data else {}
    return {"id": node_id, **parent, "data": {"type": kind, "title": node_id, **data}}


def end(end_id: str = "end", title: str = "End", /, **selectors: list[str]) -> dict[str, Value]:
    """An End node, whose outputs are taken from these selectors."""
    outputs = [{"variable": name, "value_selector": each} for name, each in selectors.items()]
    return {"id": end_id, "data": {"type": "end", "title": title, "outputs": outputs}}


def write(place: Path, value: dict[str, Value]) -> Path:
    """Write an export; JSON is YAML."""
    place.write_text(json.dumps(value), encoding="utf-8")
    return place


def outputs_of(value: dict[str, Any]) -> dict[str, Type]:
    """Type by name of the output, of all ends together."""
    app = app_of(value, "app.yml")
    return {each.name: each.type for one in app.ends or () for each in one.outputs}


def type_of(*nodes: dict[str, Any], take: list[str], **others: Any) -> Type:
    """The type of what one End node takes from the nodes before it."""
    return outputs_of(export(*nodes, end(out=take), **others))["out"]
