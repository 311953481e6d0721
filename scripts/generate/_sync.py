"""The sync modules, from the sources of the async ones. Pure."""

from __future__ import annotations

import re

_WORDS = (
    # what async code writes, and sync code instead
    (r"    def __await__\(self\).*\n(        .*\n)+\n", ""),
    (r"\basync (?=def\b|with\b|for\b)", ""),
    (r"\bawait (?=[\w(])", ""),
    (r"\bAwaitable\[(\w+)\]", r"\1"),
    (r"\bAsyncGenerator\[(.+), None\]", r"Generator[\1, None, None]"),
    (r"\bAsyncGenerator\b", "Generator"),
    (r"\b(Stop)?Async(?=[A-Z])", lambda found: found[1] or ""),
    (r"\banext\(", "next("),
    (r"\b__a(enter|exit|iter|next)__", r"__\1__"),
    (r"\basync_(?=\w)", "sync_"),
    (r"\bfrom anyio import Event\b", "from threading import Event"),
    (r"\bfrom anyio import sleep\b", "from time import sleep"),
)

SYNC_MODULES: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    # the async module: its sync one, and what is true of async code alone with what holds instead
    "async_client.py": (
        "client.py",
        (
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
        ),
    ),
}
"""Sync modules by the async ones they are made from; paths below overlay/dify_workflow."""


def sync_module(path: str, source: str) -> str:
    """The sync module: names and keywords rewritten, and sentences that are true in async alone.

    Args:
        path: The async module, a key of `SYNC_MODULES`.
        source: Its text.
    """
    _, sentences = SYNC_MODULES[path]
    for asynchronous, synchronous in sentences:
        if asynchronous not in source:
            raise SystemExit(f"{path} no longer holds {asynchronous!r}; see _sync.py")
        source = source.replace(asynchronous, synchronous)
    for pattern, word in _WORDS:
        source = re.sub(pattern, word, source)
    name = path.rpartition("/")[2]
    return f"# Written by `make generate` from {name}; change that one instead.\n{source}"
