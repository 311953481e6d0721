"""How a batch went, when it has ended."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from .._text import counted, duration, headline, inert_line
from ..batch import BatchSummary, RowResult
from ._consoles import errors
from ._drawing import STYLES, mark
from ._exits import FAILED, INTERRUPTED, PAUSED, UNKNOWN

_SLOWEST = 3
_TROUBLED = 10
"""Rows that are shown of those."""


def exit_code(summary: BatchSummary) -> int:
    """The exit code for a batch."""
    if summary.is_interrupted:
        return INTERRUPTED
    if summary.unknown:
        return UNKNOWN
    if summary.counts.get("failed") or summary.counts.get("stopped"):
        return FAILED
    return PAUSED if summary.counts.get("paused") else 0


def show_summary(summary: BatchSummary, output: Path) -> None:
    """Show how a batch went, and the rows that are worth a look."""
    troubled = summary.troubled(_TROUBLED)
    if troubled:
        errors.print(Text("Rows that did not succeed:", style="bold"))
        for result in troubled:
            errors.print(_line(result, headline(result.message or "")))
    slowest = [row for row in summary.slowest(_SLOWEST) if row.elapsed_time is not None]
    if len(slowest) == _SLOWEST:
        errors.print(Text("The slowest:", style="bold"))
        for result in slowest:
            errors.print(_line(result, duration(result.elapsed_time)))
    counts = [f"{many:,} {inert_line(status)}" for status, many in summary.counts.items()]
    facts = [*counts, duration(summary.elapsed_time)]
    facts += [counted(summary.tokens, "token")] if summary.tokens else []
    errors.print(Text(f"{counted(summary.rows, 'row')}: {', '.join(facts)}"))
    errors.print(Text(f"Results: {inert_line(str(output))}"))
    if summary.is_interrupted:
        errors.print(Text("Interrupted; --resume goes on."))
    elif summary.unknown:
        hint = "--resume --rerun-unknown sends rows again whose outcome is unknown."
        errors.print(Text(hint))


def _line(result: RowResult, note: str) -> Text:
    """A row that did not succeed, or took long, on a line of its own."""
    named = "id" in result.row
    name = result.key if named else f"row {result.number + 1}"
    style = STYLES.get(result.status, "")
    status = (f"{result.status:9}", style)
    return Text.assemble("  ", mark(result.status), " ", status, " ", inert_line(name), "  ", note)
