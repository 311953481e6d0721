"""Words and times of runs, as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

from .._text import duration

STATUSES = {
    "failed": "failed",
    "exception": "failed, handled",
    "lost": "end not seen",
    "paused": "waiting for a person",
    "stopped": "stopped",
    "running": "running",
    "succeeded": "succeeded",
    "partial-succeeded": "succeeded in part",
}
"""Words for statuses, the worst one of nodes first."""

_BRIEF = 0.0995
_BRIEFEST = 0.0005


def word(status: str) -> str:
    """A status as people say it; one that is not known is said as the server does."""
    return STATUSES.get(status, status)


def brief(seconds: float) -> str:
    """A duration, in milliseconds where hundredths of a second say nothing."""
    if seconds >= _BRIEF:
        return duration(seconds)
    return f"{seconds * 1000:.0f} ms" if seconds >= _BRIEFEST else "<1 ms"


def moment(time: float) -> str:
    """A time in Unix seconds as date and time."""
    try:
        return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OSError, OverflowError, ValueError):  # no time that a calendar has
        return f"{time:.0f}"
