"""Runs: what to run, and how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from .._json import JSON, JSONObject
from .._secret import ApiKey, wrap
from ..errors import (
    WorkflowFailedError,
    WorkflowPausedError,
    WorkflowRunError,
    WorkflowStoppedError,
)

if TYPE_CHECKING:
    from dify_workflow_api.models import RunStatus

    from ._file import WorkflowFile
    from ._pause import WorkflowPause


@attrs.frozen(init=False)
class WorkflowRunRequest:
    """What to run (POST /workflows/run).

    Args:
        inputs: Value by name of the input: any JSON, `WorkflowFile`, `UploadedFile`, lists of
            these, or `pathlib.Path` for a file that is uploaded first. The server ignores names
            that the app does not declare.
        api_key: Key of the app; by default the client's.
        user_id: Who the run is for, a name of your own of at most 255 characters; by default the
            client's.
        files: Files for ``sys.files``, for apps whose "file upload" feature is on.
        workflow_id: Id (UUID) of the published version to run; by default the latest. Since Dify
            1.7.2.
        trace_id: Id under which the server's tracing files the run.
    """

    inputs: Mapping[str, JSON]
    api_key: ApiKey | None
    user_id: str | None
    files: Sequence[WorkflowFile | Path] | None
    workflow_id: str | None
    trace_id: str | None

    if TYPE_CHECKING:

        def __attrs_init__(self, *fields: object) -> None: ...

    def __init__(
        self,
        inputs: Mapping[str, JSON],
        *,
        api_key: str | ApiKey | None = None,
        user_id: str | None = None,
        files: Sequence[WorkflowFile | Path] | None = None,
        workflow_id: str | None = None,
        trace_id: str | None = None,
    ) -> None:
        # Written by hand, so that no frame of a traceback holds the bare key.
        api_key = wrap(api_key)
        self.__attrs_init__(inputs, api_key, user_id, files, workflow_id, trace_id)


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
        elapsed_time: Duration in seconds; after a pause, of the last leg alone.
        total_tokens: Tokens that model calls used.
        total_steps: Nodes that ran.
        exceptions_count: Nodes that failed, retries included.
        created_at: Start (Unix seconds).
        finished_at: End (Unix seconds).
        paused: What the run waits for, where it is paused.
        raw: The answer, or the final event, as it was decoded.
    """

    id: str
    status: RunStatus
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
    paused: WorkflowPause | None = None
    raw: JSONObject = attrs.field(factory=dict[str, JSON], repr=False)

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
            raise cls(f"The run {self.id} {what}{reason}", result=self)
        return self


_ERRORS: dict[str, tuple[type[WorkflowRunError], str]] = {
    "failed": (WorkflowFailedError, "failed"),
    "stopped": (WorkflowStoppedError, "was stopped"),
    "paused": (WorkflowPausedError, "waits for human input"),
}
