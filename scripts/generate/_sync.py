"""The sync client, from the source of the async one. Pure."""

from __future__ import annotations

import re

_NAMES = (
    # what it is called in async code, and in sync code; longer names first
    ("from anyio import Event", "from threading import Event"),
    ("httpx.AsyncClient", "httpx.Client"),
    ("httpx2.AsyncClient", "httpx2.Client"),
    ('"AsyncClient"', '"Client"'),
    ("AsyncByteStream", "ByteStream"),
    ("AsyncDifyWorkflow", "DifyWorkflow"),
    ("AsyncFormCallback", "FormCallback"),
    ("AsyncHTTPClient", "HTTPClient"),
    ("AsyncLogIterator", "LogIterator"),
    ("AsyncLogTail", "LogTail"),
    ("AsyncMediaStream", "MediaStream"),
    ("AsyncTransport", "Transport"),
    ("AsyncWorkflowStream", "WorkflowStream"),
    ("async_body", "sync_body"),
    ("async_stream", "sync_stream"),
    ("async_transport", "sync_transport"),
    ("__aenter__", "__enter__"),
    ("__aexit__", "__exit__"),
)

_SENTENCES = (
    # what is true of the async client alone, and what holds in its place
    ("The client for async code.", "The client for sync code."),
    (
        "Tasks may share one client, and so may several event loops.",
        "Threads may share one client.",
    ),
    (
        "finding it again. None for\n                as long as it takes.",
        """finding it again. None for
                as long as it takes. The DNS lookup is not covered; with a client of your own and
                over HTTP/2 the deadline is checked when data arrives.""",
    ),
)

_HEADER = """
# Written by `make generate` from async_client.py; change that one instead.
"""


def sync_module(source: str) -> str:
    """The sync module: names and keywords rewritten, and sentences that are true in async alone.

    Args:
        source: Text of the async module.
    """
    for asynchronous, synchronous in (*_SENTENCES, *_NAMES):
        if asynchronous not in source:
            raise SystemExit(f"async_client.py no longer holds {asynchronous!r}; see _sync.py")
        source = source.replace(asynchronous, synchronous)
    source = re.sub(r"\basync (def|with|for)\b", r"\1", source)
    source = re.sub(r"\bawait (?=[\w(])", "", source)
    source = re.sub(r"\bAwaitable\[(\w+)\]", r"\1", source)
    source = source.replace("import Awaitable, ", "import ")
    docstring, rest = source.split("\n", 1)
    return docstring + "\n" + _HEADER + rest
