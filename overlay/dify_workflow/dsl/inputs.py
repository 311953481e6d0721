"""The inputs of an app, from its start node or GET /parameters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from .._json import is_list, is_object
from .schema import type_of_schema
from .text import DSLError
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
"""Type of an input inside the workflow, if it differs from the type for the API."""


@attrs.frozen
class AppInput:
    """An input of an app.

    Args:
        name: Name of the input.
        kind: Dify's name for its kind, such as ``"select"`` or ``"file-list"``.
        label: Name for people.
        required: Whether a run needs it.
        type: Type of its values.
        options: Choices of a select.
        max_length: Maximum number of characters of a text, or of files of a list; None for no
            limit.
        default: Value if a run gives none; None if there is no default.
        file_types: Kinds of file that are accepted; empty for any kind.
        hidden: Whether it is hidden from people.
        schema: JSON schema of an object; None if there is no schema.
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
        """Type of its value inside the workflow."""
        return _IN_WORKFLOW.get(self.kind, self.type)


def inputs_of_form(form: Iterable[Mapping[str, Any]]) -> tuple[AppInput, ...]:
    """Read the inputs from an app's input form.

    Example::

        form = [{"text-input": {"variable": "topic", "label": "Topic", "required": True}}]
        print([each.name for each in inputs_of_form(form)])

    Args:
        form: ``user_input_form`` of GET /parameters as plain JSON.

    Returns:
        The inputs in their order.

    Raises:
        DSLError: An input has no name.
    """
    return inputs_of_variables(
        {**field, "type": kind}  # servers may leave it out in the field
        for item in form
        for kind, field in item.items()
        if is_object(field)
    )


def inputs_of_variables(variables: Iterable[object]) -> tuple[AppInput, ...]:
    """Read the inputs that a start node declares; if several have the same name, the last one.

    Example::

        variables = [{"variable": "topic", "type": "text-input", "required": True}]
        print([each.name for each in inputs_of_variables(variables)])

    Args:
        variables: ``variables`` of the node.

    Returns:
        The inputs in their order.

    Raises:
        DSLError: An input has no name.
    """
    found = {each.name: each for each in map(_input, filter(is_object, variables))}
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
        schema=schema if is_object(schema) else None,
    )


def _type(kind: str, options: tuple[str, ...], schema: object) -> Type:
    if kind == "select":
        return Choice(options) if options else STR
    if kind == "json_object":
        return type_of_schema(schema) if is_object(schema) else OBJECT
    return _TAKEN.get(kind, Unknown("the app declares an input of a kind that is not known here"))


def _limit(kind: str, value: object) -> int | None:
    if kind not in {"text-input", "paragraph", "file-list"}:
        return None  # it may be set, but has no effect
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
