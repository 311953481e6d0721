"""Words, numbers and times of runs, as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

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
"""Words for statuses, with the worst status of a node first."""

_BRIEF = 0.0995
_BRIEFEST = 0.0005


def word(status: str) -> str:
    """Return the word for a status; an unknown status is returned unchanged."""
    return STATUSES.get(status, status)


def duration(seconds: float | None) -> str:
    """Format a duration."""
    if seconds is None:
        return ""
    if seconds < 10:  # noqa: PLR2004  # hundredths matter
        return f"{seconds:.2f} s"
    if seconds < 60:  # noqa: PLR2004  # seconds in a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def brief(seconds: float) -> str:
    """Format a duration, in milliseconds if hundredths of a second are too coarse."""
    if seconds >= _BRIEF:
        return duration(seconds)
    return f"{seconds * 1000:.0f} ms" if seconds >= _BRIEFEST else "<1 ms"


def moment(time: float) -> str:
    """Format a time in Unix seconds as date and time in UTC."""
    try:
        return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OSError, OverflowError, ValueError):  # outside the calendar
        return f"{time:.0f}"


def clock(time: int | None) -> str:
    """Format a time in Unix seconds as local date and time."""
    if time is None:
        return ""
    try:
        return datetime.fromtimestamp(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OSError, OverflowError, ValueError):  # outside what the clock can show
        return str(time)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``2 retries``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
