from typing import Literal

NodeStatus = (
    Literal[
        "exception",
        "failed",
        "paused",
        "pending",
        "retry",
        "running",
        "stopped",
        "succeeded",
    ]
    | str
)
"""Status of a node; `exception` means a failure that the workflow handled."""

NODE_STATUS_VALUES: frozenset[str] = frozenset(
    {
        "exception",
        "failed",
        "paused",
        "pending",
        "retry",
        "running",
        "stopped",
        "succeeded",
    }
)


def check_node_status(value: str) -> NodeStatus:
    """Return the value as it is; NODE_STATUS_VALUES are the known ones."""
    return value
