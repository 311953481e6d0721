"""What the events of a stream say about its run. Pure."""

from __future__ import annotations

from ._event import FinalEvent, StreamEvent
from ._json import JSON, JSONObject, is_object
from ._results import pause
from .events import NodeFinished, WorkflowFinished, WorkflowPaused, WorkflowStarted
from .models import WorkflowRunResponse


class RunState:
    """Folds the events of a stream into its run.

    Args:
        run_id: Id of the run, where it is known beforehand.
    """

    def __init__(self, run_id: str | None = None) -> None:
        self.run_id = run_id
        self.task_id: str | None = None
        self.stop_requested = False
        self.node_outputs: dict[str, JSONObject] = {}
        self._started: WorkflowStarted | None = None
        self._final: FinalEvent[object] | None = None

    def take(self, event: StreamEvent[object]) -> None:
        """Note what an event says.

        The ids are taken from whichever event brings them: the first events can be missing
        (DIFY.md section 0.5).
        """
        self.run_id = self.run_id or event.id
        self.task_id = self.task_id or event.task_id
        if isinstance(event, NodeFinished):
            self._note_outputs(event.raw.get("data"))
        elif isinstance(event, WorkflowStarted):
            self._started = self._started or event  # a second one is a resumption
        elif isinstance(event, FinalEvent):
            self._final = event

    def _note_outputs(self, node: JSON) -> None:
        """Note the outputs of a node, from plain JSON: a model would cost ten times as much."""
        if is_object(node) and isinstance(node_id := node.get("node_id"), str):
            outputs = node.get("outputs")
            if outputs is not None or node_id not in self.node_outputs:  # replays carry none
                self.node_outputs[node_id] = outputs or {}

    def result(self) -> WorkflowRunResponse | None:
        """The run as its final event shows it; None before that."""
        if isinstance(self._final, WorkflowFinished):
            return self._finished(self._final)
        if isinstance(self._final, WorkflowPaused):
            return self._paused(self._final)
        return None

    def _finished(self, final: WorkflowFinished) -> WorkflowRunResponse:
        data = final.data
        return WorkflowRunResponse(
            id=self.run_id or data.id,
            status="stopped" if self._was_stopped(data.status, data.error) else data.status,
            message=data.error or None,
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
        )

    def _paused(self, final: WorkflowPaused) -> WorkflowRunResponse:
        data = final.data
        return WorkflowRunResponse(
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
        )

    def _inputs(self) -> JSONObject | None:
        inputs: JSONObject | None = self._started.data.inputs if self._started else None
        return inputs

    def _was_stopped(self, status: str, error: str | None) -> bool:
        """Whether a failure is how servers 1.9 and 1.15 call a stop (DIFY-VERSIONS.md)."""
        return self.stop_requested and status == "failed" and str(error).startswith("Aborted")
