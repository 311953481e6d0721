"""The standard streams, of which whoever starts the command may have closed any (``>&-``)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from .exits import USAGE, complain

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}
"""In the order of their numbers: a file that is opened gets the lowest one that is free."""


def check_streams() -> None:
    """Put nothing behind stdin and stderr where they are closed, and refuse a closed stdout.

    Nothing has been sent by then. Files that are opened later must not get the numbers of standard
    streams: what is meant for stderr would go there.

    Raises:
        Exit: stdout is closed.
    """
    closed = [name for name in _MODES if getattr(sys, name) is None]
    for name in closed:
        nowhere = Path(os.devnull).open(_MODES[name], encoding="utf-8")  # noqa: SIM115  # to the end
        setattr(sys, name, nowhere)
    if "stdout" in closed:
        complain("stdout is closed, so nothing was done.", "To discard the output: >/dev/null")
        raise typer.Exit(USAGE)
