"""The outputs of each kind of node, and the type of the value of a selector."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .._json import is_list, is_object
from .graph import OK, Fact, Flow, Node
from .inputs import AppInput
from .schema import type_of_schema
from .types import (
    FILE,
    FILE_KEYS,
    INT,
    NONE,
    OBJECT,
    STR,
    Key,
    ListOf,
    OneOf,
    Record,
    Type,
    Unknown,
    is_known,
    one_of,
    or_none,
    value_type,
)

_SYSTEM: dict[str, Type] = {
    **dict.fromkeys(("user_id", "app_id", "workflow_id", "workflow_run_id"), STR),
    "files": ListOf(FILE),
    "timestamp": INT,
}
"""The server's own variables for each run."""

_OF_ERRORS: dict[str, Type] = {"error_message": STR, "error_type": STR}
_FILES: dict[str, Type] = {"files": ListOf(FILE)}
_ANYTHING = ListOf(Unknown("the node does not say what the list has"))
_FORM_FIELDS: dict[str, Type] = {"file": FILE, "file-list": ListOf(FILE)}
_MOST_NESTED = 20
"""Maximum number of nested aggregators and iterations."""

_MOST_LOOKS = 5_000
"""Maximum number of checks of the edges to a node, because exports are not trusted."""

_DECLARED_BY_DEFAULT: tuple[Mapping[str, Any], ...] = (
    {"name": "text", "type": "string"},
    {"name": "files", "type": "array", "array_item": {"type": "file"}},
    {"name": "json", "type": "object"},
)
"""Outputs of an agent (version 2) that does not declare any."""


class Resolver:
    """Finds the type of the value of a selector.

    Args:
        nodes: The nodes of the workflow.
        flow: Which of them always run.
        inputs: Inputs of the start node.
        environment: Type by name of the environment variable.
    """

    def __init__(
        self,
        nodes: Iterable[Node],
        flow: Flow,
        inputs: Iterable[AppInput],
        environment: Mapping[str, Type],
    ) -> None:
        self._nodes = {node.id: node for node in nodes}
        self._flow = flow
        self._inputs = {each.name: each for each in inputs}
        self._environment = environment
        self._given: dict[str, dict[str, Type]] = {}  # outputs by node, as a cache
        self._filled: dict[tuple[str, str], bool] = {}  # whether an aggregator always has a value
        self._looks = 0

    def at_end(self, selector: Sequence[str], end_id: str) -> Type:
        """The type of an output of an End node.

        Args:
            selector: Node id, name, and keys within the value.
            end_id: Id of the End node.
        """
        found = self.type_of(selector)
        is_sure = not is_known(found) or self._is_there(selector, self._flow.certain(end_id), 0)
        return found if is_sure else or_none(found)

    def type_of(self, selector: Sequence[str], depth: int = 0) -> Type:
        """The type of a value if the node that produces it has run.

        Args:
            selector: As for `at_end`.
            depth: Number of iterations and aggregators around this call.
        """
        if len(selector) < 2:  # noqa: PLR2004  # a node and a name
            return Unknown("no value is chosen for it")
        source, name, *keys = selector
        if source == "sys" or name.startswith("sys."):
            found = _SYSTEM.get(name.removeprefix("sys."))
            missing = "it is a system variable that is not known here"
        elif source == "env":
            found = self._environment.get(name)
            missing = "the export does not name its environment variable"
        elif source not in self._nodes:
            return Unknown("the node that produces it is not in the export")
        else:
            node = self._nodes[source]
            found = self._of_node(node, depth).get(name)
            missing = _why_unknown(node)
        return Unknown(missing) if found is None else _within(found, keys)

    def _of_node(self, node: Node, depth: int) -> dict[str, Type]:
        """Types of the outputs of a node, by name."""
        if node.id not in self._given:
            self._given[node.id] = {}  # during the search, which may come back here
            self._given[node.id] = self._found_of(node, depth)
        return self._given[node.id]

    def _found_of(self, node: Node, depth: int) -> dict[str, Type]:
        if node.type == "start":
            found = {name: each.type_in_workflow for name, each in self._inputs.items()}
        elif node.type == "iteration":
            found = {"output": self._iterated(node, depth)}
        elif node.type == "list-operator":
            found = dict(_list_operator(node.data, self._listed(node, depth)))
        elif node.type == "document-extractor":
            found = {"text": self._extracted(node)}
        elif node.type in _AGGREGATORS and _groups(node.data) is None:
            found = {"output": self._aggregated(node, depth)}
        else:
            kind = _KINDS.get(node.type)
            found = dict(kind(node.data)) if kind else _FIXED.get(node.type, {})
        return {**_OF_ERRORS, **found} if node.handles_failure else found

    def _iterated(self, node: Node, depth: int) -> Type:
        """The list from an iteration: of the outputs of its last node, if their type is known."""
        selector = _selector(node.data.get("output_selector"))
        item = Unknown("") if depth > _MOST_NESTED else self.type_of(selector, depth + 1)
        if not is_known(item):
            return value_type(node.data.get("output_type"))
        may_lack = node.data.get("error_handle_mode") == "continue-on-error"
        producer = self._nodes.get(selector[0])
        if producer is not None and producer.parent == node.id:
            may_lack |= not self._is_there(selector, frozenset(), 0) and not (
                self._flow.always_runs(producer.id, node.id)
            )
        may_lack |= _may_be_none(item)
        whole = _without_none(item)
        if isinstance(whole, ListOf) and node.data.get("flatten_output") is not False:
            item = whole.item  # the server joins lists, unless each round gave None
        return ListOf(or_none(item) if may_lack else item)

    def _listed(self, node: Node, depth: int) -> Type:
        """The list from a list operator: the declared type, or else the type of its input."""
        said = value_type(node.data.get("var_type"))
        if is_known(said) or depth > _MOST_NESTED:
            return said
        return _without_none(self.type_of(_selector(node.data.get("variable")), depth + 1))

    def _extracted(self, node: Node) -> Type:
        """The output of a document extractor; it is an empty list if there is no file."""
        if node.data.get("is_array_file"):
            return ListOf(STR)
        selector = _selector(node.data.get("variable_selector"))
        is_sure = len(selector) < 2 or self._is_there(  # noqa: PLR2004  # a node and a name
            selector, self._flow.certain(node.id), 0
        )
        return STR if is_sure else one_of(STR, ListOf(STR))

    def _aggregated(self, node: Node, depth: int) -> Type:
        """The output of an aggregator: the declared type, or else the union of its values."""
        said = value_type(node.data.get("output_type"))
        chosen = list(_aggregated(node.data, "output"))
        if is_known(said) or not chosen or depth > _MOST_NESTED:
            return said
        return one_of(*(self.type_of(each, depth + 1) for each in chosen))

    def _is_there(self, selector: Sequence[str], known: frozenset[Fact], depth: int) -> bool:
        """Whether a value certainly exists and is not None."""
        source, name, *_ = selector
        node = self._nodes.get(source)
        if node is None or name.startswith("sys."):
            return name.removeprefix("sys.") != "timestamp"  # old servers do not have it
        if node.type == "start":
            return name in self._inputs and self._inputs[name].required
        if name in _OF_ERRORS and node.handles_failure:
            return (source, "failed") in known
        if (source, OK) not in known:
            return False
        if node.data.get("error_strategy") == "default-value":
            return name in _defaults(node)
        if node.type in _AGGREGATORS:
            return self._one_is_there(node, name, depth)
        return not _may_be_none(self.type_of(selector))

    def _one_is_there(self, node: Node, name: str, depth: int) -> bool:
        """Whether an aggregator always gets one of its values, on each path to it.

        This is so if each edge to it has a value, or each edge to a node that is on every path to
        it. If the search takes too long, the answer is False.
        """
        key = (node.id, name)
        if key not in self._filled and depth <= _MOST_NESTED:
            self._filled[key] = False  # during the search, which may come back here
            chosen = [each for each in _aggregated(node.data, name) if len(each) > 1]
            passed = {node.id, *(node_id for node_id, _ in self._flow.certain(node.id))}
            self._filled[key] = any(
                self._each_edge_brings_one(each, chosen, depth) for each in sorted(passed)
            )
        return self._filled.get(key, False)

    def _each_edge_brings_one(self, node_id: str, chosen: Sequence[list[str]], depth: int) -> bool:
        self._looks += 1
        if self._looks > _MOST_LOOKS:
            return False
        edges = self._flow.certain_by_edge(node_id)
        return bool(edges) and all(
            any(self._is_there(each, known, depth + 1) for each in chosen) for known in edges
        )


def _within(type: Type, keys: Sequence[str]) -> Type:  # noqa: A002  # there is no better word
    """The type of a part of a value."""
    for key in keys:
        if isinstance(type, OneOf):
            known = [_within(each, [key]) for each in type.types if each != NONE]
            type = or_none(one_of(*known)) if known else type  # noqa: A001
            continue
        if isinstance(type, Record):
            part = next((each for each in type.keys if each.name == key), None)
            if part is None:
                return Unknown("its schema does not have the key that the selector names")
            type = part.type if part.required else or_none(part.type)  # noqa: A001
        elif type == FILE and key in FILE_KEYS:
            type = FILE_KEYS[key]  # noqa: A001
        else:
            return Unknown("it is part of a value whose parts are not in the export")
    return type


def _may_be_none(type: Type) -> bool:  # noqa: A002  # there is no better word
    return isinstance(type, OneOf) and NONE in type.types


def _without_none(type: Type) -> Type:  # noqa: A002  # there is no better word
    if not isinstance(type, OneOf):
        return type
    return one_of(*(each for each in type.types if each != NONE))


def _why_unknown(node: Node) -> str:
    if node.type in {"tool", "agent"}:
        return "a plugin gives it, and the export does not say what"
    if node.type in {*_KINDS, *_FIXED, *_OF_OTHERS}:
        return "its node does not declare it"
    return "a node gives it whose outputs are not known here"


def _llm(data: Mapping[str, Any]) -> Iterator[tuple[str, Type]]:
    yield from {"text": STR, "reasoning_content": STR, "usage": OBJECT}.items()
    yield "finish_reason", or_none(STR)
    yield "files", or_none(ListOf(FILE))  # None if the model made no files
    structured = data.get("structured_output")
    if data.get("structured_output_enabled") and is_object(structured):
        yield "structured_output", type_of_schema(structured.get("schema"))


def _code(data: Mapping[str, Any]) -> Iterator[tuple[str, Type]]:
    outputs = data.get("outputs")
    for name, output in outputs.items() if is_object(outputs) else ():
        yield str(name), value_type(output.get("type") if is_object(output) else None)


def _groups(data: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """The groups of an aggregator; None if it has only one output."""
    settings = data.get("advanced_settings")
    if not is_object(settings) or not settings.get("group_enabled"):
        return None
    return _mappings(settings.get("groups"))


def _aggregator(data: Mapping[str, Any]) -> Iterator[tuple[str, Type]]:
    groups = _groups(data)
    if groups is None:
        yield "output", value_type(data.get("output_type"))
    for group in groups or ():
        output = Key("output", value_type(group.get("output_type")))
        yield str(group.get("group_name")), Record((output,))


def _aggregated(data: Mapping[str, Any], name: str) -> Iterator[list[str]]:
    """The selectors of an aggregator, which outputs the first value that exists."""
    groups = _groups(data)
    for each in [data] if groups is None else groups:
        if groups is None or each.get("group_name") == name:
            variables = each.get("variables")
            yield from map(_selector, variables if is_list(variables) else ())


def _extractor(data: Mapping[str, Any]) -> Iterator[tuple[str, Type]]:
    for parameter in _mappings(data.get("parameters")):
        kind = parameter.get("type")
        yield str(parameter.get("name")), STR if kind == "select" else value_type(kind)
    yield from {"__is_success": INT, "__reason": or_none(STR), "__usage": OBJECT}.items()


def _loop(data: Mapping[str, Any]) -> Iterator[tuple[str, Type]]:
    yield "loop_round", INT
    for variable in _mappings(data.get("loop_variables")):
        yield str(variable.get("label")), value_type(variable.get("var_type"))


def _list_operator(data: Mapping[str, Any], result: Type) -> Iterator[tuple[str, Type]]:
    item = value_type(data.get("item_var_type"))
    if not is_known(item) and isinstance(result, ListOf):
        item = result.item
    yield "result", result
    for name in ("first_record", "last_record"):
        yield name, or_none(item)


def _human_input(data: Mapping[str, Any]) -> Iterator[tuple[str, Type]]:
    for name in ("__action_id", "__action_value", "__rendered_content"):
        yield name, STR
    for field in _mappings(data.get("inputs")):
        yield str(field.get("output_variable_name")), _FORM_FIELDS.get(str(field.get("type")), STR)


def _tool(data: Mapping[str, Any]) -> Iterator[tuple[str, Type]]:
    schema = data.get("output_schema")
    declared = type_of_schema(schema) if is_object(schema) else None
    if isinstance(declared, Record):  # from the plugin at the time when the node was made
        yield from ((key.name, key.type) for key in declared.keys)
    yield from {"text": STR, **_FILES, "json": _ANYTHING}.items()


def _agent(data: Mapping[str, Any]) -> Iterator[tuple[str, Type]]:
    if any(data.get(f"agent_{word}") for word in ("binding", "declared_outputs", "node_kind")):
        yield from _second_agent(data)
    else:
        yield from _tool(data)
        yield "usage", OBJECT


def _second_agent(data: Mapping[str, Any]) -> Iterator[tuple[str, Type]]:
    for each in _mappings(data.get("agent_declared_outputs")) or _DECLARED_BY_DEFAULT:
        found = _declared(each, 0)
        yield str(each.get("name")), or_none(found) if each.get("required") is False else found


def _declared(output: Mapping[str, Any], depth: int) -> Type:
    """The type of an output that an agent (version 2) declares."""
    kind = output.get("type")
    if depth > _MOST_NESTED:
        return Unknown("it is nested too deeply")
    if kind == "array":
        item = output.get("array_item")
        return ListOf(_declared(item, depth + 1)) if is_object(item) else _ANYTHING
    children = _mappings(output.get("children"))
    if kind == "object" and children:
        return Record(
            tuple(
                Key(
                    str(each.get("name")),
                    _declared(each, depth + 1),
                    required=each.get("required") is not False,
                )
                for each in children
            )
        )
    return value_type(kind)


def _selector(value: object) -> list[str]:
    return list(map(str, value)) if is_list(value) else []


def _mappings(values: object) -> list[Mapping[str, Any]]:
    return [value for value in values if is_object(value)] if is_list(values) else []


def _defaults(node: Node) -> list[object]:
    """Names of the outputs that have defaults for a failure of the node."""
    return [each.get("key") for each in _mappings(node.data.get("default_value"))]


_OF_OTHERS = frozenset({"start", "iteration", "list-operator", "document-extractor"})
"""Kinds whose outputs depend on other nodes."""

_AGGREGATORS = frozenset({"variable-aggregator", "variable-assigner"})
"""The second name is used in old exports."""

_FIXED: dict[str, dict[str, Type]] = {
    "http-request": {"body": STR, "status_code": INT, "headers": OBJECT, **_FILES},
    "template-transform": {"output": STR},
    "knowledge-retrieval": {"result": ListOf(OBJECT)},
    "question-classifier": {
        **dict.fromkeys(("class_name", "class_id", "class_label"), STR),
        "usage": OBJECT,
    },
}
"""By kind of node: its outputs, if all nodes have the same (Dify's source, September 2026)."""

_KINDS: dict[str, Callable[[Mapping[str, Any]], Iterator[tuple[str, Type]]]] = {
    "llm": _llm,
    "code": _code,
    **dict.fromkeys(_AGGREGATORS, _aggregator),
    "parameter-extractor": _extractor,
    "loop": _loop,
    "human-input": _human_input,
    "tool": _tool,
    "agent": _agent,
    "agent-v2": _second_agent,
}
"""By kind of node: its outputs, which depend on its settings (from the same source)."""
