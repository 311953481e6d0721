"""The program: its commands, and the options that all of them take."""
# pyright: reportUnknownMemberType=false
# typer.Option leaves type arguments open.

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from .commands import profile as profiles
from .commands.batch import batch
from .commands.emulate import demo, emulate
from .commands.form import show, submit
from .commands.logs import logs
from .commands.lookups import info, parameters, stop, upload
from .commands.report import report
from .commands.run import resume, run
from .commands.types import types
from .console import complain
from .exits import USAGE
from .help import CONNECTION, HelpfulGroup, overview_of
from .options import AppCommand, Command, Connection, names_of_profiles

_STREAMS = {"stdin": "r", "stdout": "w", "stderr": "w"}
"""In the order of their numbers: the system gives a new file the lowest free number."""
_SETTINGS = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="dify-workflow",
    cls=HelpfulGroup,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=_SETTINGS,
)
form = typer.Typer(
    cls=HelpfulGroup,
    no_args_is_help=True,
    help="""Show and submit the forms for which paused runs wait.

    Examples:
        dify-workflow form show TOKEN
        dify-workflow form submit TOKEN --action approve -i comment=fine
    """,
)
profile = typer.Typer(
    cls=HelpfulGroup,
    no_args_is_help=True,
    help="""Store base URL and key of apps under names.

    Examples:
        dify-workflow profile add story --base-url https://dify.example.com/v1
        dify-workflow run --profile story -i topic=boxes
        dify-workflow profile list
    """,
)


def _add(
    group: typer.Typer,
    *commands: Callable[..., None],
    heading: str | None = None,
    kind: type[Command] = AppCommand,
) -> None:
    """Add commands to a group, below a heading of its help."""
    for command in commands:
        name = command.__name__.rstrip("_")
        group.command(name, cls=kind, rich_help_panel=heading)(command)


_RUNS, _APP, _ALONE = "Runs", "The app", "Without a Dify server"
_add(app, run, resume, stop, batch, heading=_RUNS)
app.add_typer(form, name="form", rich_help_panel=_RUNS)
_add(app, info, logs, heading=_RUNS)
_add(app, report, heading=_RUNS, kind=Command)
_add(app, parameters, upload, types, heading=_APP)
app.add_typer(profile, name="profile", rich_help_panel=_APP)
_add(app, emulate, demo, heading=_ALONE, kind=Command)
_add(form, show, submit)
_add(profile, profiles.add, profiles.list_, profiles.use, profiles.remove, kind=Command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dify-workflow {__version__}")
        raise typer.Exit


@app.callback()
def connect(
    context: typer.Context,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Use the app stored under this name; or DIFY_PROFILE.",
            rich_help_panel=CONNECTION,
            autocompletion=names_of_profiles,
        ),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="App API key. Prefer DIFY_API_KEY: arguments are visible in ps.",
            rich_help_panel=CONNECTION,
        ),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Base URL of the server, ending in /v1; or DIFY_BASE_URL.",
            show_default="https://api.dify.ai/v1",
            rich_help_panel=CONNECTION,
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="How long to wait while the server sends nothing.",
            min=0.001,
            rich_help_panel=CONNECTION,
        ),
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            help="Show each request on stderr: method, path, status, time, run id.",
            rich_help_panel=CONNECTION,
        ),
    ] = False,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Run Dify workflows, watch them, stop them, look them up.

    Data goes to stdout, everything else to stderr.

    Exit codes: 0 the run or the command succeeded. 1 The run failed or was stopped. 2 Wrong usage.
    3 The API refused the request or could not be reached, and nothing was run. 4 The run is paused
    for human input. 5 The outcome of the run, or of rows of a batch, is unknown, or they may still
    be running. 70 A bug in this program, or output that cannot be written. 130 Interrupted.

    Examples:
        dify-workflow demo
        dify-workflow profile add story --base-url https://dify.example.com/v1
        dify-workflow run -i topic=boxes
        dify-workflow logs --status failed --since 2h
        dify-workflow --install-completion
    """
    _check_streams()
    if context.invoked_subcommand is None:
        sys.stdout.write(overview_of(context.command, context))
        raise typer.Exit
    context.obj = Connection(profile, api_key, base_url, timeout, verbose)


def _check_streams() -> None:
    """Replace closed stdin and stderr by the null device, and refuse a closed stdout.

    Nothing has been sent at this point. A file that is opened later must not get the number of a
    standard stream: messages for stderr would be written to it.

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
