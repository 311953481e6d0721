"""How a batch went, when it has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.text import Text

from .._inert import headline, inert_line
from .._text import counted, duration
from ..batch import BatchSummary, RowResult
from ._drawing import STYLES, mark
from ._printing import command
from .console import errors
from .exits import FAILED, INTERRUPTED, PAUSED, UNKNOWN

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


def show_summary(summary: BatchSummary, table: Path, output: Path, again: Sequence[str]) -> None:
    """Show how a batch went, the rows that are worth a look, and what can be done now.

    Args:
        summary: How it went.
        table: Where its rows are.
        output: Where its results are.
        again: The words of the command that goes on with it, up to the table.
    """
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
    if summary.shut_down:
        stops = counted(summary.shut_down, "run")
        errors.print(Text(f"Stopped as the server's workers were shut down: {stops}."))
    if summary.is_interrupted:
        errors.print(Text("Interrupted; --resume goes on."))
        return
    for what, *options in _next_steps(summary):
        errors.print(Text(what))
        errors.print(Text(f"  {command(*again, *options, str(table))}"))


def _next_steps(summary: BatchSummary) -> Iterator[tuple[str, ...]]:
    """What can be done now, and the options that do it besides ``--resume``."""
    look = "To look again for rows whose outcome is unknown"
    if summary.queued:
        yield (f"{look} (their runs may still wait in the server's queue):",)
    elif summary.unknown:
        yield f"{look}, and send again those that are not found:", "--rerun-unknown"
    if summary.attempts_needed:
        needed = str(summary.attempts_needed)
        yield "To run again the rows that a shutdown stopped:", "--max-attempts", needed


def _line(result: RowResult, note: str) -> Text:
    """A row that did not succeed, or took long, on a line of its own."""
    named = "id" in result.row
    name = result.key if named else f"row {result.number + 1}"
    style = STYLES.get(result.status, "")
    status = (f"{inert_line(result.status):9}", style)
    return Text.assemble("  ", mark(result.status), " ", status, " ", inert_line(name), "  ", note)
