"""What is known of servers: the version and the clock of each, and what its version does.

A version is None where it is not known: proxies may drop the header that says it.
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

    None stands for one that is not known: no answer had the header.
    """

    def __init__(self) -> None:
        self._versions: dict[str, str] = {}
        self._dates: dict[str, tuple[str, float]] = {}

    def note(self, base_url: str, headers: Mapping[str, str]) -> None:
        """Take the headers of an answer that came just now, names in lower case."""
        if version := headers.get("x-version"):
            self._versions[base_url] = version
        if date := headers.get("date"):
            self._dates[base_url] = date, time.monotonic()

    def version(self, base_url: str) -> str | None:
        """The version of a server."""
        return self._versions.get(base_url)

    def time_at(self, base_url: str, moment: float) -> float | None:
        """The time by the clock of a server (Unix seconds), up to two seconds early.

        Args:
            base_url: Base URL of the server.
            moment: When, by the monotonic clock of this process.
        """
        date, noted = self._dates.get(base_url, ("", 0.0))
        try:
            return unix_time(date) + moment - noted
        except (OverflowError, ValueError):  # no date, or none that can be read
            return None


_SILENT_VERSIONS = ("1.13.", "1.14.")
"""Servers that answer bad inputs with silence in streaming mode."""

_LAST_LOSING = (1, 9, 1)
"""Up to it, the end of a stream is the end of the run's record."""

_STOPPING = frozenset({(1, 16, 0), (1, 16, 1)})
"""They stop runs that people let go on."""

_LINGERING = frozenset({(1, 13), (1, 14), (1, 15), (1, 17)})
"""Their streams stay open for a second behind the final event."""


def needs_check(server_version: str | None) -> bool:
    """Whether a server keeps silent about bad inputs, as far as its version is known."""
    return server_version is None or server_version.startswith(_SILENT_VERSIONS)


def lingers(version: str | None) -> bool:
    """Whether a server is known to keep a stream open when the run has ended."""
    return version is not None and _numbers(version)[:2] in _LINGERING


def loses_records(version: str | None) -> bool:
    """Whether a server is known to forget the outcome of a run whose stream was left."""
    return version is not None and _numbers(version) <= _LAST_LOSING


def may_lose_records(version: str | None) -> bool:
    """Whether a server forgets the outcome of a run whose stream was left, or nobody knows."""
    return version is None or loses_records(version)


def stops_resumed_runs(version: str | None) -> bool:
    """Whether a server, by a fault of its own, stops runs that go on after human input."""
    return version is not None and _numbers(version) in _STOPPING


def _numbers(version: str) -> tuple[int, ...]:
    """``"1.9.1"`` as (1, 9, 1); a version that cannot be read is newer than all."""
    numbers = version.split("-", maxsplit=1)[0].split(".")[:3]
    return tuple(map(int, numbers)) if all(map(str.isdecimal, numbers)) else (10**6,)


def version_needed(method: str, path: str, server_version: str | None) -> str | None:
    """The first Dify that has the endpoint, where the server is older; else None.

    Args:
        method: HTTP method, in lower case.
        path: Path behind the base URL, with its values filled in.
        server_version: Version of the server.
    """
    if server_version is None:
        return None
    for known_method, pattern, since in _younger():
        if known_method == method and pattern.fullmatch(path):
            return since if _numbers(server_version) < _numbers(since) else None
    return None


@cache
def _younger() -> list[tuple[str, re.Pattern[str], str]]:
    """Method, pattern of the path and first version of the endpoints that not every Dify has."""
    return [
        (method, re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), since)
        for (method, path), since in SINCE.items()
    ]
