"""Check whether a module still fits its app."""

from __future__ import annotations

from difflib import unified_diff

from .module import MARK


def changes(written: str, wanted: str, name: str) -> str:
    """Compare a module with the one that its app needs now.

    Example::

        source = generate(published_app(workflow))
        assert changes(source, source, "echo.py") == ""

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

    Example::

        source = generate(published_app(workflow))
        assert is_ours(source) and not is_ours("print('by hand')")

    Args:
        written: Text of the module.

    Returns:
        True if `generate` wrote it.
    """
    return MARK in written[:2_000]
