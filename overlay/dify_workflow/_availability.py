"""Whether a server is too old for an endpoint. Pure."""

from __future__ import annotations

import re
from functools import cache

from ._endpoints import SINCE
from ._versions import is_older


def version_needed(method: str, path: str, server_version: str | None) -> str | None:
    """The first Dify that has the endpoint, where the server is older; else None.

    Args:
        method: HTTP method, in lower case.
        path: Path behind the base URL, with its values filled in.
        server_version: Version of the server; None where it is not known.
    """
    if server_version is None:
        return None
    for known_method, pattern, since in _younger():
        if known_method == method and pattern.fullmatch(path):
            return since if is_older(server_version, since) else None
    return None


@cache
def _younger() -> list[tuple[str, re.Pattern[str], str]]:
    """Method, pattern of the path and first version of the endpoints that not every Dify has."""
    return [
        (method, re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), since)
        for (method, path), since in SINCE.items()
    ]
