"""``emulate`` and ``demo``: workflows without a Dify server."""
# pyright: reportUnknownMemberType=false
# typer.Option leaves type arguments open.

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Annotated

import typer

from ..console import complain
from ..exits import REFUSED


def emulate(
    place: Annotated[str | None, typer.Argument(metavar="[MODULE:NAME]")] = None,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", help="Port to listen on.", min=0, max=65535, show_default="a free one"
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(metavar="HOST", help="Address to listen on.", show_default="127.0.0.1"),
    ] = None,
    database: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File for runs and logs.", show_default="in memory"),
    ] = None,
    server_version: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Version of Dify to emulate, such as 1.9 or 1.16.",
            show_default="1.14",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Maximum number of streamed runs at a time; others wait in the queue.",
            min=0,
            show_default="any number",
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Another host name in requests, such as the name of its container, or * for any; "
            "repeatable.",
            show_default="localhost, 127.0.0.1, [::1] and --host",
        ),
    ] = None,
    cors: Annotated[
        bool,
        typer.Option(
            "--cors",
            help="Allow web pages of any origin to call it from a browser, as real servers do.",
        ),
    ] = False,
) -> None:
    """Serve workflows like a Dify server, until Ctrl-C.

    Serves the built-in workflows, or NAME from MODULE (in the working directory, or installed).
    NAME is a workflow made by @workflow, a list of them, or an Emulator. Prints the base URL and
    the keys as lines for a shell, and on stderr a line for each request.

    kill -USR1 makes the server unavailable for 15 seconds: it refuses connections and cuts open
    streams, and its runs continue. kill -USR2 restarts its workers, as a deploy of Dify does.

    Examples:
        dify-workflow emulate --port 8000
        dify-workflow emulate --port 8000 --server-version 1.16 my_workflows:story
    """
    from ..serve import emulator_of, serve

    emulator = emulator_of(
        place,
        host=host,
        port=port,
        database=database,
        server_version=server_version,
        workers=workers,
        allowed_hosts=allowed_host or None,
        cors=cors or None,
    )
    try:
        serve(emulator)
    except OSError as error:
        at = f"{host or '127.0.0.1'}:{port or 0}"
        known = error.errno in errno.errorcode
        reason = os.strerror(error.errno) if known and error.errno else error.strerror or error
        complain(f"Cannot listen on {at}: {reason}.")
        raise typer.Exit(REFUSED) from None


def demo(context: typer.Context) -> None:
    """Show a running workflow, without a server, a key or a network.

    Starts an emulator in this process and types the commands that you would type. It runs a
    workflow, answers the form for which the run waits, follows the run to its end, and lists the
    log. Takes about eight seconds, and needs the extra emulator.

    Examples:
        dify-workflow demo
    """
    from ..demo import demonstrate

    program = context.find_root().command
    code = demonstrate(
        lambda arguments: program.main(arguments, "dify-workflow", standalone_mode=False)
    )
    raise typer.Exit(code)
