"""Numbers and times made readable."""

from __future__ import annotations

from datetime import datetime


def duration(seconds: float | None) -> str:
    """A duration for people."""
    if seconds is None:
        return ""
    if seconds < 10:  # noqa: PLR2004  # hundredths matter below
        return f"{seconds:.2f} s"
    if seconds < 60:  # noqa: PLR2004  # seconds in a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def clock(time: int | None) -> str:
    """A time in Unix seconds as local date and time."""
    if time is None:
        return ""
    try:
        return datetime.fromtimestamp(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OSError, OverflowError, ValueError):  # no time that a clock can show
        return str(time)


def counted(number: int, noun: str) -> str:
    """A number with its noun, such as ``2 retries``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
