"""Check whether a module still fits its app."""

from __future__ import annotations

from difflib import unified_diff

from .module import MARK


def changes(written: str, wanted: str, name: str) -> str:
    """Compare a module with the one that its app needs now.

    Example::

        assert changes("topic: str", "topic: str", "story.py") == ""

    Args:
        written: Text of the existing module.
        wanted: Text of the module that `generate` returns now.
        name: Name of the module in the diff.

    Returns:
        The differences as a unified diff; empty if there are none.
    """
    lines = unified_diff(
        written.splitlines(),
        wanted.splitlines(),
        f"{name} (as it is)",
        f"{name} (as the app is)",
        lineterm="",
    )
    return "\n".join(lines)


def is_ours(written: str) -> bool:
    """Whether a text is a module that `generate` wrote, and not code written by hand.

    Args:
        written: Text of the module.
    """
    return MARK in written[:2_000]
