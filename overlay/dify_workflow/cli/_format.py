"""Numbers and times for people."""

from __future__ import annotations

from datetime import datetime


def seconds(value: float | None) -> str:
    """A duration in seconds, to the hundredth below ten."""
    if value is None:
        return ""
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"  # noqa: PLR2004  # as said above


def clock(value: int | None) -> str:
    """A time in Unix seconds as local date and time."""
    if value is None:
        return ""
    try:
        return datetime.fromtimestamp(value).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OSError, OverflowError, ValueError):  # no time that a clock can show
        return str(value)
