"""An app exported from Dify (DSL): its inputs, its nodes, and the outputs of its End nodes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from .._json import is_list, is_object
from .graph import Edge, Flow, Node
from .inputs import AppInput, inputs_of_variables
from .outputs import Resolver
from .text import DSLError, load, read_text
from .types import Type, value_type

NEWEST = "0.7.0"
"""The newest version of the DSL that can be read, which is that of Dify 1.16."""

_MOST_NODES = 2_000
_MOST_EDGES = 20_000
_UNSHOWN = frozenset({"", "iteration-start", "loop-start", "loop-end"})
"""Kinds that are not shown as nodes; the kind of a note is empty."""


@attrs.frozen
class Output:
    """An output of an End node.

    Args:
        name: Name of the output.
        type: Type of its value; a union with None if the node that produces it may not have run.
        selector: Node id, name, and keys within the value.
        note: A remark for people; may be empty.
    """

    name: str
    type: Type
    selector: tuple[str, ...] = ()
    note: str = ""


@attrs.frozen
class End:
    """An End node.

    Args:
        id: Id of the node.
        title: Title for people.
        outputs: Its outputs.
        before: Ids of the nodes that have always run when it is reached.
    """

    id: str
    title: str
    outputs: tuple[Output, ...]
    before: frozenset[str] = frozenset()


@attrs.frozen
class ExportedApp:
    """An app, as its export describes it.

    Args:
        name: Name of the app.
        version: Version of the DSL; None for an app that was not read from an export.
        inputs: Inputs in their order.
        nodes: Nodes in the order of the export, without notes.
        ends: End nodes; None if outputs are not known, because there is no export.
        description: Description of the app.
        always_ends: Whether each run reaches an End node. A run that does not has no outputs.
    """

    name: str
    version: str | None
    inputs: tuple[AppInput, ...]
    nodes: tuple[Node, ...] = ()
    ends: tuple[End, ...] | None = None
    description: str = ""
    always_ends: bool = True


def read_app(source: str | os.PathLike[str]) -> ExportedApp:
    """Read an exported app; needs ``pip install dify-workflow[types]``.

    Example::

        app = read_app("story.yml")
        print([each.name for each in app.inputs], [node.title for node in app.nodes])

    Args:
        source: Path of the file, at most 5 MB.

    Returns:
        The app: its inputs, nodes and End nodes.

    Raises:
        DSLError: The file cannot be read, or is not a workflow app that the API can run.
        ImportError: PyYAML is not installed.
    """
    path = Path(source)
    return app_of(load(read_text(path), str(path)), str(path))


def app_of(value: object, name: str) -> ExportedApp:
    """Read an app from an export that is already parsed.

    Example::

        import yaml

        export = yaml.safe_load(Path("story.yml").read_text())
        print(app_of(export, "story.yml").name)

    Args:
        value: The export as plain values: dicts, lists, texts, numbers.
        name: Name of the export in error messages.

    Returns:
        The app: its inputs, nodes and End nodes.

    Raises:
        DSLError: It is not a workflow app that the API can run.
    """
    app = value.get("app") if is_object(value) else None
    if not is_object(value) or not is_object(app) or value.get("kind", "app") != "app":
        raise DSLError(f"{name} is not an app that was exported from Dify.")
    version = _version(value.get("version"), name)
    mode = app.get("mode")
    if mode != "workflow":
        raise DSLError(
            f"{name} is an app of the kind {mode!r:.50}; only workflow apps can be typed."
        )
    workflow = value.get("workflow")
    graph = workflow.get("graph") if is_object(workflow) else None
    if not is_object(workflow) or not is_object(graph):
        raise DSLError(f"{name} has no workflow.")
    return attrs.evolve(
        _of_workflow(workflow, graph, name),
        name=_text(app.get("name")) or "app",
        description=_text(app.get("description")),
        version=version,
    )


def _of_workflow(workflow: Mapping[str, Any], graph: Mapping[str, Any], name: str) -> ExportedApp:
    nodes, edges = _nodes(graph.get("nodes")), _edges(graph.get("edges"))
    if len(nodes) > _MOST_NODES or len(edges) > _MOST_EDGES:
        raise DSLError(f"{name} has more than {_MOST_NODES:,} nodes or {_MOST_EDGES:,} edges.")
    start = next((node for node in nodes if node.type == "start"), None)
    if start is None:
        raise DSLError(
            f"{name} has no start node. Only a trigger can start it; the API refuses to run it."
        )
    variables = start.data.get("variables")
    inputs = inputs_of_variables(variables if is_list(variables) else ())
    flow = Flow(nodes, edges)
    resolver = Resolver(nodes, flow, inputs, _environment(workflow))
    return ExportedApp(
        name="",
        version=None,
        inputs=inputs,
        nodes=tuple(node for node in nodes if node.type not in _UNSHOWN),
        ends=tuple(_end(node, resolver, flow) for node in nodes if node.type == "end"),
        always_ends=flow.always_ends(),
    )


def _version(value: object, name: str) -> str:
    """The version of the DSL; exports before 0.1.0 have none."""
    text = "0.1.0" if value is None else str(value)
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6}){0,3}", text):
        raise DSLError(f"{name} has an invalid DSL version: {text[:20]!r}.")
    if _numbers(text) > _numbers(NEWEST):
        raise DSLError(
            f"{name} has the DSL version {text}, but this dify-workflow reads versions up to "
            f"{NEWEST}: install a newer dify-workflow."
        )
    return text


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _nodes(values: object) -> list[Node]:
    """The nodes; if several have the same id, the last one."""
    found: dict[str, Node] = {}
    for value in values if is_list(values) else ():
        data = value.get("data") if is_object(value) else None
        if is_object(value) and is_object(data):
            node_id, parent = str(value.get("id")), value.get("parentId")
            if parent is None:  # in exports that were written by hand
                parent = data.get("iteration_id") or data.get("loop_id")
            found[node_id] = Node(
                id=node_id,
                type=_text(data.get("type")),
                title=_text(data.get("title")),
                data=data,
                parent=str(parent) if parent else None,
            )
    return list(found.values())


def _edges(values: object) -> list[Edge]:
    return [
        Edge(
            str(value.get("source")),
            str(value.get("target")),
            str(value.get("sourceHandle") or "source"),
        )
        for value in (values if is_list(values) else ())
        if is_object(value)
    ]


def _environment(workflow: Mapping[str, Any]) -> dict[str, Type]:
    variables = workflow.get("environment_variables")
    return {
        str(each.get("name")): value_type(each.get("value_type"))
        for each in (variables if is_list(variables) else ())
        if is_object(each)
    }


def _end(node: Node, resolver: Resolver, flow: Flow) -> End:
    found: dict[str, Output] = {}
    outputs = node.data.get("outputs")
    for each in outputs if is_list(outputs) else ():
        name = each.get("variable") if is_object(each) else None
        if is_object(each) and isinstance(name, str) and name:
            selector = each.get("value_selector")
            chosen = tuple(map(str, selector)) if is_list(selector) else ()
            found[name] = Output(name, resolver.at_end(chosen, node.id), chosen)
    before = frozenset(node_id for node_id, _ in flow.certain(node.id))
    return End(node.id, node.title, tuple(found.values()), before)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
