"""`RunReport`: what a run did, for people to look at later."""

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
"""Pixels that a notebook gives to a report: to each row, to what is around, and at most."""


_CLASSES: dict[str, type[StreamEvent[object]]] = {
    **EVENT_CLASSES,
    "stream_gap": StreamGap,
    "unreadable": UnreadableEvent,
}
"""Those of the server, and the two that the client makes itself."""


class RunReport:
    """A report of one run: a timeline of its nodes with what they took, gave, cost and said.

    Begin with `of` where the events are there already, with `read` where they are in a file, or
    let events pass while you use them::

        report = RunReport()
        with workflow.run_workflow_stream(inputs) as stream:
            for event in report.watch(stream):
                ...
        report.save("run.html")

    It keeps what it shows and not the events: of streamed text the whole, not its pieces. What it
    shows are the run's values as they are, so treat a report as you treat them; it holds no key.
    """

    def __init__(self) -> None:
        self._fold = Fold()
        self._sources: list[Source] = []

    @classmethod
    def of(cls, events: Iterable[StreamEvent[object]]) -> Self:
        """The report of events that are there already, such as those of a list.

        Args:
            events: The events of one run, in their order. A run that was paused may have those of
                several streams, one behind the other.
        """
        report = cls()
        for event in events:
            report.add(event)
        return report

    @classmethod
    def read(cls, source: str | os.PathLike[str] | IO[str] | IO[bytes]) -> Self:
        """The report of a file of events, as ``dify-workflow run --jsonl`` writes it.

        Args:
            source: Where the file is, or the file, opened for reading. Each line is an event as
                JSON, in UTF-8 or UTF-16; empty ones are passed over. A last line that was cut off
                is told in the report.

        Raises:
            InvalidRequestError: The file cannot be read, has no event, or has a line that is none.
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
            event: The event that comes next.
            arrived: When it arrived, in seconds by any one clock. With it bars are exact; without
                it they follow the server's times, which are whole seconds, and durations.
        """
        self._fold.take(event, arrived)

    def watch(self, stream: Iterable[StreamEvent[object]]) -> Iterator[StreamEvent[object]]:
        """Pass the events of a live stream through, and note when each arrived.

        Where the stream fails, the report says so, and the exception goes on.

        Args:
            stream: What `DifyWorkflow.run_workflow_stream` returns, or any other live events.
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
        """Likewise for what `AsyncDifyWorkflow.run_workflow_stream` returns.

        Args:
            stream: The live events.
        """
        try:
            async for event in stream:
                self.add(event, arrived=time.time())
                yield event
        except Exception as error:
            self.lose(error)
            raise

    def lose(self, error: BaseException | str) -> None:
        """Note that the rest of the run will not be told, as `watch` does by itself.

        Args:
            error: Why.
        """
        self._fold.lose(str(error) or type(error).__name__, time.time())

    def html(self) -> str:
        """The report as one HTML document that loads nothing and runs no script."""
        return page(lay_out(self._fold.timeline))

    def svg(self) -> str:
        """The timeline alone, as an SVG picture without the run's values."""
        return picture(lay_out(self._fold.timeline))

    def save(self, path: str | os.PathLike[str], *, svg: bool | None = None) -> Path:
        """Write the report to a file, whole or not at all, and return where it is.

        Args:
            path: Where. A file that is there is replaced.
            svg: Whether to write the timeline alone; by default where the name ends in ``.svg``.

        Raises:
            OSError: The file cannot be written.
            InvalidRequestError: It is the file of events that the report was read from.
        """
        place = Path(path)
        refuse_source(place, *self._sources)
        is_picture = place.suffix.lower() == ".svg" if svg is None else svg
        text = self.svg() if is_picture else self.html()
        with replacing(place) as file:
            file.write(text.encode())
        return place

    def _repr_html_(self) -> str:
        """What a notebook shows: the report in a frame of its own, in which nothing can run."""
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
    """The events of a file; None with the reason where its last line was cut off.

    Args:
        source: Where the file is, or the file.

    Raises:
        InvalidRequestError: It cannot be read, has no event, or has a line that is none.
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
        raise InvalidRequestError(f"{name} is no text in UTF-8 or UTF-16: {error}.") from error


def _in_utf8(lines: Iterable[str | bytes]) -> Iterator[str | bytes]:
    """The lines, of which the first says the encoding: UTF-8, or UTF-16 as PowerShell writes it."""
    lines = iter(lines)
    first = next(lines, b"")
    if isinstance(first, str):
        yield from chain([first.removeprefix("\ufeff")], lines)
        return
    encoding = json.detect_encoding(first)
    if encoding in {"utf-8", "utf-8-sig"}:
        yield from chain([first.removeprefix(codecs.BOM_UTF8)], lines)
        return
    decoder = codecs.getincrementaldecoder(encoding)()  # a byte 0A ends no line of UTF-16
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
            raise InvalidRequestError(f"{name}, line {number}, is no event: {abridged(value, 80)}")
        count += 1
        yield _CLASSES.get(kind, UnknownEvent)(value), ""
    if not count:
        raise InvalidRequestError(f"{name} has no event.")
