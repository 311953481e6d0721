from typing import Literal

LogStatusFilter = Literal["failed", "stopped", "succeeded"] | str
"""Status for a filter of the logs."""

LOG_STATUS_FILTER_VALUES: frozenset[str] = frozenset(
    {
        "failed",
        "stopped",
        "succeeded",
    }
)


def check_log_status_filter(value: str) -> LogStatusFilter:
    """Return the value as it is; LOG_STATUS_FILTER_VALUES are the known ones."""
    return value
