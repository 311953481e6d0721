"""Reports of runs that are watched, and of events in files."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from .._output_file import Source, refuse_source
from ..errors import InvalidRequestError
from ..events.base import StreamEvent
from ..models import WorkflowRunResponse
from ..report import RunReport
from ._printing import print_line
from ._views import View

STANDARD = "-"
"""Stands for stdin and stdout."""


class ReportingView:
    """A view that writes a report of the run when it is left, however the run went.

    Args:
        view: What shows the run meanwhile.
        place: Where the report goes.
    """

    def __init__(self, view: View, place: Path) -> None:
        self._view = view
        self._place = place
        self._report = RunReport()
        self._has_events = False

    def show(self, event: StreamEvent[object]) -> None:
        """Show an event, and take it into the report."""
        self._report.add(event, arrived=time.time())
        self._has_events = True
        self._view.show(event)

    def end(self, run: WorkflowRunResponse) -> None:
        """Show how the run ended."""
        self._view.end(run)

    def say(self, text: str) -> None:
        """Say something that is no part of the run."""
        self._view.say(text)

    def __enter__(self) -> Self:
        self._view.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._view.__exit__(exc_type, exc, traceback)
        finally:
            self._write(exc)

    def _write(self, failure: BaseException | None) -> None:
        if not self._has_events:
            return
        if failure is None:
            self._report.save(self._place)
            return
        self._report.lose(failure)
        with suppress(OSError):  # what went wrong before says more
            self._report.save(self._place)


def with_report(view: View, place: Path | None, sources: Iterable[Source] = ()) -> View:
    """A view, with a report where one is wanted.

    Args:
        view: The view.
        place: Where the report goes; None for none.
        sources: Files that the run is made of.

    Raises:
        InvalidRequestError: No file can be written there, or it would replace one of those.
    """
    if place is None:
        return view
    refuse_source(place, *sources)
    folder = place.absolute().parent
    if not folder.is_dir():
        raise InvalidRequestError(f"There is no folder {folder} for the report.")
    if place.is_dir() or not os.access(place if place.exists() else folder, os.W_OK):
        raise InvalidRequestError(f"The report cannot be written to {place}.")
    return ReportingView(view, place)


def write_report(source: str, place: str | None, *, as_svg: bool) -> None:
    """Write the report of a file of events, and print where it is.

    Args:
        source: The file, or ``-`` for stdin.
        place: Where the report goes, or ``-`` for stdout; None for beside the file.
        as_svg: Whether to write the timeline alone.

    Raises:
        InvalidRequestError: The file cannot be read or holds no events, or the report cannot be
            written.
    """
    report = RunReport.read(sys.stdin.buffer if source == STANDARD else source)
    text = report.svg() if as_svg else report.html()
    if place == STANDARD or (place is None and source == STANDARD):
        sys.stdout.write(text)
        return
    target = Path(place) if place else Path(source).with_suffix(".svg" if as_svg else ".html")
    try:
        report.save(target, svg=as_svg)
    except OSError as error:
        raise InvalidRequestError(f"{target} cannot be written: {error.strerror}.") from error
    print_line(str(target))
