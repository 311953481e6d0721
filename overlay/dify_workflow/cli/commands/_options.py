"""Options that several commands have."""
# pyright: reportUnknownMemberType=false
# typer.Option leaves type arguments open.

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

User: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--user",
        envvar="DIFY_USER",
        metavar="ID",
        help="Who it is for, a name of your own.",
        show_default="dify-workflow",
    ),
]
Values: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="NAME=VALUE",
        help="A value by the name of its input; repeatable.",
        show_default=False,
    ),
]
Files: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        metavar="NAME=PATH",
        help="A file to upload, or an http(s) address, by the name of its input; repeatable.",
        show_default=False,
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ResultAsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print the result alone, as JSON.")
]
EventsAsJson: TypeAlias = Annotated[
    bool, typer.Option("--jsonl", help="Print every event, as a line of JSON.")
]

Report: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write a page about the run too, or its timeline where FILE ends in .svg.",
        show_default=False,
    ),
]


def only_one(*options: tuple[str, bool]) -> None:
    """Refuse options of which each says what the whole output is.

    Raises:
        BadParameter: More than one of them was given.
    """
    given = [name for name, is_given in options if is_given]
    if len(given) > 1:
        raise typer.BadParameter(f"Take one of {', '.join(given)}.")
