"""Reads dates as servers write them: in HTTP headers, and in answers of old versions. Pure."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime


def unix_time(date: str) -> float:
    """The time (Unix seconds) of a date such as ``"Sun, 06 Nov 1994 08:49:37 GMT"``.

    Raises:
        ValueError: The text is not a date.
        OverflowError: The date lies outside the calendar.
    """
    moment = parsedate_to_datetime(date)
    # "-0000" is UTC too (RFC 5322 section 3.3).
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def seconds_asked(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from the header Retry-After (RFC 9110 section 10.2.3); None without it.

    Args:
        headers: Headers of the answer, with names in lower case.
    """
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = unix_time(value) - time.time()
        except (OverflowError, ValueError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
