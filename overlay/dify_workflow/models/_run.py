"""Runs: how one went, or where it stands."""

from __future__ import annotations

from typing import Self

import attrs

from dify_workflow_api import models as wire

from .. import models
from .._ends import StopReason, stop_reason
from .._json import JSON, JSONObject
from ..errors import (
    WorkflowFailedError,
    WorkflowPausedError,
    WorkflowRunError,
    WorkflowStoppedError,
)


@attrs.frozen
class WorkflowRunResponse:
    """A run: how it ended, or where it stands.

    Which fields an answer carries depends on the call: streams and the blocking mode know the task,
    streams and run detail (`info`) the inputs. What an answer does not carry is None.

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
    """

    id: str
    status: wire.RunStatus
    message: str | None = None
    task_id: str | None = None
    workflow_id: str | None = None
    inputs: JSONObject | None = None
    outputs: JSONObject = attrs.field(factory=dict[str, JSON])
    elapsed_time: float | None = None
    total_tokens: int | None = None
    total_steps: int | None = None
    exceptions_count: int | None = None
    created_at: int | None = None
    finished_at: int | None = None
    paused: models.WorkflowPause | None = None
    raw: JSONObject = attrs.field(factory=dict[str, JSON], repr=False)

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


_ERRORS: dict[str, tuple[type[WorkflowRunError], str]] = {
    "failed": (WorkflowFailedError, "failed"),
    "stopped": (WorkflowStoppedError, "was stopped"),
    "paused": (WorkflowPausedError, "waits for human input"),
}
