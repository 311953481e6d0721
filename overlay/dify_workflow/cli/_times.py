"""Bounds of time as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ..errors import InvalidRequestError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d+)([smhdw])")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def since(text: str, option: str, now: datetime) -> datetime:
    """The first moment that a text means.

    Args:
        text: How long ago (``90s``, ``30m``, ``2h``, ``3d``, ``1w``), a date, or a date and time
            (ISO 8601); of the local time zone where it names none.
        option: Name of the option, for messages.
        now: The time, with a time zone.

    Raises:
        InvalidRequestError: It means no time.
    """
    try:
        if ago := _AGO.fullmatch(text):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise InvalidRequestError(
            f"{option} takes how long ago, such as 2h or 3d, or a time, such as 2026-01-31 or "
            f"2026-01-31T14:00, not {text!r}."
        ) from None


def until(text: str, option: str, now: datetime) -> datetime:
    """The last second that a text means: of a date, the end of that day.

    Args:
        text: As for `since`.
        option: Name of the option, for messages.
        now: The time, with a time zone.

    Raises:
        InvalidRequestError: It means no time.
    """
    moment = since(text, option, now)
    if _DAY.fullmatch(text):
        next_day = datetime.fromisoformat(text) + timedelta(days=1)  # a day of local time
        return next_day.astimezone() - timedelta(seconds=1)
    return moment
