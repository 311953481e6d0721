"""The sync body and transport, from the sources of the async ones. Pure."""

from __future__ import annotations

import re

SYNC_OF = {"async_body": "sync_body", "async_transport": "sync_transport"}
"""Modules of ``_http/`` that are the same in sync code, but for names and keywords."""

_NAMES = (
    # what it is called in async code, and in sync code
    ("from anyio import sleep", "from time import sleep"),
    ("AsyncClient", "Client"),
    ("AsyncByteStream", "ByteStream"),
    ("AsyncConnections", "Connections"),
    ("AsyncHTTPClient", "HTTPClient"),
    ("AsyncReader", "Reader"),
    ("AsyncTransport", "Transport"),
    ("async_body", "sync_body"),
    ("async_connections", "sync_connections"),
    ("import Awaitable, ", "import "),
    (".aclose()", ".close()"),
)

_HEADER = """
# Written by `make generate` from {name}.py; change that one instead.
"""


def sync_http_module(name: str, source: str) -> str:
    """The text of a sync module.

    Args:
        name: Name of the async module.
        source: Its text.
    """
    for asynchronous, synchronous in _NAMES:
        source = source.replace(asynchronous, synchronous)
    source = re.sub(r"\basync def\b", "def", source)
    source = re.sub(r"\bawait (?=\w)", "", source)
    source = re.sub(r"\bAwaitable\[(\w+)\]", r"\1", source)
    docstring, rest = source.split("\n", 1)
    return docstring + "\n" + _HEADER.format(name=name) + rest
