"""Runs: what is run, how it went or where it stands, and what it waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self

import attrs

from dify_workflow_api import models as wire

from .. import models
from .._json import JSON, JSONObject
from .._record import Columns, Record, columns, moment_of
from .._secret import ApiKey, wrap
from .._shapes import shaped
from ..errors import (
    OutputsMismatchError,
    WorkflowFailedError,
    WorkflowPausedError,
    WorkflowRunError,
    WorkflowStoppedError,
)
from ..outcomes import StopReason, stop_reason

DEFAULT_USER = "dify-workflow"
"""The `user` of a request for which nobody named one; Dify refuses requests without."""

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    OutputsT = TypeVar("OutputsT", default=JSONObject, covariant=True)  # noqa: PLC0105  # people see it
else:  # typing has defaults since Python 3.13, and nothing asks for them at run time
    from typing import TypeVar

    OutputsT = TypeVar("OutputsT", covariant=True)  # noqa: PLC0105  # likewise

ModelT = TypeVar("ModelT")


@attrs.frozen(init=False)
class WorkflowRunRequest:
    """What to run (POST /workflows/run).

    Args:
        inputs: Value by name of the input: any JSON, `WorkflowFile`, `UploadedFile`, lists of
            these, or `pathlib.Path` for a file that is uploaded first. The server ignores names
            that the app does not declare.
        api_key: Key of the app; by default the client's.
        user_id: Who the run is for, a name of your own of at most 255 characters; by default the
            client's. One of its own for each request makes a run whose answer was lost certain to
            tell (`DifyError.candidates`).
        files: Files for ``sys.files``, for apps whose "file upload" feature is on.
        workflow_id: Id (UUID) of the published version to run; by default the latest. Since Dify
            1.7.2.
        trace_id: Id under which the server's tracing files the run.
        trace_session_id: Id (1 to 200 characters) that joins several runs in the server's tracing.
            Since Dify 1.15.0; older servers ignore it.
    """

    inputs: Mapping[str, JSON]
    api_key: ApiKey | None
    user_id: str | None
    files: Sequence[models.WorkflowFile | Path] | None
    workflow_id: str | None
    trace_id: str | None
    trace_session_id: str | None

    if TYPE_CHECKING:

        def __attrs_init__(self, *fields: object) -> None: ...

    def __init__(
        self,
        inputs: Mapping[str, JSON],
        *,
        api_key: str | ApiKey | None = None,
        user_id: str | None = None,
        files: Sequence[models.WorkflowFile | Path] | None = None,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        trace_session_id: str | None = None,
    ) -> None:
        # Written by hand, so that no frame of a traceback holds the bare key.
        api_key = wrap(api_key)
        traces = trace_id, trace_session_id
        self.__attrs_init__(inputs, api_key, user_id, files, workflow_id, *traces)


@attrs.frozen(repr=False)
class HumanInputForm(Record):
    """A form at which a run waits (GET /form/human_input/{form_token}, and paused runs).

    Args:
        token: Token to read and submit the form with; None where this key cannot.
        content: Text of the form (Markdown). Rendered, but for the places of its fields; in the
            replay of a paused run it is the raw template.
        inputs: Fields of the form.
        actions: Ways to send the form off.
        default_values: Default value by name of the field.
        expires_at: When the form expires (Unix seconds); None where the server does not say.
        id: Id of the form (UUID), the key to tell forms apart; None where read by its token.
        node_id: Id of the node that waits; None where read by its token.
        node_title: Title of the node that waits; None where read by its token.
        approval_channels: Other places where the form can be answered, such as ``"console"``.
        raw: The form as it was decoded.
    """

    token: str | None
    content: str
    inputs: tuple[wire.HumanInputField, ...]
    actions: tuple[wire.HumanInputAction, ...]
    default_values: JSONObject
    expires_at: int | None
    id: str | None = None
    node_id: str | None = None
    node_title: str | None = None
    approval_channels: tuple[str, ...] = ()
    raw: JSONObject = attrs.field(repr=False, factory=dict[str, JSON])

    @property
    def expires_time(self) -> datetime | None:
        """`expires_at` as a datetime in UTC."""
        return moment_of(self.expires_at)


@attrs.frozen(repr=False)
class WorkflowPause(Record):
    """What a paused run waits for.

    Args:
        nodes: Ids of the nodes that wait.
        forms: The forms, each at one of the nodes. Empty where the answer does not show them: in
            run detail, and in blocking mode on Dify 1.13.
    """

    nodes: tuple[str, ...] = ()
    forms: tuple[models.HumanInputForm, ...] = ()


@attrs.frozen(repr=False)
class WorkflowStopResponse(Record):
    """The server's answer to a stop (POST /workflows/tasks/{task_id}/stop).

    Args:
        result: Always ``"success"``, also where there was nothing to stop.
    """

    result: str


def _no_outputs() -> Any:
    return {}


@attrs.frozen(repr=False)
class WorkflowRunResponse(Record, Generic[OutputsT]):
    """A run: how it ended, or where it stands.

    Which fields an answer carries depends on the call: streams and the blocking mode know the task,
    streams and run detail (`info`) the inputs. What an answer does not carry is None.

    The type of the outputs is ``dict[str, Any]``, or that of a module which ``dify-workflow types``
    wrote for the app. Read them behind `raise_for_status`: a run that failed, was stopped or is
    paused has none.

    Args:
        id: Id of the run (UUID).
        status: State of the run: ``"running"``, ``"succeeded"``, ``"partial-succeeded"`` (nodes
            failed and were handled), ``"failed"``, ``"stopped"`` or ``"paused"``.
        message: The error text; None where there is none.
        task_id: Id of the task, with which the run is stopped.
        workflow_id: Id (UUID) of the published version that ran.
        inputs: Value by name of the input, with the server's own ``sys.*``.
        outputs: Value by name of the output; empty where the run has none.
        elapsed_time: Duration in seconds; of a run that waited for people, since it last went on.
        total_tokens: Tokens that model calls used.
        total_steps: Nodes that ran.
        exceptions_count: Nodes that failed, retries included.
        created_at: Start (Unix seconds).
        finished_at: End (Unix seconds).
        paused: What the run waits for, where it is paused.
        raw: The answer, or the final event, as it was decoded.
        usage: Tokens and price of the run and of its nodes, as far as its events tell.
    """

    id: str
    status: wire.RunStatus
    message: str | None = None
    task_id: str | None = None
    workflow_id: str | None = None
    inputs: JSONObject | None = None
    outputs: OutputsT = attrs.field(factory=_no_outputs)
    elapsed_time: float | None = None
    total_tokens: int | None = None
    total_steps: int | None = None
    exceptions_count: int | None = None
    created_at: int | None = None
    finished_at: int | None = None
    paused: models.WorkflowPause | None = None
    raw: JSONObject = attrs.field(factory=dict[str, JSON], repr=False)
    usage: models.RunUsage = attrs.field(
        default=attrs.Factory(lambda run: models.RunUsage(run.total_tokens), takes_self=True)
    )

    __dataclass_fields__: ClassVar[Columns] = columns(
        "id",
        "status",
        "error",
        "created_time",
        "finished_time",
        "elapsed_time",
        "total_tokens",
        "total_steps",
        "outputs",
    )

    @property
    def error(self) -> str | None:
        """The error text, as `message`."""
        return self.message

    @property
    def created_time(self) -> datetime | None:
        """`created_at` as a datetime in UTC."""
        return moment_of(self.created_at)

    @property
    def finished_time(self) -> datetime | None:
        """`finished_at` as a datetime in UTC."""
        return moment_of(self.finished_at)

    @property
    def stop_reason(self) -> StopReason | None:
        """Why the run was stopped; None where it was not.

        ``"requested"``: somebody asked for it, this client or another one. ``"shutdown"``: the
        server's worker was shut down, as each deploy of Dify does; the run did nothing wrong.
        ``"limit"``: a limit of the server (steps, time, the wait for people). Else ``"unknown"``.
        """
        return stop_reason(str(self.status), self.message)

    def raise_for_status(self) -> Self:
        """Return this run unless it failed, was stopped or is paused.

        A run that is still going on, or succeeded in part (``"partial-succeeded"``), is returned.

        Raises:
            WorkflowFailedError: The run failed.
            WorkflowStoppedError: The run was stopped.
            WorkflowPausedError: The run waits for people.
        """
        error = _ERRORS.get(str(self.status))
        if error is not None:
            cls, what = error
            reason = f": {self.message}" if self.message else "."
            if self.stop_reason == "shutdown":
                reason += " Nobody asked for it: a worker of the server was shut down."
            raise cls(f"The run {self.id} {what}{reason}", result=self)
        return self

    def outputs_as(self, model: type[ModelT]) -> ModelT:
        """The outputs as a model of your own, after a check of names and types.

        Args:
            model: A TypedDict (the outputs are returned as they are), a dataclass, an attrs class
                or a pydantic model. Outputs that it does not name are left out; what it names has
                to be there, unless it has a default.

        Raises:
            OutputsMismatchError: The outputs do not fit; it lists every place.
            WorkflowRunError: The run failed, was stopped or is paused, so that it has no outputs.
            TypeError: It is no such model.
        """
        outputs: Any = self.raise_for_status().outputs
        made, problems = shaped(model, outputs)
        if problems or made is None:
            name = getattr(model, "__name__", model)  # a union has none
            raise OutputsMismatchError(
                f"The outputs of the run {self.id} ({self.status}) do not fit {name}: "
                f"{'; '.join(problems)}.",
                problems=tuple(problems),
                run_id=self.id,
            )
        return made


_ERRORS: dict[str, tuple[type[WorkflowRunError], str]] = {
    "failed": (WorkflowFailedError, "failed"),
    "stopped": (WorkflowStoppedError, "was stopped"),
    "paused": (WorkflowPausedError, "waits for human input"),
}
