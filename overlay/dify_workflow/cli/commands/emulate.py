"""``emulate``: serve workflows on loopback."""
# pyright: reportUnknownMemberType=false
# typer.Option leaves type arguments open.

from __future__ import annotations

import os
from typing import Annotated

import typer

from .._exits import REFUSED, USAGE, complain


def emulate(
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 for a free one.", min=0, max=65535)
    ] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the built-in workflows on loopback until Ctrl-C."""
    try:
        from ...emulator import Emulator
    except ImportError as error:
        complain(str(error))
        raise typer.Exit(USAGE) from None
    emulator = Emulator(host=host, port=port, log_level="info")
    try:
        emulator.listen()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        complain(f"Cannot listen on {host}:{port}: {reason}.")
        raise typer.Exit(REFUSED) from None
    typer.echo(f"DIFY_BASE_URL={emulator.base_url}")
    for workflow in emulator.workflows:
        typer.echo(f"DIFY_API_KEY={workflow.key}  # {workflow.description}")
    emulator.serve_forever()
