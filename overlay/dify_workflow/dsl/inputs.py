"""What an app takes, as its start node or GET /parameters says it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from .errors import DSLError
from .schema import is_list, is_mapping, type_of_schema
from .types import BOOL, FILE, INPUT_FILE, NUMBER, OBJECT, STR, Choice, ListOf, Type, Unknown

_TAKEN: dict[str, Type] = {
    "text-input": STR,
    "paragraph": STR,
    "external_data_tool": STR,
    "number": NUMBER,
    "checkbox": BOOL,
    "file": INPUT_FILE,
    "file-list": ListOf(INPUT_FILE),
}
_IN_WORKFLOW: dict[str, Type] = {"file": FILE, "file-list": ListOf(FILE), "select": STR}
"""What becomes of an input in the workflow, where that is not what is taken."""


@attrs.frozen
class AppInput:
    """An input of an app.

    Args:
        name: Name of the input.
        kind: Kind of the input in Dify's words, such as ``"select"`` or ``"file-list"``.
        label: Name for people.
        required: Whether a run needs it.
        type: Type of the values that it takes.
        options: Choices of a select.
        max_length: Most characters of a text, most files of a list; None where nothing bounds them.
        default: Value where a run gives none; None where there is none.
        file_types: Kinds of file that it takes; any where empty.
        hidden: Whether people are not asked for it.
        schema: JSON schema of an object; None where there is none.
    """

    name: str
    kind: str
    label: str
    required: bool
    type: Type
    options: tuple[str, ...] = ()
    max_length: int | None = None
    default: str | int | float | bool | None = None
    file_types: tuple[str, ...] = ()
    hidden: bool = False
    schema: Mapping[str, Any] | None = attrs.field(default=None, eq=False)

    @property
    def type_in_workflow(self) -> Type:
        """Type of the value that the nodes of the workflow see."""
        return _IN_WORKFLOW.get(self.kind, self.type)


def inputs_of_form(form: Iterable[Mapping[str, Any]]) -> tuple[AppInput, ...]:
    """The inputs that a form asks for.

    Args:
        form: ``user_input_form`` of GET /parameters as plain JSON.

    Raises:
        DSLError: An input has no name.
    """
    return inputs_of_variables(
        {**field, "type": kind}  # which servers may leave out in the field
        for item in form
        for kind, field in item.items()
        if is_mapping(field)
    )


def inputs_of_variables(variables: Iterable[object]) -> tuple[AppInput, ...]:
    """The inputs that a start node declares; of several with one name, the last one counts.

    Args:
        variables: ``variables`` of the node.

    Raises:
        DSLError: An input has no name.
    """
    found = {each.name: each for each in map(_input, filter(is_mapping, variables))}
    return tuple(found.values())


def _input(field: Mapping[str, Any]) -> AppInput:
    name = field.get("variable")
    if not isinstance(name, str) or not name:
        raise DSLError("An input of the app has no name.")
    kind = str(field.get("type"))
    options = _texts(field.get("options")) if kind == "select" else ()
    schema = field.get("json_schema")
    if isinstance(schema, str):
        schema = _json(schema)
    label = field.get("label")
    return AppInput(
        name=name,
        kind=kind,
        label=label if isinstance(label, str) and label else name,
        required=bool(field.get("required")),
        type=_type(kind, options, schema),
        options=options,
        max_length=_limit(kind, field.get("max_length")),
        default=_default(field.get("default")),
        file_types=_texts(field.get("allowed_file_types")) if "file" in kind else (),
        hidden=bool(field.get("hide")),
        schema=schema if is_mapping(schema) else None,
    )


def _type(kind: str, options: tuple[str, ...], schema: object) -> Type:
    if kind == "select":
        return Choice(options) if options else STR
    if kind == "json_object":
        return type_of_schema(schema) if is_mapping(schema) else OBJECT
    return _TAKEN.get(kind, Unknown("the app declares an input of a kind that is not known here"))


def _limit(kind: str, value: object) -> int | None:
    if kind not in {"text-input", "paragraph", "file-list"}:
        return None  # it is there, but bounds nothing
    if isinstance(value, str) and value.isdecimal():
        value = int(value[:9])
    return value if isinstance(value, int) and value > 0 else None


def _default(value: object) -> str | int | float | bool | None:
    if value is None or value == "":
        return None
    if isinstance(value, str | int | float):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return None


def _texts(values: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, values))) if is_list(values) else ()


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
