"""`RunReport`: a page or picture that shows what a run did."""

from __future__ import annotations

import codecs
import json
import os
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from html import escape
from itertools import chain
from pathlib import Path
from typing import IO, Self

from .._json import JSON, abridged, decode, is_object
from .._streams.feed import StreamGap
from ..errors import InvalidRequestError
from ..events import EVENT_CLASSES
from ..events.base import StreamEvent, UnknownEvent, UnreadableEvent
from ..output import Source, refuse_source, replacing, source_of
from ..timeline.fold import Fold
from .layout import lay_out
from .page import page
from .svg import picture

_ROW = 28
_AROUND = 330
_TALLEST = 760
"""Heights in pixels for a report in a notebook: of a row, of the rest, and the largest in all."""


_CLASSES: dict[str, type[StreamEvent[object]]] = {
    **EVENT_CLASSES,
    "stream_gap": StreamGap,
    "unreadable": UnreadableEvent,
}
"""The server's events, and the two that the client makes."""


class RunReport:
    """A report of one run: a timeline of its nodes, with inputs, outputs, costs and errors.

    Use `of` for events that you have, `read` for a file of events, or `watch` for a live stream.
    The report keeps what it shows, not the events. It shows the values of the run unchanged, so
    treat it as you treat them. It holds no API key.

    Example::

        report = RunReport()
        with workflow.run_workflow_stream({"name": "Ann"}) as stream:
            for event in report.watch(stream):
                print(event.event)
        report.save("run.html")
    """

    def __init__(self) -> None:
        self._fold = Fold()
        self._sources: list[Source] = []

    @classmethod
    def of(cls, events: Iterable[StreamEvent[object]]) -> Self:
        """Make a report of events that you already have.

        Args:
            events: The events of one run, in their order. For a run that was paused, the events of
                several streams, one after the other.

        Returns:
            The report.

        Example::

            with workflow.run_workflow_stream({"name": "Ann"}) as stream:
                report = RunReport.of(list(stream))
        """
        report = cls()
        for event in events:
            report.add(event)
        return report

    @classmethod
    def read(cls, source: str | os.PathLike[str] | IO[str] | IO[bytes]) -> Self:
        """Make a report of a file of events, as ``dify-workflow run --jsonl`` writes it.

        Args:
            source: The path, or the file opened for reading. Each line is an event as JSON, in
                UTF-8 or UTF-16. Empty lines are ignored. The report says if the last line is cut.

        Returns:
            The report.

        Raises:
            InvalidRequestError: The file cannot be read, has no event, or has a line that is not
                an event.

        Example::

            report = RunReport.read("run.jsonl")
            report.save("run.html")
        """
        report = cls()
        if isinstance(source, str | os.PathLike):
            report._sources = [source]
        else:
            report._sources = source_of(source)
        for event, cut in _events_of(source):
            if event is not None:
                report.add(event)
            else:
                report._fold.lose(cut)
        return report

    def add(self, event: StreamEvent[object], *, arrived: float | None = None) -> None:
        """Add an event.

        Args:
            event: The next event.
            arrived: When it arrived, in seconds by any one clock. With it, bars are exact. Without
                it, they follow durations and the server's times, which are whole seconds.

        Example::

            for event in workflow.run_workflow_stream({"name": "Ann"}):
                report.add(event)
        """
        self._fold.take(event, arrived)

    def watch(self, stream: Iterable[StreamEvent[object]]) -> Iterator[StreamEvent[object]]:
        """Pass on the events of a live stream, and note when each arrived.

        If the stream fails, the report says so, and the exception is raised.

        Args:
            stream: What `DifyWorkflow.run_workflow_stream` returns, or any other live events.

        Returns:
            The events of the stream.

        Example::

            for event in report.watch(workflow.run_workflow_stream({"name": "Ann"})):
                print(event.event)
        """
        try:
            for event in stream:
                self.add(event, arrived=time.time())
                yield event
        except Exception as error:
            self.lose(error)
            raise

    async def awatch(
        self, stream: AsyncIterable[StreamEvent[object]]
    ) -> AsyncIterator[StreamEvent[object]]:
        """Do the same as `watch` for what `AsyncDifyWorkflow.run_workflow_stream` returns.

        Args:
            stream: The live events.

        Returns:
            The events of the stream.

        Example::

            async for event in report.awatch(async_workflow.run_workflow_stream({"name": "Ann"})):
                print(event.event)
        """
        try:
            async for event in stream:
                self.add(event, arrived=time.time())
                yield event
        except Exception as error:
            self.lose(error)
            raise

    def lose(self, error: BaseException | str) -> None:
        """Note that the rest of the run is unknown. `watch` does this when the stream fails.

        Args:
            error: The reason.

        Example::

            report.lose("the connection broke")
            report.save("run.html")
        """
        self._fold.lose(str(error) or type(error).__name__, time.time())

    def html(self) -> str:
        """Return the report as one HTML document that loads nothing and runs no script.

        Returns:
            The document.

        Example::

            page = report.html()
            Path("run.html").write_text(page, encoding="utf-8")
        """
        return page(lay_out(self._fold.timeline))

    def svg(self) -> str:
        """Return the timeline alone, as an SVG picture without the run's values.

        Returns:
            The picture.

        Example::

            picture = report.svg()
            Path("run.svg").write_text(picture, encoding="utf-8")
        """
        return picture(lay_out(self._fold.timeline))

    def save(self, path: str | os.PathLike[str], *, svg: bool | None = None) -> Path:
        """Write the report to a file: the whole report, or nothing.

        Args:
            path: The file. An existing file is replaced.
            svg: Whether to write the timeline alone. By default, the ending ``.svg`` decides.

        Returns:
            The path of the file.

        Raises:
            OSError: The file cannot be written.
            InvalidRequestError: It is the file of events that the report was read from.

        Example::

            report.save("run.html")
            report.save("run.svg")  # the timeline alone
        """
        place = Path(path)
        refuse_source(place, *self._sources)
        is_picture = place.suffix.lower() == ".svg" if svg is None else svg
        text = self.svg() if is_picture else self.html()
        with replacing(place) as file:
            file.write(text.encode())
        return place

    def _repr_html_(self) -> str:
        """Return the report in a frame of its own, in which no script runs, for notebooks."""
        layout = lay_out(self._fold.timeline)
        rows = sum(1 + (row.size if row.is_open else 0) for row in layout.rows)
        height = min(_AROUND + rows * _ROW, _TALLEST)
        style = f"width:100%;height:{height}px;border:0;border-radius:10px;resize:vertical"
        return (
            f'<iframe sandbox title="Report of a workflow run" style="{style}" '
            f'srcdoc="{escape(page(layout))}"></iframe>'
        )

    def __repr__(self) -> str:
        run = self._fold.timeline
        return f"<RunReport run_id={run.run_id!r} {run.status}, {sum(run.events.values())} events>"


def _events_of(
    source: str | os.PathLike[str] | IO[str] | IO[bytes],
) -> Iterator[tuple[StreamEvent[object] | None, str]]:
    """Yield the events of a file, or None with the reason if its last line is cut off.

    Args:
        source: The path, or the file.

    Raises:
        InvalidRequestError: It cannot be read, has no event, or has a line that is not an event.
    """
    name = os.fspath(source) if isinstance(source, str | os.PathLike) else "The file"
    try:
        if isinstance(source, str | os.PathLike):
            with Path(source).open("rb") as file:
                yield from _events(file, name)
        else:
            yield from _events(source, name)
    except OSError as error:
        raise InvalidRequestError(f"{name} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"{name} is not text in UTF-8 or UTF-16: {error}.") from error


def _in_utf8(lines: Iterable[str | bytes]) -> Iterator[str | bytes]:
    """Yield lines as UTF-8. The first line shows the encoding: UTF-8 or UTF-16 (PowerShell)."""
    lines = iter(lines)
    first = next(lines, b"")
    if isinstance(first, str):
        yield from chain([first.removeprefix("\ufeff")], lines)
        return
    encoding = json.detect_encoding(first)
    if encoding in {"utf-8", "utf-8-sig"}:
        yield from chain([first.removeprefix(codecs.BOM_UTF8)], lines)
        return
    decoder = codecs.getincrementaldecoder(encoding)()  # in UTF-16, a byte 0A does not end a line
    text = ""
    for piece in chain([first], lines):
        assert isinstance(piece, bytes)
        *whole, text = (text + decoder.decode(piece)).split("\n")
        yield from (f"{line}\n" for line in whole)
    yield text + decoder.decode(b"", final=True)


def _events(
    lines: Iterable[str | bytes], name: str
) -> Iterator[tuple[StreamEvent[object] | None, str]]:
    count = number = 0
    for number, line in enumerate(_in_utf8(lines), 1):
        text = line.encode(errors="surrogatepass") if isinstance(line, str) else line
        if not text.strip():
            continue
        try:
            value: JSON = decode(text)
        except ValueError as error:
            if count and not text.endswith(b"\n"):
                yield None, f"The last line of the file is cut off (line {number})."
                return
            raise InvalidRequestError(f"{name}, line {number}, is not JSON: {error}.") from error
        kind: JSON = value.get("event") if is_object(value) else None
        if not isinstance(kind, str):
            found = abridged(value, 80)
            raise InvalidRequestError(f"{name}, line {number}, is not an event: {found}")
        count += 1
        yield _CLASSES.get(kind, UnknownEvent)(value), ""
    if not count:
        raise InvalidRequestError(f"{name} has no event.")
