"""The command line: called in this process, run in pipes, or run in a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Container
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from dify_workflow.cli import app
from support.program import PipedProgram, Program
from support.terminal import Terminal, terminal
from support.waiting import PATIENCE

COMMAND = [sys.executable, "-m", "dify_workflow"]
FOOT = "Ctrl-C stops the run"
"""The last line of the live view."""

KEY = "app-S3cr3t"
"""A key that no output may show."""

NO_PROFILES = str(Path(__file__).with_name("nowhere"))
"""A folder that is not there, in place of that of whoever runs the tests."""

_OF_PEOPLE = {"COLUMNS", "LINES", "TERM", "NO_COLOR", "FORCE_COLOR", "DIFY_PROFILE"}
"""Variables with which whoever runs the tests tells how to show things, and which app is asked."""


@dataclass
class Result:
    """What a command left behind; it never shows a traceback or a key."""

    code: int
    out: str
    err: str

    def __post_init__(self) -> None:
        assert "Traceback" not in self.err, self.err
        assert KEY not in self.out + self.err

    @property
    def said(self) -> str:
        """What stands on stderr, on one line."""
        return " ".join(self.err.split())


def environment(base_url: str, key: str, **others: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in _OF_PEOPLE}
    own = {"DIFY_BASE_URL": base_url, "DIFY_API_KEY": key, "XDG_CONFIG_HOME": NO_PROFILES}
    return {**inherited, **own, **others}


def call(*arguments: str, base_url: str, key: str = "app-echo", stdin: str | None = None) -> Result:
    """Call a command as its process would, but here: that costs a tenth of the time."""
    names = environment(base_url, key)
    done = CliRunner().invoke(app, arguments, input=stdin, env=names, catch_exceptions=False)
    return Result(done.exit_code, done.stdout, done.stderr)


def started(
    *arguments: str,
    base_url: str = "",
    key: str = "app-echo",
    cwd: Path | None = None,
    variables: dict[str, str] | None = None,
    closed: Container[str] = (),
) -> PipedProgram:
    """Start a command in pipes, without the standard streams that are named as closed."""
    names = environment(base_url, key) | (variables or {})
    return PipedProgram(arguments, names, cwd=cwd, closed=closed)


def invoke(*arguments: str, **options: Any) -> Result:
    """Run a command in pipes, to its end; the options are those of `started`."""
    process = started(*arguments, **options)
    out, errors = process.communicate(timeout=PATIENCE)
    return Result(process.wait(), out, errors)


def in_terminal(
    *arguments: str,
    base_url: str,
    key: str = "app-echo",
    variables: dict[str, str] | None = None,
    **options: Any,
) -> AbstractContextManager[Terminal]:
    """Start a command in a terminal."""
    names = environment(base_url, key) | {"TERM": "xterm-256color"} | (variables or {})

    def start(inside: int, streams: list[int]) -> Program:
        return Program(arguments, names, streams, terminal=inside)

    return terminal(start, **options)
