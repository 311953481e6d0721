"""The progress of a batch, as a bar in a terminal and as lines in a pipe, and its summary."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from rich.console import RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from ..batch import BatchProgress, BatchSummary, RowResult
from ..batch.records import key_of
from ..timeline.inert import headline, inert_line
from ..timeline.text import counted, duration
from .console import can_draw, command, errors, on_ctrl_c, say
from .lines import STYLES, mark

_LINE_SECONDS = 5.0
"""Seconds between two lines in a pipe."""
_MEMORY_SECONDS = 30.0
"""Seconds over which the rate for the estimate is measured."""
_SLOWEST = 3
_TROUBLED = 10
"""Maximum number of rows that the summary lists."""


class Speed:
    """How many rows ended per second recently."""

    def __init__(self) -> None:
        self._marks: list[tuple[float, int]] = []

    def note(self, now: float, settled: int) -> None:
        """Note how many rows have ended."""
        if not self._marks or now - self._marks[-1][0] >= _MEMORY_SECONDS / 30:
            self._marks.append((now, settled))
        while len(self._marks) > 2 and now - self._marks[1][0] > _MEMORY_SECONDS:  # noqa: PLR2004  # the ends of a span
            del self._marks[0]

    def rate(self, now: float, settled: int) -> float:
        """Rows per second; 0 before the first row has ended."""
        if not self._marks:
            return 0.0
        since, before = self._marks[0]
        return (settled - before) / (now - since) if now > since else 0.0


def facts(progress: BatchProgress, rate: float) -> list[str]:
    """What the view shows besides the rows: rate, time left, tokens, price."""
    said: list[str] = []
    if rate > 0:
        said.append(f"{rate:,.1f}/s")
        if progress.total is not None and progress.total > progress.settled:
            said.append(f"{duration((progress.total - progress.settled) / rate)} left")
    return said + _used(progress)


def _used(batch: BatchProgress | BatchSummary) -> list[str]:
    """The tokens that runs used and their price, if known."""
    said = [counted(batch.tokens, "token")] if batch.tokens else []
    least = "at least " if batch.unpriced else ""
    costs = sorted(batch.prices.items())
    return said + [f"{least}{_amount(cost)} {inert_line(unit)}" for unit, cost in costs]


def _amount(price: Decimal) -> str:
    """A price for people: with cents, or with two significant digits if it is less than a cent."""
    return f"{price:,.{max(2, 1 - price.adjusted())}f}"


class BatchView:
    """Shows the progress of a batch as lines; the batch's thread calls it."""

    def __init__(self) -> None:
        self._speed = Speed()
        self._next = 0.0

    def show(self, progress: BatchProgress) -> None:
        """Show the progress, unless a line was written just before."""
        said = self._facts(progress)
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _LINE_SECONDS
        counts = [f"{many:,} {status}" for status, many in progress.counts.items()]
        self.say(", ".join([f"{_rows(progress)} rows", *counts, *said]))

    def say(self, text: str) -> None:
        """Show another message."""
        say(text)

    def close(self) -> None:
        """Show nothing more."""
        self._next = float("inf")

    def _facts(self, progress: BatchProgress) -> list[str]:
        now = time.monotonic()
        self._speed.note(now, progress.settled)
        return facts(progress, self._speed.rate(now, progress.settled))


class _Bar(Progress):
    """A bar with a line of facts below it: one line of a terminal is too short for both."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar and the line."""
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            yield Text(task.fields["facts"], style="dim", no_wrap=True, overflow="ellipsis")


class _BarView(BatchView):
    """Shows the progress as a bar in a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = _Bar(
            BarColumn(None),
            TextColumn("{task.fields[rows]}"),
            TextColumn("{task.fields[counts]}"),
            console=errors,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, rows="", counts="", facts="")
        self._bar.start()

    def show(self, progress: BatchProgress) -> None:
        """Show the progress."""
        counts = (
            f"[{STYLES.get(status, 'default')}]{many:,} {escape(inert_line(status))}[/]"
            for status, many in progress.counts.items()  # a status may be unknown here
        )
        self._bar.update(
            self._task,
            total=progress.total,
            completed=progress.settled,
            rows=_rows(progress),
            counts="  ".join(counts),
            facts="  ".join(self._facts(progress)),
        )

    def say(self, text: str) -> None:
        """Show a message above the bar."""
        self._bar.console.print(Text(inert_line(text)))

    def close(self) -> None:
        """Remove the bar."""
        self._bar.stop()


def view_of_batch() -> BatchView:
    """The view for this terminal or pipe."""
    return _BarView() if can_draw() else BatchView()


def _rows(progress: BatchProgress) -> str:
    total = "" if progress.total is None else f" of {progress.total:,}"
    return f"{progress.settled:,}{total}"


@contextmanager
def announced(view: BatchView, hint: str) -> Generator[None, None, None]:
    """At the first Ctrl-C, say what it does, and then raise `KeyboardInterrupt`.

    Args:
        view: Where to show the hint.
        hint: What Ctrl-C does.
    """
    is_said = False

    def press() -> None:
        nonlocal is_said
        if not is_said:
            is_said = True
            view.say(hint)
        raise KeyboardInterrupt

    with on_ctrl_c(press):
        yield


def show_summary(summary: BatchSummary, table: Path, output: Path, again: Sequence[str]) -> None:
    """Show the result of a batch, its failed and slowest rows, and what can be done next.

    Args:
        summary: The result.
        table: File of the rows.
        output: File of the results.
        again: The words of the command that continues it, up to the table.
    """
    troubled = summary.troubled(_TROUBLED)
    if troubled:
        many = summary.failed + summary.unknown
        some = "" if many <= len(troubled) else f", {len(troubled)} of {many:,}"
        errors.print(Text(f"Rows that did not succeed{some}:", style="bold"))
        for result in troubled:
            errors.print(_line(summary, result, headline(result.message or "")))
    slowest = [row for row in summary.slowest(_SLOWEST) if row.elapsed_time is not None]
    if len(slowest) == _SLOWEST:
        errors.print(Text("The slowest:", style="bold"))
        for result in slowest:
            errors.print(_line(summary, result, duration(result.elapsed_time)))
    counts = [f"{many:,} {inert_line(status)}" for status, many in summary.counts.items()]
    facts = [*counts, duration(summary.elapsed_time)]
    facts += _used(summary)
    errors.print(Text(f"{counted(summary.rows, 'row')}: {', '.join(facts)}"))
    errors.print(Text(f"Results: {inert_line(str(output))}"))
    if summary.shut_down:
        stops = counted(summary.shut_down, "run")
        errors.print(Text(f"Stopped because the server's workers were shut down: {stops}."))
    if summary.is_interrupted:
        errors.print(Text("Interrupted; --resume continues."))
        errors.print(Text(f"  {command(*again, str(table))}"))
        return
    for what, *options in _next_steps(summary):
        errors.print(Text(what))
        errors.print(Text(f"  {command(*again, *options, str(table))}"))


def _next_steps(summary: BatchSummary) -> Iterator[tuple[str, ...]]:
    """What can be done next, and the options for it in addition to ``--resume``."""
    # For rows that a shutdown stopped, there is the last step below.
    if summary.counts.get("failed") if summary.attempts_needed else summary.failed:
        yield "To run the failed rows again (you may correct them before):", "--rerun-failed"
    look = "To look again for rows whose outcome is unknown"
    if summary.queued:
        yield (f"{look} (their runs may still wait in the server's queue):",)
    elif summary.unknown:
        yield f"{look}, and send them again if they are not found:", "--rerun-unknown"
    if summary.attempts_needed:
        needed = str(summary.attempts_needed)
        yield "To run again the rows that a shutdown stopped:", "--max-attempts", needed


def _line(summary: BatchSummary, result: RowResult, note: str) -> Text:
    """A row that failed or took long, as one line."""
    name = f"row {summary.line_of(result):,}"
    if key_of(result.row) is not None:
        name += f" ({result.key})"
    style = STYLES.get(result.status, "")
    status = (f"{inert_line(result.status):9}", style)
    return Text.assemble("  ", mark(result.status), " ", status, " ", inert_line(name), "  ", note)
