"""Workflows of the emulator: Python generators with the inputs they take."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, uuid5

import attrs

from .._json import JSON, JSONObject
from .steps import Step

Body: TypeAlias = Callable[[JSONObject], Generator[Step, Any, Any] | AsyncGenerator[Step, Any]]
"""Takes the inputs, yields steps, and returns the outputs."""

_UPLOAD_METHODS = ["local_file", "remote_url"]


@attrs.frozen
class Input:
    """An input of a workflow, as GET /parameters shows it.

    Args:
        name: Name of the input.
        type: Kind of the input: ``text-input``, ``paragraph``, ``number``, ``select``,
            ``checkbox``, ``file``, ``file-list`` or ``json_object``.
        label: Label for people; by default the name.
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
        previous: Versions that were published before, oldest first; they run by their id.
        published: Whether it is published; an app that is not cannot be run.
        api_enabled: Whether the app's API is switched on.
        mode: Kind of the app; another than ``"workflow"`` refuses to be run.
        max_active_requests: Most runs at the same time; None for any number.
        transcript: What speech is transcribed to; None where the app does not listen.
        voice: Audio (MP3) that texts are spoken with; None where the app does not speak.
    """

    name: str
    body: Body
    inputs: tuple[Input, ...] = ()
    description: str = ""
    previous: tuple[Workflow, ...] = ()
    published: bool = True
    api_enabled: bool = True
    mode: str = "workflow"
    max_active_requests: int | None = None
    transcript: str | None = None
    voice: bytes | None = None

    @property
    def key(self) -> str:
        """Key of the app."""
        return f"app-{self.name}"

    @property
    def id(self) -> str:
        """Id of the published version (UUID), the same for the same name and number."""
        return str(uuid5(NAMESPACE_URL, f"workflow:{self.name}:{len(self.previous)}"))

    @property
    def draft_id(self) -> str:
        """Id of the version that is being worked on (UUID), which cannot be run."""
        return str(uuid5(NAMESPACE_URL, f"draft:{self.name}"))

    @property
    def app_id(self) -> str:
        """Id of the app (UUID), the same for the same name."""
        return str(uuid5(NAMESPACE_URL, f"app:{self.name}"))

    @property
    def version(self) -> str:
        """Name of the published version: when it was published."""
        return f"2026-01-{len(self.previous) + 1:02} 10:11:28.641946"

    def versions(self) -> dict[str, Workflow]:
        """The published versions by id."""
        earlier = {
            attrs.evolve(old, name=self.name, previous=self.previous[:number]).id: old
            for number, old in enumerate(self.previous)
        }
        return {**earlier, self.id: self}

    def id_of(self, version: Workflow) -> str:
        """Id of one of its published versions."""
        return next(name for name, each in self.versions().items() if each is version)

    def form(self) -> list[JSONObject]:
        """``user_input_form`` of GET /parameters."""
        return [item.to_wire() for item in self.inputs]

    def taken(self, inputs: JSONObject) -> JSONObject:
        """The inputs as the workflow gets them: those it declares, as the server converts them."""
        return {item.name: _converted(item, inputs.get(item.name)) for item in self.inputs}


def workflow(
    *inputs: Input,
    name: str | None = None,
    description: str = "",
    previous: Sequence[Workflow] = (),
    published: bool = True,
    api_enabled: bool = True,
    mode: str = "workflow",
    max_active_requests: int | None = None,
    transcript: str | None = None,
    voice: bytes | None = None,
) -> Callable[[Body], Workflow]:
    """Make a workflow of a generator function.

    The function takes the inputs as a dict, yields steps, and returns the outputs as a dict (an
    async generator yields `Outputs`).

    Args:
        inputs: Inputs that it takes.
        name: Name of the app; by default the function's.
        description: Description of the app; by default the function's docstring.
        previous: Versions that were published before, oldest first.
        published: Whether it is published.
        api_enabled: Whether the app's API is switched on.
        mode: Kind of the app, such as ``"advanced-chat"``.
        max_active_requests: Most runs at the same time; None for any number.
        transcript: What speech is transcribed to; None where the app does not listen.
        voice: Audio (MP3) that texts are spoken with; None where the app does not speak.

    Raises:
        TypeError: The function is no generator function.
    """

    def make(body: Body) -> Workflow:
        if not (inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body)):
            raise TypeError(f"{body!r} is no generator function: a workflow yields its steps")
        return Workflow(
            name or body.__name__,
            body,
            inputs,
            description or (body.__doc__ or "").strip(),
            previous=tuple(previous),
            published=published,
            api_enabled=api_enabled,
            mode=mode,
            max_active_requests=max_active_requests,
            transcript=transcript,
            voice=voice,
        )

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
