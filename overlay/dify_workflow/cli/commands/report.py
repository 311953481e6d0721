"""``report``: a page about a run, out of its events."""
# pyright: reportUnknownMemberType=false
# typer.Option leaves type arguments open.

from __future__ import annotations

from typing import Annotated

import typer

from ..exits import handled


def report(
    source: Annotated[
        str,
        typer.Argument(metavar="EVENTS.jsonl", show_default=False),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where the report goes; - for stdout.",
            show_default="beside EVENTS.jsonl, or stdout",
        ),
    ] = None,
    as_svg: Annotated[
        bool, typer.Option("--svg", help="Write the timeline alone, as a picture.")
    ] = False,
) -> None:
    """Write a page that shows what a run did when: one HTML file that loads nothing.

    EVENTS.jsonl is what run --jsonl wrote; - is stdin. Prints where the page is. The page holds
    inputs and outputs of the run; the picture does not.
    """
    with handled():
        from .._reporting import write_report

        write_report(source, output, as_svg=as_svg)
