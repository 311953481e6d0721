"""What is known of the servers that have answered: their versions and their clocks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime


class Servers:
    """The version of each server (header X-Version) and its clock (Date), by base URL.

    None stands for one that is not known: no answer had the header.
    """

    def __init__(self) -> None:
        self._versions: dict[str, str] = {}
        self._clocks: dict[str, float] = {}

    def note(self, base_url: str, headers: Mapping[str, str]) -> None:
        """Take the headers of an answer that came just now, names in lower case."""
        if version := headers.get("x-version"):
            self._versions[base_url] = version
        if (date := _unix_time(headers.get("date"))) is not None:
            self._clocks[base_url] = date - time.monotonic()

    def version(self, base_url: str) -> str | None:
        """The version of a server."""
        return self._versions.get(base_url)

    def time_at(self, base_url: str, moment: float) -> float | None:
        """The time by the clock of a server (Unix seconds), up to two seconds early.

        Args:
            base_url: Base URL of the server.
            moment: When, by the monotonic clock of this process.
        """
        clock = self._clocks.get(base_url)
        return None if clock is None else clock + moment


def _unix_time(date: str | None) -> float | None:
    if date is None:
        return None
    try:
        moment = parsedate_to_datetime(date)
    except (OverflowError, ValueError):
        return None
    # "-0000" is UTC too (RFC 5322 section 3.3).
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
