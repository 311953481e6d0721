"""``report``: write a page about a run from its events."""
# pyright: reportUnknownMemberType=false
# typer.Option leaves type arguments open.

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ...errors import InvalidRequestError
from ..console import print_document, print_line

_STANDARD = "-"
"""Means stdin and stdout."""


def report(
    source: Annotated[str, typer.Argument(metavar="EVENTS.jsonl")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File for the report; - for stdout.",
            show_default="next to EVENTS.jsonl, or stdout",
        ),
    ] = None,
    as_svg: Annotated[
        bool, typer.Option("--svg", help="Write only the timeline, as a picture.")
    ] = False,
) -> None:
    """Write a page that shows what a run did and when.

    EVENTS.jsonl is the output of run --jsonl; - is stdin. Prints the path of the page, one HTML
    file that loads nothing. The page contains inputs and outputs of the run; the picture does not.

    Examples:
        dify-workflow run -i topic=boxes --jsonl > events.jsonl
        dify-workflow report events.jsonl
        dify-workflow report events.jsonl --svg --output timeline.svg
    """
    from ...report import RunReport

    read = RunReport.read(sys.stdin.buffer if source == _STANDARD else source)
    text = read.svg() if as_svg else read.html()
    if output == _STANDARD or (output is None and source == _STANDARD):
        print_document(text)
        return
    target = Path(output or Path(source).with_suffix(".svg" if as_svg else ".html"))
    try:
        read.save(target, svg=as_svg)
    except OSError as error:
        raise InvalidRequestError(f"{target} cannot be written: {error.strerror}.") from error
    print_line(str(target))
