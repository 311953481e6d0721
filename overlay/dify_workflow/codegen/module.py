"""Write the module for an app as source text; pure functions."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Sequence

import attrs

from ..dsl import AppInput, End, ExportedApp, Key
from .annotations import Annotation, Annotations
from .names import TAKEN_BY_OPTIONS, Names, checked, constants, end_names, is_name, named_after
from .text import brief, comment, docstring, fitting, is_short, literal

MARK = "Written by `dify-workflow types`"
"""Text at the beginning of every module, by which it is recognised."""

_FROM_TYPING = (
    *("Any", "Final", "Literal", "NotRequired", "TypeAlias", "TypedDict", "Unpack"),
    *("final", "overload"),
)
_FROM_US = (
    "AsyncRunOptions",
    "AsyncTypedApp",
    "AsyncWorkflowStream",
    "OutputFile",
    "RunOptions",
    "StreamOptions",
    "SubmitOptions",
    "TypedApp",
    "UploadedFile",
    "WorkflowFile",
    "WorkflowRunResponse",
    "WorkflowStream",
)
_WITHOUT_EXPORT = (
    "Any: the API does not say what an app gives. Export the app in Dify (Export DSL) and run "
    "dify-workflow types --dsl FILE."
)


def generate(app: ExportedApp, *, class_name: str | None = None) -> str:
    """Write a module for an app; the text depends only on the app.

    Example::

        source = generate(published_app(workflow), class_name="Story")
        Path("story.py").write_text(source)

    Args:
        app: The app, from `dify_workflow.dsl.read_app` or `published_app`.
        class_name: Name of its class; by default made from the app's name.

    Returns:
        The source text of the module.

    Raises:
        InvalidRequestError: The name is not a valid name for the class.
    """
    name = named_after(app.name) if class_name is None else checked(class_name)
    return "\n".join(_lines(app, name)) + "\n"


def _lines(app: ExportedApp, name: str) -> list[str]:
    names = Names([name, f"Async{name}", *(name + part for part in _PARTS)])
    blocks = [
        *_inputs(app, name, names),
        *_outputs(app, name, names),
        _run(name),
        *_nodes(app, name),
        *_classes(app, name),
    ]
    body: list[str] = []
    before: list[str] = []
    for block in blocks:
        is_apart = _is_class(block) or _is_class(before)
        body += ["", *([""] if is_apart else []), *block]
        before = block
    return [*_head(app), *_imports(body), *body]


def _is_class(block: Sequence[str]) -> bool:
    return bool(block) and block[0].startswith(("class ", "@"))


_PARTS = ("Inputs", "Outputs", "Run", "Node", "Nodes")


def _head(app: ExportedApp) -> list[str]:
    version = "" if app.version is None else f"DSL {app.version}, "
    text = (
        f'The app "{brief(app.name)}" of Dify, with types.\n\n'
        f"{MARK}, which writes it again when the app has changed: edit the app, not this file.\n"
        f"{version}digest {digest(app)}"
    )
    return [*docstring(text), "", "from __future__ import annotations"]


def digest(app: ExportedApp) -> str:
    """A digest of the parts of an app that its module shows: 16 hexadecimal digits.

    Args:
        app: The app.
    """
    facts = {
        "name": app.name,
        "version": app.version,
        "inputs": [attrs.asdict(attrs.evolve(each, schema=None)) for each in app.inputs],
        "nodes": [[node.id, node.type, node.title] for node in app.nodes],
        "ends": None
        if app.ends is None
        else [
            [end.id, end.title, [[each.name, str(each.type), each.note] for each in end.outputs]]
            for end in app.ends
        ],
        **({} if app.always_ends else {"always_ends": False}),
    }
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _imports(body: Sequence[str]) -> list[str]:
    """The imports that the lines need."""
    used = {
        node.id
        for node in ast.walk(ast.parse("\n".join(body)))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    lines = ["", "from pathlib import Path"] if "Path" in used else [""]
    lines += _import("typing", [each for each in _FROM_TYPING if each in used])
    return [*lines, "", *_import("dify_workflow", [each for each in _FROM_US if each in used])]


def _import(module: str, names: Sequence[str]) -> list[str]:
    otherwise = [f"from {module} import (", *(f"    {name}," for name in names), ")"]
    return fitting(f"from {module} import {', '.join(names)}", otherwise)


def _inputs(app: ExportedApp, name: str, names: Names) -> list[list[str]]:
    keys = [Key(each.name, each.type, each.required, described(each)) for each in app.inputs]
    annotations = Annotations(names)
    text = "What the app takes." if keys else "The app takes nothing."
    inputs = annotations.typed_dict(f"{name}Inputs", keys, text=text)
    return [*annotations.blocks, inputs]


def described(each: AppInput) -> str:
    """A description of an input for people, besides its name and type; may be empty."""
    is_said = each.label.casefold() == each.name.casefold()
    label = "" if is_said else brief(each.label).rstrip(".")
    facts: list[str] = []
    if each.max_length is not None:
        unit = "files" if each.kind == "file-list" else "characters"
        facts.append(f"at most {each.max_length:,} {unit}")
    if each.file_types:
        facts.append(f"takes {', '.join(each.file_types)}")
    if each.default is not None:
        default = brief(each.default) if isinstance(each.default, str) else each.default
        facts.append(f"by default {literal(default)}")
    if each.hidden:
        facts.append("hidden from people")
    text = "; ".join(filter(None, [label, *facts]))
    return text and f"{text[0].upper()}{text[1:]}."


def _outputs(app: ExportedApp, name: str, names: Names) -> list[list[str]]:
    given = f"{name}Outputs"
    if app.ends is None:
        return [[*comment(_WITHOUT_EXPORT), f"{given}: TypeAlias = dict[str, Any]"]]
    annotations = Annotations(names)
    if len(app.ends) == 1 and app.always_ends:
        text = "What the app gives."
        outputs = annotations.typed_dict(given, _keys(app.ends[0]), text=text)
        return [*annotations.blocks, outputs]
    if not app.ends:
        return [
            annotations.typed_dict(given, (), text="The app has no End node: it gives nothing.")
        ]
    parts = end_names([(end.id, end.title) for end in app.ends], given, names)
    for part, end in zip(parts, app.ends, strict=True):
        text = f'What the app gives where it ends at "{brief(end.title)}".'
        annotations.blocks.append(
            annotations.typed_dict(part, _keys(end), text=text, is_final=True)
        )
    if not app.always_ends:
        parts.append(names.new(f"{given}Nothing"))
        text = "What the app gives where it comes to no end: nothing."
        annotations.blocks.append(annotations.typed_dict(parts[-1], (), text=text, is_final=True))
    union = Annotation(tuple(parts)).lines(f"{given}: TypeAlias = ", indent="", in_brackets=False)
    text = "What the app gives; its keys tell at which of its ends."
    return [*annotations.blocks, [*union, *docstring(text)]]


def _keys(end: End) -> list[Key]:
    return [Key(each.name, each.type, description=each.note) for each in end.outputs]


def _run(name: str) -> list[str]:
    return [
        *fitting(
            f"{name}Run: TypeAlias = WorkflowRunResponse[{name}Outputs]",
            [f"{name}Run: TypeAlias = WorkflowRunResponse[", f"    {name}Outputs", "]"],
        ),
        *docstring("A run of the app; read its outputs behind `raise_for_status()`."),
    ]


def _nodes(app: ExportedApp, name: str) -> list[list[str]]:
    if not app.nodes:
        return []
    found = constants(app.nodes)
    nodes = {node.id: node for node in app.nodes}
    ids = Annotation(name="Literal", items=tuple(map(literal, nodes)), is_tuple=True)
    alias = ids.lines(f"{name}Node: TypeAlias = ", indent="", in_brackets=False)
    lines = [
        f"class {name}Nodes:",
        *docstring("Ids of the nodes by their titles, as events have them.", "    "),
        "",
    ]
    for constant, node_id in found.items():
        node = nodes[node_id]
        lines += _constant(constant, node_id)
        lines += docstring(f"{brief(node.title) or 'Without a title'} ({node.type}).", "    ")
    return [[*alias, *docstring("Id of a node.")], lines]


def _constant(name: str, value: str) -> list[str]:
    line, inner = f"    {name}: Final = {literal(value)}", f"        {literal(value)}"
    if not is_short(inner):
        return [line]
    return fitting(line, [f"    {name}: Final = (", inner, "    )"])


def _classes(app: ExportedApp, name: str) -> list[list[str]]:
    """The sync and the async class, with inputs as keywords if their names allow this."""
    names = [each.name for each in app.inputs]
    by_keyword = all(is_name(each) and each not in TAKEN_BY_OPTIONS for each in names)
    return [_class(app, name, by_keyword=by_keyword, is_async=each) for each in (False, True)]


def _class(app: ExportedApp, name: str, *, by_keyword: bool, is_async: bool) -> list[str]:
    prefix = "Async" if is_async else ""
    types = f"{name}Inputs, {name}Outputs"
    kind = "async code" if is_async else "sync code"
    lines = fitting(
        f"class {prefix}{name}({prefix}TypedApp[{types}]):",
        [f"class {prefix}{name}(", f"    {prefix}TypedApp[{types}]", "):"],
    )
    text = f'The app "{brief(app.name)}", for {kind}.'
    lines += docstring(text, "    ")
    if not by_keyword:
        return lines
    run, stream = f"{name}Run", f"{prefix}WorkflowStream[{name}Outputs]"
    lines += _method("run", name, run, f"{prefix}RunOptions", is_async=is_async)
    lines += _method("stream", name, stream, "StreamOptions", is_async=False)
    lines += _method("submit", name, run, "SubmitOptions", is_async=is_async)
    return lines


def _method(method: str, name: str, result: str, options: str, *, is_async: bool) -> Iterator[str]:
    define = f"    {'async ' if is_async else ''}def {method}"
    call = f"{'await ' if is_async else ''}super().{method}(values, **options)"
    beside = ["user: str | None = None"]
    beside += [] if method == "submit" else ["deadline: float | None = None"]
    signatures = (
        ([f"inputs: {name}Inputs", f"**options: Unpack[{options}]"], ": ...", True),
        (["*", *beside, f"**inputs: Unpack[{name}Inputs]"], ": ...", True),
        ([f"inputs: {name}Inputs | None = None", "**named: Any"], ":", False),
    )
    for parameters, end, is_overload in signatures:
        yield ""
        if is_overload:
            yield "    @overload"
        yield from _signature(define, parameters, f" -> {result}{end}")
    yield from docstring(_OF_METHODS[method], "        ")
    yield "        values, options = self._call(inputs, named)"
    yield f"        return {call}"


_OF_METHODS = {
    "run": "Run the app and wait for it; read the outputs behind `raise_for_status()`.",
    "stream": "Run the app and return its events.",
    "submit": "Start the app and return as soon as the run's ids are known.",
}


def _signature(define: str, parameters: Sequence[str], end: str) -> list[str]:
    """The head of a method: on one line, or with one line per parameter, as formatters do it."""
    inside = ["self", *parameters]
    lines = (f"        {each}," for each in inside)
    return fitting(f"{define}({', '.join(inside)}){end}", [f"{define}(", *lines, f"    ){end}"])
