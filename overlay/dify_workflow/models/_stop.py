"""Stops: what the server answers to one."""

from __future__ import annotations

import attrs


@attrs.frozen
class WorkflowStopResponse:
    """The server's answer to a stop (POST /workflows/tasks/{task_id}/stop).

    Args:
        result: Always ``"success"``, also where there was nothing to stop.
    """

    result: str
