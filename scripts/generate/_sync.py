"""Makes the sync modules from the source of the async ones. Pure."""

from __future__ import annotations

import re

_WORDS = (
    # async code and its sync counterpart
    (r"    def __await__\(self\).*\n(        .*\n)+\n", ""),
    (r"\basync (?=def\b|with\b|for\b)", ""),
    (r"\bawait (?=[\w(])", ""),
    (r"\bAwaitable\[(\w+)\]", r"\1"),
    (r"\bAsyncGenerator\[(.+), None\]", r"Generator[\1, None, None]"),
    (r"\b(Stop)?Async(?=[A-Z])", r"\1"),
    (r"\banext\b", "next"),
    (r"\b__a(enter|exit|iter|next)__", r"__\1__"),
    (r"\basync_(?=\w)", "sync_"),
    (r"\.aclose\(\)", ".close()"),
    (r"\bfrom anyio import Event\b", "from threading import Event"),
    (r"\bfrom anyio import sleep\b", "from time import sleep"),
)

_CLIENT = (
    ("The client for async code.", "The client for sync code."),
    (
        "Tasks may share one client, and so may several event loops.",
        "Threads may share one client.",
    ),
    (
        "keep the process, event loop and client\n        alive",
        "keep the process and the client alive\n       ",
    ),
    (
        "finding it again. None for\n                no limit.",
        """finding it again. None for
                no limit. The DNS lookup is not covered. With your own HTTP client, and over HTTP/2,
                the deadline is checked only when data arrives.""",
    ),
)
_ITERATORS = (
    ("no connection or task.", "no connection or thread."),
    (" or a cancellation", ""),
    ("between tasks", "between threads"),
    ("\n    It begins when it is awaited or first iterated.\n", ""),
)
_MEDIA = (
    ("for tasks.", "for threads."),
    ("an async context manager and async iterator", "a context manager and an iterator"),
    ("\n    The request is sent when it is awaited, entered or iterated.\n", ""),
)
_STREAM = (
    ("for tasks:", "for threads:"),
    *_MEDIA[1:],
    (", any exception and cancellation", " and any exception"),
    ("One task reads", "One thread reads"),
    ("by another task", "by another thread"),
)
_TYPED_APP = (
    ("for async code", "for sync code"),
    ("from .async_client import", "from .client import"),
)

SYNC_MODULES: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "async_client.py": ("client.py", _CLIENT),
    "async_typed_app.py": ("typed_app.py", _TYPED_APP),
    "_http/async_transport.py": ("_http/sync_transport.py", ()),
    "_logs/async_iterators.py": ("_logs/sync_iterators.py", _ITERATORS),
    "_streams/async_media.py": ("_streams/sync_media.py", _MEDIA),
    "_streams/async_stream.py": ("_streams/sync_stream.py", _STREAM),
}
"""By async module of overlay/dify_workflow: its sync module, and texts of only one of them."""


def sync_module(path: str, source: str) -> str:
    """Return the sync module: with sync names and keywords, and with sentences about sync code.

    Args:
        path: The async module, a key of `SYNC_MODULES`.
        source: Its text.
    """
    for asynchronous, synchronous in SYNC_MODULES[path][1]:
        if asynchronous not in source:
            raise SystemExit(f"{path} no longer has {asynchronous!r}; see _sync.py")
        source = source.replace(asynchronous, synchronous)
    for pattern, word in _WORDS:
        source = re.sub(pattern, word, source)
    name = path.rpartition("/")[2]
    return f"# Written by `make generate` from {name}; change that one instead.\n{source}"
