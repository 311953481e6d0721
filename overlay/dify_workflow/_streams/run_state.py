"""The state of a run and of its nodes, from the events of its stream. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import models
from .._api.parsers import pause
from .._bounded import BoundedDict
from .._http.versions import stops_resumed_runs
from .._json import JSON, JSONObject, is_object, required_text
from ..events import NodeFinished, WorkflowFinished, WorkflowPaused, WorkflowStarted
from ..events.base import FinalEvent, StreamEvent, UnreadableEvent
from ..models.run import node_usage, run_usage
from ..outcomes import status_of

if TYPE_CHECKING:
    from ..models import WorkflowRunResponse


def data_of(event: StreamEvent[object]) -> JSONObject:
    """The payload of an event as plain JSON. Its model would be ten times slower."""
    data: JSON = event.raw.get("data")
    return data if is_object(data) else {}


class Nodes:
    """Remembers which nodes have started and ended, and the last end event of each.

    A node in an iteration or loop is executed several times.
    """

    def __init__(self) -> None:
        self._executions: dict[str, bool] = {}
        """Whether each execution has ended, by its id."""
        self._ends: dict[str, StreamEvent[object]] = {}
        """The last end event of each node, by the node's id."""
        self._usage: dict[str, models.NodeUsage] = {}
        """What each execution used, by its id."""

    def __bool__(self) -> bool:
        """Whether any node was reported."""
        return bool(self._executions)

    def apply(self, event: StreamEvent[object], *, is_live: bool = True) -> None:
        """Update the state with an event.

        Args:
            event: The start or the end of a node.
            is_live: False if it may be a replay, which has less data than the first report.
        """
        data = data_of(event)
        execution, node = data.get("id"), data.get("node_id")
        # Replays report a paused node with a node_finished event.
        has_ended = isinstance(event, NodeFinished) and data.get("status") != "paused"
        if isinstance(execution, str):
            self._executions[execution] = has_ended
        if has_ended and isinstance(node, str) and (is_live or self._says_more(event, node)):
            self._ends[node] = event
        if has_ended and isinstance(execution, str):
            used = node_usage(data)
            if used.total_tokens is not None or execution not in self._usage:
                self._usage[execution] = used  # replays do not have it

    def knows(self, execution: JSON) -> bool:
        """Whether an execution was reported."""
        return isinstance(execution, str) and execution in self._executions

    def has_ended(self, execution: JSON) -> bool:
        """Whether the end of an execution was reported."""
        return isinstance(execution, str) and self._executions.get(execution, False)

    def forget_unended(self) -> None:
        """Forget the executions that have not ended: their start will be reported again."""
        self._executions = {key: True for key, ended in self._executions.items() if ended}

    def outputs(self) -> dict[str, JSONObject]:
        """The last outputs of each node that has ended, by its id."""
        return {node: _outputs(event) or {} for node, event in self._ends.items()}

    def usage(self) -> list[models.NodeUsage]:
        """What each execution used, in the order in which they ended."""
        return list(self._usage.values())

    def _says_more(self, event: StreamEvent[object], node: str) -> bool:
        return node not in self._ends or _outputs(event) is not None


def _outputs(event: StreamEvent[object]) -> JSONObject | None:
    outputs: JSON = data_of(event).get("outputs")
    return outputs if is_object(outputs) else None


_MOST_STOPS = 1000
"""How many tasks are remembered."""


class StoppedTasks:
    """The last thousand tasks that a client has asked to stop, and when."""

    def __init__(self) -> None:
        self._asked_at = BoundedDict[str, float](_MOST_STOPS)

    def add(self, task_id: str) -> None:
        """Record that a task is asked to stop."""
        self._asked_at[task_id] = time.monotonic()

    def discard(self, task_id: str) -> None:
        """Remove a task, because the request to stop it was not sent."""
        self._asked_at.pop(task_id, None)

    def age(self, task_id: str | None) -> float | None:
        """Seconds since a task was asked to stop; None if it was not."""
        asked_at = self._asked_at.get(task_id) if task_id else None
        return None if asked_at is None else time.monotonic() - asked_at


def is_resumption(event: WorkflowStarted) -> bool:
    """Whether a run continued after human input (and did not start)."""
    return data_of(event).get("reason") == "resumption"


class RunState:
    """Folds the events of a stream into the state of its run.

    Args:
        run_id: Id of the run, if it is known before the first event.
        stops: The tasks that were asked to stop.
        server_version: Returns the version of the server, or None.
    """

    def __init__(
        self,
        run_id: str | None = None,
        stops: StoppedTasks | None = None,
        server_version: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.run_id = run_id
        self.task_id: str | None = None
        self._stops = StoppedTasks() if stops is None else stops
        self.server_version = server_version
        self.was_resumed = False
        """Whether people have answered a form of the run."""
        self.unreadable: UnreadableEvent | None = None
        """The last message that was not an event."""
        self.nodes = Nodes()
        """The nodes that were reported."""
        self._started: WorkflowStarted | None = None
        self._final: FinalEvent[object] | None = None

    @property
    def known_id(self) -> str:
        """Id of the run, which must be known."""
        assert self.run_id is not None
        return self.run_id

    def apply(self, event: StreamEvent[object]) -> None:
        """Update the state with an event about the run itself.

        The ids are taken from any event, because the first events can be missing.
        """
        self.run_id = self.run_id or event.id
        self.task_id = self.task_id or event.task_id
        if isinstance(event, WorkflowStarted):
            self.was_resumed = self.was_resumed or is_resumption(event)
            self._started = self._started or event  # a later one only continues the run
        elif isinstance(event, FinalEvent):
            self.was_resumed = self.was_resumed or isinstance(event, WorkflowPaused)
            self._final = event

    def is_of_another(self, event: StreamEvent[object]) -> bool:
        """Whether an event names another run: it belongs to another request."""
        if self.run_id is None:
            return False
        if (run_id := event.id) is not None and run_id != self.run_id:
            return True
        if not isinstance(event, FinalEvent):
            return False
        data = data_of(event)
        inner = data.get("id") or data.get("workflow_run_id")
        return inner is not None and inner != self.run_id

    @property
    def asked_to_stop_for(self) -> float | None:
        """Seconds since this client asked the run to stop; None if it did not."""
        return self._stops.age(self.task_id)

    def result(self) -> WorkflowRunResponse | None:
        """The run, from its final event; None before that."""
        if isinstance(self._final, WorkflowFinished):
            return self._finished(self._final)
        if isinstance(self._final, WorkflowPaused):
            return self._paused(self._final)
        return None

    def _finished(self, final: WorkflowFinished) -> WorkflowRunResponse:
        data = final.data
        status = required_text("status", data.status)
        return models.WorkflowRunResponse(
            id=self.run_id or data.id,
            status=self._status(status, data.error),
            message=self._message(status, data.error),
            task_id=self.task_id,
            workflow_id=data.workflow_id,
            inputs=self._inputs(),
            outputs=data.outputs or {},
            elapsed_time=data.elapsed_time,
            total_tokens=data.total_tokens,
            total_steps=data.total_steps,
            exceptions_count=data.exceptions_count,
            created_at=data.created_at,
            finished_at=data.finished_at,
            raw=final.raw,
            usage=run_usage(data.total_tokens, self.nodes.usage()),
        )

    def _paused(self, final: WorkflowPaused) -> WorkflowRunResponse:
        data = final.data
        return models.WorkflowRunResponse(
            id=self.run_id or data.workflow_run_id,
            status=data.status,
            task_id=self.task_id,
            workflow_id=self._started.data.workflow_id if self._started else None,
            inputs=self._inputs(),
            outputs=data.outputs or {},
            elapsed_time=data.elapsed_time,
            total_tokens=data.total_tokens,
            total_steps=data.total_steps,
            created_at=data.created_at,
            paused=pause(data.paused_nodes, data.reasons),
            raw=final.raw,
            usage=run_usage(data.total_tokens, self.nodes.usage()),
        )

    def _inputs(self) -> JSONObject | None:
        inputs: JSONObject | None = self._started.data.inputs if self._started else None
        return inputs

    def _status(self, status: str, error: str | None) -> str:
        """The status of the run. Some servers report a stop as a failure."""
        if status != "failed":
            return status
        is_asked = str(error).startswith("Aborted") and self.asked_to_stop_for is not None
        return "stopped" if is_asked else status_of(status, error)

    def _message(self, status: str, error: str | None) -> str | None:
        """The error text. If the server stopped the run because of a bug, the text says so."""
        version = self.server_version()
        is_bug = status == "stopped" and self.was_resumed and stops_resumed_runs(version)
        if not is_bug or self.asked_to_stop_for is not None:
            return error or None
        return (
            f"{error or 'Stopped.'} (Dify {version} has a bug: it stops runs that continue after "
            "human input. Dify 1.17 does not.)"
        )
