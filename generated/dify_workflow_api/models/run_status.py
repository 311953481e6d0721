from typing import Literal

RunStatus = (
    Literal[
        "failed",
        "partial-succeeded",
        "paused",
        "running",
        "scheduled",
        "stopped",
        "succeeded",
    ]
    | str
)
"""Status of a run; `partial-succeeded` means that nodes failed and the failures were handled."""

RUN_STATUS_VALUES: frozenset[str] = frozenset(
    {
        "failed",
        "partial-succeeded",
        "paused",
        "running",
        "scheduled",
        "stopped",
        "succeeded",
    }
)


def check_run_status(value: str) -> RunStatus:
    """Return the value as it is; RUN_STATUS_VALUES are the known ones."""
    return value
