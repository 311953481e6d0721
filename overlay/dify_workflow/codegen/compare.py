"""Whether a module still fits its app."""

from __future__ import annotations

from difflib import unified_diff

from .module import MARK


def changes(written: str, wanted: str, name: str) -> str:
    """The lines in which a module no longer fits, as a unified diff; empty where it fits.

    Args:
        written: The module as it is.
        wanted: The module as `generate` gives it now.
        name: What the diff calls it.
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
    """Whether a text is a module that `generate` wrote, and not somebody's own code."""
    return MARK in written[:2_000]
