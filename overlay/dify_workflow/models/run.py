"""Runs: the request, the result, what it used, and the forms that a paused run waits for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self

import attrs

from dify_workflow_api import models as wire

from .. import models
from .._json import JSON, JSONObject, is_object
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
"""The `user` of requests if none was given. Dify refuses requests without a user."""

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    OutputsT = TypeVar("OutputsT", default=JSONObject, covariant=True)  # noqa: PLC0105  # users see it
else:  # typing has defaults only since Python 3.13, and they are not needed at run time
    from typing import TypeVar

    OutputsT = TypeVar("OutputsT", covariant=True)  # noqa: PLC0105  # as above

ModelT = TypeVar("ModelT")


@attrs.frozen(init=False)
class WorkflowRunRequest:
    """What to run (POST /workflows/run).

    Args:
        inputs: The inputs by name. A value is any JSON, a `WorkflowFile`, an `UploadedFile`, a list
            of these, or a `pathlib.Path` of a file, which is uploaded first. The server ignores
            names that the app does not declare.
        api_key: Key of the app; by default the client's.
        user_id: Who the run is for: any name of 1 to 255 characters; by default the client's. It is
            the same as the keyword `user` of `run_workflow`. With a different user for each
            request, `DifyError.candidates` identifies a run whose answer was lost.
        files: Files for ``sys.files``. The app's feature "file upload" must be on.
        workflow_id: Id (UUID) of the published version to run; by default the latest. Needs Dify
            1.7.2 or newer.
        trace_id: Id of the run in the server's tracing.
        trace_session_id: Id (1 to 200 characters) that groups several runs in the server's tracing.
            Needs Dify 1.15.0 or newer; older servers ignore it.

    Example::

        request = WorkflowRunRequest({"name": "Ann"}, user_id="ann@example.com")
        run = workflow.run_workflow(request)
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
        # Not made by attrs, so that no frame of a traceback contains the plain key.
        api_key = wrap(api_key)
        traces = trace_id, trace_session_id
        self.__attrs_init__(inputs, api_key, user_id, files, workflow_id, *traces)


@attrs.frozen(repr=False)
class HumanInputForm(Record):
    """A form that a run waits for (GET /form/human_input/{form_token}, and paused runs).

    Args:
        token: Token to read and submit the form; None if this API key cannot.
        content: Text of the form (Markdown). The server has filled in all values except the fields
            of the form. In the replay of a paused run it is the template, with no values filled in.
        inputs: Fields of the form.
        actions: The buttons that submit the form.
        default_values: Default values by name of the field.
        expires_at: When the form expires (Unix seconds); None if the server does not say.
        id: Id of the form (UUID), which is different for each form; None if the form was read with
            its token.
        node_id: Id of the node that waits; None if the form was read with its token.
        node_title: Title of the node that waits; None if the form was read with its token.
        approval_channels: Other places where the form can be answered, such as ``"console"``.
        raw: The decoded form.
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
        forms: The forms of these nodes. Empty if the answer does not have them: in run detail
            (`info`), and in blocking mode on Dify 1.13.
    """

    nodes: tuple[str, ...] = ()
    forms: tuple[models.HumanInputForm, ...] = ()


@attrs.frozen(repr=False)
class WorkflowStopResponse(Record):
    """The server's answer to a stop (POST /workflows/tasks/{task_id}/stop).

    Args:
        result: Always ``"success"``, even if there was nothing to stop.
    """

    result: str


@attrs.frozen(repr=False)
class NodeUsage(Record):
    """What one execution of a node used. In an iteration or loop a node is executed several times.

    Args:
        node_id: Id of the node.
        node_title: Title of the node.
        total_tokens: Tokens used by its model calls; None if it made none.
        price: Price of these tokens, in `currency`; None if the server does not say.
        currency: Currency of the price, such as ``"USD"``.
        inside: Id of the iteration or loop that contains the node; None if there is none.
    """

    node_id: str
    node_title: str | None = None
    total_tokens: int | None = None
    price: Decimal | None = None
    currency: str | None = None
    inside: str | None = None

    __dataclass_fields__: ClassVar[Columns] = columns(
        "node_id", "node_title", "total_tokens", "price", "currency", "inside"
    )


@attrs.frozen(repr=False)
class RunUsage(Record):
    """What a run used.

    Args:
        total_tokens: Tokens of the run, as the server counts them; None if it does not say.
        prices: Price of the run, by currency. None if some events were missed, so that the tokens
            of `nodes` do not add up to `total_tokens`.
        nodes: What each node used, in the order in which they ended. Empty for a blocking call and
            for run detail (`info`), which have no events.

    Example::

        run = workflow.run_workflow({"name": "Ann"})
        for node in run.usage.nodes:
            print(node.node_title, node.total_tokens, node.price, node.currency)
    """

    total_tokens: int | None = None
    prices: Mapping[str, Decimal] | None = None
    nodes: tuple[NodeUsage, ...] = ()


def _no_outputs() -> Any:
    return {}


@attrs.frozen(repr=False)
class WorkflowRunResponse(Record, Generic[OutputsT]):
    """A run: its status, its outputs and its figures.

    Not every call knows every field: only streams and the blocking mode know `task_id`, only
    streams and run detail (`info`) know `inputs`. A field that is not known is None.

    The type of `outputs` is ``dict[str, Any]``, or the type in a module that ``dify-workflow
    types`` wrote for the app. Call `raise_for_status` before you read them: a run that failed, was
    stopped or is paused has no outputs.

    Args:
        id: Id of the run (UUID).
        status: Status of the run: ``"running"``, ``"succeeded"``, ``"partial-succeeded"`` (nodes
            failed, and the workflow handled that), ``"failed"``, ``"stopped"`` or ``"paused"``.
        message: The error text; None if there is none.
        task_id: Id of the task. You need it to stop the run.
        workflow_id: Id (UUID) of the published version that ran.
        inputs: The inputs by name, including the server's own ``sys.*``.
        outputs: The outputs by name; empty if the run has none.
        elapsed_time: Duration in seconds. If the run waited for human input, only the time since
            it last continued.
        total_tokens: Tokens used by model calls.
        total_steps: How many nodes ran.
        exceptions_count: How many nodes failed, including retries.
        created_at: Start (Unix seconds).
        finished_at: End (Unix seconds).
        paused: What the run waits for; None if it is not paused.
        raw: The decoded answer or final event.
        usage: Tokens and price of the run and of its nodes, if its events have them.

    Example::

        run = workflow.run_workflow({"name": "Ann"}).raise_for_status()
        print(run.outputs, run.elapsed_time)
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
        """The error text; the same as `message`."""
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
        """Why the run was stopped; None if it was not stopped.

        Returns:
            ``"requested"``: this or another client, or the console, asked for it. ``"shutdown"``:
            the server's worker was shut down, which happens with each deploy of Dify; the run did
            nothing wrong. ``"limit"``: the run reached a limit of the server (steps, time, the wait
            for human input). ``"unknown"``: another reason.
        """
        return stop_reason(str(self.status), self.message)

    def raise_for_status(self) -> Self:
        """Raise an exception if the run failed, was stopped or is paused.

        Returns:
            This run. Runs with the status ``"running"`` or ``"partial-succeeded"`` are returned
            too.

        Raises:
            WorkflowFailedError: The run failed.
            WorkflowStoppedError: The run was stopped.
            WorkflowPausedError: The run waits for human input.

        Example::

            run = workflow.run_workflow({"name": "Ann"})
            try:
                print(run.raise_for_status().outputs)
            except WorkflowRunError as error:
                print(error.result.status, error)
        """
        error = _ERRORS.get(str(self.status))
        if error is not None:
            cls, what = error
            reason = f": {self.message}" if self.message else "."
            if self.stop_reason == "shutdown":
                reason += " Nobody requested it: a worker of the server was shut down."
            raise cls(f"The run {self.id} {what}{reason}", result=self)
        return self

    def outputs_as(self, model: type[ModelT]) -> ModelT:
        """The outputs as a model class of yours, after a check of names and types.

        Args:
            model: A TypedDict, a dataclass, an attrs class or a pydantic model. Every field without
                a default must be in the outputs. Outputs without a field are left out.

        Returns:
            An instance of the model; for a TypedDict, the outputs as they are.

        Raises:
            OutputsMismatchError: The outputs do not fit. The error lists every mismatch.
            WorkflowRunError: The run failed, was stopped or is paused, so it has no outputs.
            TypeError: The model is a class of another kind.

        Example::

            class Greeting(TypedDict):
                greeting: str

            run = workflow.run_workflow({"name": "Ann"})
            print(run.outputs_as(Greeting)["greeting"])
        """
        outputs: Any = self.raise_for_status().outputs
        made, problems = shaped(model, outputs)
        if problems or made is None:
            name = getattr(model, "__name__", model)  # a union has no name
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


_MOST_DIGITS = 30
"""Digits before or behind the point that no price has; adding larger numbers may fail."""


def node_usage(data: JSONObject) -> NodeUsage:
    """What a node used.

    Args:
        data: The ``data`` of its `NodeFinished` event.
    """
    metadata: JSON = data.get("execution_metadata")
    cost: JSONObject = metadata if is_object(metadata) else {}
    return NodeUsage(
        node_id=str(data.get("node_id")),
        node_title=_text(data.get("title")),
        total_tokens=_count(cost.get("total_tokens")),
        price=price_of(cost.get("total_price")),
        currency=_text(cost.get("currency")),
        inside=_text(data.get("iteration_id"))
        or _text(cost.get("iteration_id"))
        or _text(data.get("loop_id"))
        or _text(cost.get("loop_id")),
    )


def run_usage(total_tokens: int | None, nodes: Sequence[NodeUsage]) -> RunUsage:
    """What a run used.

    Args:
        total_tokens: Tokens of the run, as the server counts them.
        nodes: What each of its nodes used, as far as it is known.
    """
    # An iteration or loop repeats the tokens of the nodes that it contains.
    containers = {node.inside for node in nodes if node.total_tokens or node.price}
    counted = [node for node in nodes if node.node_id not in containers]
    if total_tokens is None or sum(node.total_tokens or 0 for node in counted) != total_tokens:
        return RunUsage(total_tokens, None, tuple(nodes))
    prices = sum_of({node.currency: node.price} for node in counted if node.price and node.currency)
    return RunUsage(total_tokens, prices, tuple(nodes))


def sum_of(prices: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    """The sum of prices, by currency."""
    total: dict[str, Decimal] = {}
    for each in prices:
        for currency, price in each.items():
            total[currency] = total.get(currency, Decimal(0)) + price
    return total


def price_of(value: JSON) -> Decimal | None:
    """A price as a server sends it, a text or a number; None if it cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    is_price = amount.is_finite() and abs(amount.adjusted()) <= _MOST_DIGITS
    return amount if is_price else None


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: JSON) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
