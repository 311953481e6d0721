"""Serving an emulator until Ctrl-C, with a line for each request."""

from __future__ import annotations

import logging
import sqlite3
import sys
from pathlib import Path

import typer

from .._text import headline
from ..emulator import Emulator
from ..errors import InvalidRequestError
from ._consoles import is_terminal
from ._exits import say
from ._loading import load
from ._printing import print_line

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def emulator_of(
    place: str | None,
    *,
    host: str | None,
    port: int | None,
    database: Path | None,
    server_version: str | None,
) -> Emulator:
    """The emulator to serve.

    Args:
        place: ``MODULE:NAME`` of what to serve; by default the built-in workflows.
        host: Address to listen on; by default loopback.
        port: Port to listen on; by default a free one.
        database: File that keeps runs and logs.
        server_version: Which Dify it behaves as.

    Raises:
        InvalidRequestError: One of them cannot be.
    """
    options = {"host": host, "port": port, "database": database, "server_version": server_version}
    given = {name: value for name, value in options.items() if value is not None}
    found = () if place is None else load(place)
    if isinstance(found, Emulator):
        if given:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise InvalidRequestError(f"{place} is an Emulator, which says that itself: {names}.")
        return found
    try:
        return Emulator(*found, **given)  # type: ignore[arg-type]  # each is of its own type
    except ValueError as error:
        raise InvalidRequestError(f"{error}.") from None
    except sqlite3.Error as error:
        raise InvalidRequestError(f"--database {database}: {error}.") from None


def serve(emulator: Emulator) -> None:
    """Serve until Ctrl-C: say on stdout where and with which keys, on stderr what is asked for.

    Raises:
        OSError: The port cannot be had.
    """
    emulator.listen()
    _log_requests()
    print_line(f"DIFY_BASE_URL={emulator.base_url}")
    for workflow in emulator.workflows:
        print_line(f"DIFY_API_KEY={workflow.key}  # {headline(workflow.description)}".rstrip(" #"))
    sys.stdout.flush()
    host = emulator.base_url.removeprefix("http://").rpartition(":")[0]
    if host not in _LOOPBACK:
        say(f"Note: whoever reaches {host} can use it; the keys are no secrets.")
    say(f"Its page, with apps and runs: {emulator.base_url.removesuffix('v1')}")
    try:
        say("Ctrl-C ends it.")
        emulator.serve_forever()
    except KeyboardInterrupt:
        raise typer.Exit from None


def _log_requests() -> None:
    """Write a line for each request on stderr."""
    from uvicorn.logging import AccessFormatter

    colors = is_terminal(sys.stderr)
    form = "%(asctime)s  %(status_code)s  %(request_line)s"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(AccessFormatter(form, datefmt="%H:%M:%S", use_colors=colors))
    logger = logging.getLogger("uvicorn.access")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
