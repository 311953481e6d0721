"""The program: the options of all commands, and the commands."""
# pyright: reportUnknownMemberType=false
# typer.Option leaves type arguments open.

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import ApiKey, __version__
from .commands.batch import batch
from .commands.demo import demo
from .commands.emulate import emulate
from .commands.form import show, submit
from .commands.logs import logs
from .commands.lookups import info, parameters, stop, upload
from .commands.report import report
from .commands.run import resume, run
from .commands.types import types
from .console import complain
from .exits import USAGE
from .options import Command, Connection

_STREAMS = {"stdin": "r", "stdout": "w", "stderr": "w"}
"""In the order of their numbers: a file that is opened gets the lowest one that is free."""
_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

app = typer.Typer(
    name="dify-workflow",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=_SETTINGS,
)
form = typer.Typer(no_args_is_help=True, help="Show and submit the forms at which runs wait.")

for command in (run, resume, batch, info, stop, logs, upload, parameters, types):
    app.command(cls=Command)(command)
app.command()(report)
app.command()(emulate)
app.command()(demo)
app.add_typer(form, name="form")
for form_command in (show, submit):
    form.command(cls=Command)(form_command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dify-workflow {__version__}")
        raise typer.Exit


@app.callback()
def connect(
    context: typer.Context,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="DIFY_API_KEY",
            metavar="KEY",
            help="Key of the app; in the variable, no list of processes shows it.",
            show_default=False,
        ),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            envvar="DIFY_BASE_URL",
            metavar="URL",
            help="Base URL of the server, with its /v1.",
            show_default="https://api.dify.ai/v1",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="How long the server may be silent.",
            min=0.001,
            show_default=False,
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what is sent, on stderr.")
    ] = False,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Run Dify workflows, watch them, stop them, look them up.

    Data goes to stdout, everything else to stderr.

    Exit codes: 0 the run succeeded, or the command did; 1 the run failed or was stopped; 2 wrong
    usage; 3 the API refused or could not be reached, and nothing was run; 4 the run is paused for
    human input; 5 whether the run, or rows of a batch, ran is not known, or they may be going on;
    130 interrupted.
    """
    _check_streams()
    key = None if api_key is None else ApiKey(api_key)
    context.obj = Connection(key, base_url, timeout, verbose)


def _check_streams() -> None:
    """Put nothing behind stdin and stderr where they are closed, and refuse a closed stdout.

    Nothing has been sent by then. Files that are opened later must not get the numbers of standard
    streams: what is meant for stderr would go there.

    Raises:
        Exit: stdout is closed.
    """
    closed = [name for name in _STREAMS if getattr(sys, name) is None]
    for name in closed:
        nowhere = Path(os.devnull).open(_STREAMS[name], encoding="utf-8")  # noqa: SIM115  # to the end
        setattr(sys, name, nowhere)
    if "stdout" in closed:
        complain("stdout is closed, so nothing was done.", "To discard the output: >/dev/null")
        raise typer.Exit(USAGE)
