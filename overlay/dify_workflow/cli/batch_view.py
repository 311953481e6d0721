"""The view of a batch: a bar in a terminal, lines in a pipe."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol, Self

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from .._inert import inert_line
from .._text import counted, duration
from ..batch import BatchProgress
from ._drawing import STYLES
from .console import can_draw, errors
from .exits import say

_LINE_SECONDS = 5.0
"""Seconds between two lines in a pipe."""

_MEMORY_SECONDS = 30.0
"""Over how many seconds the rate is that an estimate is made of."""


class BatchView(Protocol):
    """Shows how far a batch is; it is called by the batch's thread."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def show(self, progress: BatchProgress) -> None:
        """Show how far it is."""
        ...

    def say(self, text: str) -> None:
        """Say something beside it."""
        ...

    def close(self) -> None:
        """Show nothing more."""
        ...


def view_of_batch() -> BatchView:
    """The view for where output goes."""
    return _BarView() if can_draw() else _LineView()


class Speed:
    """How many rows come to their ends in a second, of late.

    Args:
        clock: Gives the time in seconds.
    """

    def __init__(self) -> None:
        self._marks: list[tuple[float, int]] = []

    def note(self, now: float, settled: int) -> None:
        """Note how many rows there are with a status."""
        if not self._marks or now - self._marks[-1][0] >= _MEMORY_SECONDS / 30:
            self._marks.append((now, settled))
        while len(self._marks) > 2 and now - self._marks[1][0] > _MEMORY_SECONDS:  # noqa: PLR2004  # the ends of a span
            del self._marks[0]

    def rate(self, now: float, settled: int) -> float:
        """Rows in a second; 0 before there is any."""
        if not self._marks:
            return 0.0
        since, before = self._marks[0]
        return (settled - before) / (now - since) if now > since else 0.0


def facts(progress: BatchProgress, rate: float) -> list[str]:
    """What is said of a batch: rate, time left, tokens."""
    said: list[str] = []
    if rate > 0:
        said.append(f"{rate:,.1f}/s")
        if progress.total is not None and progress.total > progress.settled:
            said.append(f"{duration((progress.total - progress.settled) / rate)} left")
    if progress.tokens:
        said.append(counted(progress.tokens, "token"))
    return said


class _BarView:
    def __init__(self) -> None:
        self._bar = Progress(
            BarColumn(None),
            TextColumn("{task.fields[rows]}"),
            TextColumn("{task.fields[counts]}"),
            TextColumn("{task.fields[facts]}", style="dim"),
            console=errors,
            transient=True,
        )
        self._task: TaskID = self._bar.add_task("", total=None, rows="", counts="", facts="")
        self._speed = Speed()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._bar.stop()

    def show(self, progress: BatchProgress) -> None:
        now = time.monotonic()
        self._speed.note(now, progress.settled)
        self._bar.update(
            self._task,
            total=progress.total,
            completed=progress.settled,
            rows=_rows(progress),
            counts=_colored(progress),
            facts="  ".join(facts(progress, self._speed.rate(now, progress.settled))),
        )

    def say(self, text: str) -> None:
        self._bar.console.print(Text(inert_line(text)))


class _LineView:
    def __init__(self) -> None:
        self._speed = Speed()
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._next = float("inf")

    def show(self, progress: BatchProgress) -> None:
        now = time.monotonic()
        self._speed.note(now, progress.settled)
        if now < self._next:
            return
        self._next = now + _LINE_SECONDS
        parts = [f"{_rows(progress)} rows"]
        parts += [f"{many:,} {status}" for status, many in progress.counts.items()]
        parts += facts(progress, self._speed.rate(now, progress.settled))
        self.say(", ".join(parts))

    def say(self, text: str) -> None:
        say(text)


def _rows(progress: BatchProgress) -> str:
    total = "" if progress.total is None else f" of {progress.total:,}"
    return f"{progress.settled:,}{total}"


def _colored(progress: BatchProgress) -> str:
    """Counts by status, in the markup of rich; statuses are words of our own or the server's."""
    return "  ".join(
        f"[{STYLES.get(status, 'default')}]{many:,} {escape(inert_line(status))}[/]"
        for status, many in progress.counts.items()
    )
