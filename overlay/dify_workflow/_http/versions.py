"""What versions of Dify do differently.

A version is None if it is not known, because proxies may remove the header.
"""

from __future__ import annotations

import re
from functools import cache

from .endpoints import SINCE

_LAST_LOSING = (1, 9, 1)
"""The last version that stops updating the record of a run when its stream is closed."""

_STOPPING = frozenset({(1, 16, 0), (1, 16, 1)})
"""Versions that stop runs after human input."""


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
