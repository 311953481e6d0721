"""How a run ended, from the status and the error text that servers give. Pure."""

from __future__ import annotations

from typing import Literal, TypeAlias

StopReason: TypeAlias = Literal["requested", "shutdown", "limit", "unknown"]
"""Why a run was stopped: somebody asked for it (this client, another one, the console); the
server's worker was shut down, as each deploy does; a limit of the server (steps, time, the wait for
people); or something that this version of the client does not know."""

_REQUESTED = {
    "Stopped by user.",
    "Aborted: User requested stop",  # since 1.9; up to 1.15 some streams call it "failed"
    "Aborted: App task was stopped",  # run detail since 1.15
}
_SHUTDOWN = "Workflow stopped because the worker is shutting down."
_LIMITS = ("Maximum execution steps exceeded", "App execution exceeded", "Human input global")


def status_of(status: str, error: object) -> str:
    """The status of a run; ``"stopped"`` also where the server calls a stop a failure.

    Args:
        status: The status that the server gives.
        error: The error text that it gives, as it came.
    """
    is_stop = isinstance(error, str) and error in _REQUESTED
    return "stopped" if status == "failed" and is_stop else status


def stop_reason(status: str, error: str | None) -> StopReason | None:
    """Why a run was stopped; None where it was not.

    Args:
        status: Its status, as `status_of` gives it.
        error: Its error text.
    """
    if status != "stopped":
        return None
    if not isinstance(error, str):
        return "unknown"
    if error in _REQUESTED:
        return "requested"
    text = error.removeprefix("Aborted: ")
    if text.startswith(_SHUTDOWN):
        return "shutdown"
    return "limit" if text.startswith(_LIMITS) else "unknown"
