"""Workflows of the emulator: their inputs, and what they do step by step."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, uuid5

import attrs

from .._json import JSON, JSONObject


@attrs.frozen
class BeginNode:
    """A node starts.

    Args:
        id: Id of the node in the workflow.
        type: Kind of the node, such as ``"llm"``, ``"code"`` or ``"http-request"``.
        title: Title of the node; by default its id.
        inputs: Inputs of the node, which its last event shows.
    """

    id: str
    type: str = "code"
    title: str | None = None
    inputs: JSONObject = attrs.field(factory=dict[str, JSON])


@attrs.frozen
class EndNode:
    """The node with this id that started last has ended.

    Args:
        id: Id of the node in the workflow.
        outputs: Outputs of the node.
        status: How it ended: ``"succeeded"``, ``"failed"`` or ``"exception"`` (it failed, and the
            workflow continues).
        error: Error text.
        metadata: What it cost: ``total_tokens``, ``total_price``, ``currency``.
        process_data: What the node did, such as the request that it sent.
    """

    id: str
    outputs: JSONObject = attrs.field(factory=dict[str, JSON])
    status: str = "succeeded"
    error: str | None = None
    metadata: JSONObject | None = None
    process_data: JSONObject = attrs.field(factory=dict[str, JSON])


@attrs.frozen
class RetryNode:
    """The node with this id that started last has failed and is retried.

    Args:
        id: Id of the node in the workflow.
        error: Error text.
        process_data: What the node did, such as the request that it sent.
        outputs: Its outputs in spite of the failure, such as the answer that it received.
    """

    id: str
    error: str
    process_data: JSONObject = attrs.field(factory=dict[str, JSON])
    outputs: JSONObject = attrs.field(factory=dict[str, JSON])


@attrs.frozen
class Text:
    """A piece of an output is streamed as text.

    Args:
        text: The piece.
        selector: Id of the node and name of the variable that it comes from.
        of_model: Whether a model wrote it: servers before 1.9 stream no other text.
    """

    text: str
    selector: Sequence[str] = ("end", "answer")
    of_model: bool = False


@attrs.frozen
class Sleep:
    """Time passes.

    Args:
        seconds: How long.
    """

    seconds: float


@attrs.frozen
class Outputs:
    """The outputs of a workflow, for async generators, which cannot return them.

    Args:
        values: Value by name of the output.
    """

    values: JSON


@attrs.frozen
class Emit:
    """An event of the server that no other step makes, such as ``agent_log``.

    Args:
        event: Name of the event.
        data: Its payload.
        top_level: Whether the payload is beside ``event``, not under ``data``.
    """

    event: str
    data: JSONObject
    top_level: bool = False


@attrs.frozen
class Iteration:
    """The same steps for each of several items. Yielding it gives the list of their results.

    Args:
        id: Id of the node in the workflow.
        items: The items.
        each: Takes an item and its index, yields steps, returns the item's result.
        title: Title of the node; by default its id.
        parallel: Whether all items run in parallel.
        on_error: The effect of a failed item: ``"terminated"`` fails the iteration,
            ``"continue-on-error"`` gives None, ``"remove-abnormal-output"`` leaves it out.
    """

    id: str
    items: Sequence[JSON]
    each: Callable[[Any, int], Steps]
    title: str | None = None
    parallel: bool = False
    on_error: str = "terminated"


@attrs.frozen
class Loop:
    """The same steps in several rounds. Yielding it gives the loop's variables.

    Args:
        id: Id of the node in the workflow.
        each: Takes the index of the round and the variables, yields steps, returns the variables
            for the next round, or None to leave the loop.
        rounds: The largest number of rounds.
        variables: The initial variables.
        title: Title of the node; by default its id.
        until: Takes the variables after a round, and returns whether the loop ends.
    """

    id: str
    each: Callable[[int, JSONObject], Steps]
    rounds: int = 10
    variables: JSONObject = attrs.field(factory=dict[str, JSON])
    title: str | None = None
    until: Callable[[JSONObject], bool] | None = None


@attrs.frozen
class Parallel:
    """Branches that run in parallel. Yielding it gives the list of their results.

    Args:
        branches: The steps of each branch.
    """

    branches: Sequence[Steps]


@attrs.frozen
class FormInput:
    """A field of a form.

    Args:
        name: Name of the field.
        type: ``"paragraph"``, ``"select"``, ``"file"`` or ``"file-list"``.
        default: Its initial text; ``"{{#node.variable#}}"`` for a value.
        options: Choices of a select.
    """

    name: str
    type: str = "paragraph"
    default: str = ""
    options: Sequence[str] = ()


@attrs.frozen
class FormAction:
    """A button of a form.

    Args:
        id: Id of the action.
        title: Text of the button.
        style: ``"primary"``, ``"default"``, ``"accent"`` or ``"ghost"``.
    """

    id: str
    title: str
    style: str = "default"


@attrs.frozen
class FormAnswer:
    """A person's answer to a form.

    Args:
        action: Id of the action; ``"__timeout"`` if nobody answered in time.
        inputs: Value by field.
    """

    action: str
    inputs: JSONObject

    @property
    def timed_out(self) -> bool:
        """Whether nobody answered in time."""
        return self.action == TIMEOUT


TIMEOUT = "__timeout"
"""The branch of a human-input node that nobody answered."""


@attrs.frozen
class HumanInput:
    """A node that waits for a person. Yielding it gives the `FormAnswer`.

    Args:
        id: Id of the node in the workflow.
        content: The text for the person (Markdown). ``{{#$output.name#}}`` is the place of the
            field ``name``, ``{{#node.variable#}}`` the place of a value.
        inputs: Fields of the form.
        actions: Buttons of the form.
        values: Value by ``node.variable``, for the values in the content.
        title: Title of the node; by default its id.
        timeout: Seconds until the form expires and the workflow continues with that branch.
        run_timeout: Seconds until the server stops the whole run.
    """

    id: str
    content: str
    inputs: Sequence[FormInput] = ()
    actions: Sequence[FormAction] = (FormAction("submit", "Submit", "primary"),)
    values: Mapping[str, str] = attrs.field(factory=dict[str, str])
    title: str | None = None
    timeout: float = 86_400.0
    run_timeout: float = 604_800.0


Step: TypeAlias = (
    BeginNode
    | EndNode
    | RetryNode
    | Text
    | Sleep
    | Outputs
    | Emit
    | Iteration
    | Loop
    | Parallel
    | HumanInput
    | Generator[Any, Any, Any]
)
"""One step. A generator of steps is a step too: ``yield node("a")`` has the same effect as
``yield from node("a")``, and works in async generators too."""

Steps: TypeAlias = Generator[Step, Any, Any] | AsyncGenerator[Step, Any]
"""Steps in order. A generator receives the result of each step, and returns the result of all."""


class NodeError(Exception):
    """Raised in a workflow: the run fails with this text."""


class StartError(Exception):
    """Raised in a workflow before its first step: the workflow cannot start.

    For example, a model's provider is missing. Servers from 1.13 on answer with 400 or an ``error``
    event. In older ones the run fails.
    """


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
        required: Whether it is required.
        max_length: Largest number of characters of a text, or of files in a list.
        options: Choices of a select.
        default: Value if a run has none.
        file_types: Types of file that it accepts.
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
        """Return the input, under its type as the key.

        Returns:
            The input as plain JSON.

        Example::

            field = Input("topic", label="Topic", max_length=80).to_wire()
            assert field["text-input"]["max_length"] == 80
        """
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
    """A workflow that the emulator serves as an app. Make it with `workflow`.

    Args:
        name: Name of the app; its key is ``app-<name>``.
        body: The generator function.
        inputs: Its inputs.
        description: Description of the app.
        previous: Versions published earlier, oldest first; they run by their id.
        published: Whether it is published; an unpublished app cannot be run.
        api_enabled: Whether the app's API is switched on.
        mode: Kind of the app; any other than ``"workflow"`` refuses runs.
        max_active_requests: Largest number of runs at the same time; None for any number.
        transcript: Transcript of any speech; None if the app takes no speech.
        voice: Audio (MP3) for any text; None if the app has no speech.
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
        """Id of the draft (UUID), which cannot be run."""
        return str(uuid5(NAMESPACE_URL, f"draft:{self.name}"))

    @property
    def app_id(self) -> str:
        """Id of the app (UUID), the same for the same name."""
        return str(uuid5(NAMESPACE_URL, f"app:{self.name}"))

    @property
    def version(self) -> str:
        """Name of the published version: the time of its publication."""
        return f"2026-01-{len(self.previous) + 1:02} 10:11:28.641946"

    def versions(self) -> dict[str, Workflow]:
        """Return the published versions by id.

        Returns:
            The versions, oldest first.

        Example::

            for version_id, version in greet.versions().items():
                print(version_id, version.name)
        """
        earlier = {
            attrs.evolve(old, name=self.name, previous=self.previous[:number]).id: old
            for number, old in enumerate(self.previous)
        }
        return {**earlier, self.id: self}

    def id_of(self, version: Workflow) -> str:
        """Return the id of one of its published versions.

        Returns:
            The id (UUID).

        Example::

            emulator.serve(greet)
            with emulator.client() as client:
                client.run_workflow({"name": "Ann"}, workflow_id=greet.id_of(greet))
        """
        return next(name for name, each in self.versions().items() if each is version)

    def form(self) -> list[JSONObject]:
        """Return ``user_input_form`` of GET /parameters.

        Returns:
            The inputs as plain JSON, in their order.

        Example::

            for field in greet.form():
                print(field["text-input"]["variable"])
        """
        return [item.to_wire() for item in self.inputs]


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
    """Make a workflow from a generator function.

    The function takes the inputs as a dict, yields steps, and returns the outputs as a dict (an
    async generator yields `Outputs`). Name and description are by default the function's own name
    and docstring; for the other arguments, see `Workflow`.

    Returns:
        A decorator that makes the `Workflow`.

    Raises:
        TypeError: It is not a generator function.

    Example::

        @workflow(Input("name"))
        def hello(inputs):
            yield from node("think", seconds=0.1)
            return {"greeting": f"Hello {inputs['name']}"}
    """

    def make(body: Body) -> Workflow:
        if not (inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body)):
            raise TypeError(f"{body!r} is not a generator function: a workflow yields its steps")
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
