"""The version and the clock of each server, and what versions do differently.

A version is None if it is not known, because proxies may remove the header.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import cache

from .._dates import unix_time
from .endpoints import SINCE


class Servers:
    """The version of each server (header X-Version) and its clock (Date), by base URL.

    A value is None if no answer had the header.
    """

    def __init__(self) -> None:
        self._versions: dict[str, str] = {}
        self._dates: dict[str, tuple[str, float]] = {}

    def note(self, base_url: str, headers: Mapping[str, str]) -> None:
        """Record the headers of an answer that has just arrived, with names in lower case."""
        if version := headers.get("x-version"):
            self._versions[base_url] = version
        if date := headers.get("date"):
            self._dates[base_url] = date, time.monotonic()

    def version(self, base_url: str) -> str | None:
        """The version of a server."""
        return self._versions.get(base_url)

    def time_at(self, base_url: str, moment: float) -> float | None:
        """The time by the clock of a server (Unix seconds). It can be up to two seconds too early.

        Args:
            base_url: Base URL of the server.
            moment: The same time by the monotonic clock of this process.
        """
        date, noted = self._dates.get(base_url, ("", 0.0))
        try:
            return unix_time(date) + moment - noted
        except (OverflowError, ValueError):  # no date, or none that can be read
            return None


_LAST_LOSING = (1, 9, 1)
"""The last version that stops updating the record of a run when its stream is closed."""

_STOPPING = frozenset({(1, 16, 0), (1, 16, 1)})
"""Versions that stop runs after human input."""

_LINGERING = frozenset({(1, 13), (1, 14), (1, 15), (1, 17)})
"""Versions whose streams stay open for a second after the final event."""


def lingers(version: str | None) -> bool:
    """Whether a server is known to keep a stream open after the run has ended."""
    return version is not None and _numbers(version)[:2] in _LINGERING


def loses_records(version: str | None) -> bool:
    """Whether a server is known to lose the outcome of a run if its stream is closed early."""
    return version is not None and _numbers(version) <= _LAST_LOSING


def may_lose_records(version: str | None) -> bool:
    """Whether a server loses the outcome of a run if its stream is closed early, or may do so."""
    return version is None or loses_records(version)


def stops_resumed_runs(version: str | None) -> bool:
    """Whether a server has the bug that stops runs which continue after human input."""
    return version is not None and _numbers(version) in _STOPPING


def _numbers(version: str) -> tuple[int, ...]:
    """``"1.9.1"`` as (1, 9, 1). A version that cannot be read counts as newer than all others."""
    numbers = version.split("-", maxsplit=1)[0].split(".")[:3]
    return tuple(map(int, numbers)) if all(map(str.isdecimal, numbers)) else (10**6,)


def version_needed(method: str, path: str, server_version: str | None) -> str | None:
    """The first version of Dify with the endpoint, if the server is older; else None.

    Args:
        method: HTTP method, in lower case.
        path: Path after the base URL, with its values filled in.
        server_version: Version of the server.
    """
    if server_version is None:
        return None
    for known_method, pattern, since in _newer_endpoints():
        if known_method == method and pattern.fullmatch(path):
            return since if _numbers(server_version) < _numbers(since) else None
    return None


@cache
def _newer_endpoints() -> list[tuple[str, re.Pattern[str], str]]:
    """Method, path pattern and first version of the endpoints that Dify 1.0 does not have."""
    return [
        (method, re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), since)
        for (method, path), since in SINCE.items()
    ]
