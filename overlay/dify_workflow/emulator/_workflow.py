"""Workflows of the emulator: Python generators with the inputs they take."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, uuid5

import attrs

from .._json import JSON, JSONObject
from ._steps import Step

Body: TypeAlias = Callable[
    [JSONObject], Generator[Step, None, JSONObject | None] | AsyncGenerator[Step, None]
]
"""Takes the inputs, yields steps, and returns the outputs."""

_UPLOAD_METHODS = ["local_file", "remote_url"]


@attrs.frozen
class Input:
    """An input of a workflow, as GET /parameters shows it.

    Args:
        name: Name of the input.
        type: Kind of the input: ``text-input``, ``paragraph``, ``number``, ``select``,
            ``checkbox``, ``file``, ``file-list`` or ``json_object``.
        label: Name for people; by default the name.
        required: Whether a run needs it.
        max_length: Most characters of a text, most files of a list.
        options: Choices of a select.
        default: Value where a run gives none.
        file_types: Kinds of file that it takes.
    """

    name: str
    type: str = "text-input"
    label: str | None = None
    required: bool = True
    max_length: int = 48
    options: Sequence[str] = ()
    default: JSON = None
    file_types: Sequence[str] = ("document", "image")

    def to_wire(self) -> JSONObject:
        """The input under the key that names its kind."""
        field: JSONObject = {
            "variable": self.name,
            "label": self.label or self.name,
            "type": self.type,
            "required": self.required,
            "max_length": self.max_length,
            "options": list(self.options),
        }
        if self.default is not None:
            field["default"] = self.default
        if self.type.startswith("file"):
            field["allowed_file_types"] = list(self.file_types)
            field["allowed_file_extensions"] = []
            field["allowed_file_upload_methods"] = _UPLOAD_METHODS
        return {self.type: field}


@attrs.frozen
class Workflow:
    """A workflow that the emulator serves as an app of its own; made with `workflow`.

    Args:
        name: Name of the app; its key is ``app-<name>``.
        body: The generator function.
        inputs: Inputs that it takes.
        description: Description of the app.
    """

    name: str
    body: Body
    inputs: tuple[Input, ...] = ()
    description: str = ""

    @property
    def key(self) -> str:
        """Key of the app."""
        return f"app-{self.name}"

    @property
    def id(self) -> str:
        """Id of the published version (UUID), the same for the same name."""
        return str(uuid5(NAMESPACE_URL, f"workflow:{self.name}"))

    @property
    def app_id(self) -> str:
        """Id of the app (UUID), the same for the same name."""
        return str(uuid5(NAMESPACE_URL, f"app:{self.name}"))

    def form(self) -> list[JSONObject]:
        """``user_input_form`` of GET /parameters."""
        return [item.to_wire() for item in self.inputs]

    def taken(self, inputs: JSONObject) -> JSONObject:
        """The inputs as the workflow gets them: those it declares, as the server converts them."""
        return {item.name: _converted(item, inputs.get(item.name)) for item in self.inputs}


def workflow(
    *inputs: Input, name: str | None = None, description: str = ""
) -> Callable[[Body], Workflow]:
    """Make a workflow of a generator function.

    The function takes the inputs as a dict, yields steps, and returns the outputs as a dict (an
    async generator yields `Outputs`).

    Args:
        inputs: Inputs that it takes.
        name: Name of the app; by default the function's.
        description: Description of the app; by default the function's docstring.

    Raises:
        TypeError: The function is no generator function.
    """

    def make(body: Body) -> Workflow:
        if not (inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body)):
            raise TypeError(f"{body!r} is no generator function: a workflow yields its steps")
        made_name = name or body.__name__
        return Workflow(made_name, body, inputs, description or (body.__doc__ or "").strip())

    return make


def _converted(field: Input, value: Any) -> JSON:
    """The value as the server hands it to the workflow (DIFY.md section 3)."""
    if value is None:
        value = field.default
    if field.type == "number" and isinstance(value, str):
        if not value.strip():
            return None
        return float(value) if "." in value else int(value)
    return value.replace("\0", "") if isinstance(value, str) else value
