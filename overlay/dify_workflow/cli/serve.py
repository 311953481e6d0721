"""Serving an emulator until Ctrl-C, with a line for each request."""

from __future__ import annotations

import logging
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue

import typer

from .._inert import headline
from ..emulator import Emulator
from ..errors import InvalidRequestError
from ._loading import load
from ._log_lines import log_to_stderr
from ._printing import print_line
from .console import is_terminal
from .exits import say

_AWAY = 15
"""Seconds of an outage on demand."""

_OPTIONS = {"allowed_hosts": "--allowed-host"}
"""Options that are not called as the emulator's own."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def emulator_of(
    place: str | None,
    *,
    host: str | None,
    port: int | None,
    database: Path | None,
    server_version: str | None,
    workers: int | None,
    allowed_hosts: Sequence[str] | None,
) -> Emulator:
    """The emulator to serve.

    Args:
        place: ``MODULE:NAME`` of what to serve; by default the built-in workflows.
        host: Address to listen on; by default loopback.
        port: Port to listen on; by default a free one.
        database: File that keeps runs and logs.
        server_version: Which Dify it behaves as.
        workers: Most streamed runs at the same time.
        allowed_hosts: Further names by which it may be reached.

    Raises:
        InvalidRequestError: One of them cannot be.
    """
    options = {
        "host": host,
        "port": port,
        "database": database,
        "server_version": server_version,
        "workers": workers,
        "allowed_hosts": allowed_hosts,
    }
    given = {name: value for name, value in options.items() if value is not None}
    found = () if place is None else load(place)
    if isinstance(found, Emulator):
        if given:
            names = ", ".join(_OPTIONS.get(name) or f"--{name.replace('_', '-')}" for name in given)
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
    _take_signals(emulator)
    print_line(f"DIFY_BASE_URL={emulator.base_url}")
    for workflow in emulator.workflows:
        print_line(f"DIFY_API_KEY={workflow.key}  # {headline(workflow.description)}".rstrip(" #"))
    sys.stdout.flush()
    host = emulator.base_url.removeprefix("http://").rpartition(":")[0]
    if host not in _LOOPBACK:
        say(f"Note: whoever reaches {host} can use it; the keys are no secrets.")
        say(f"It answers to localhost and {host}; --allowed-host NAME adds another name.")
    say(f"Its page, with apps and runs: {emulator.base_url.removesuffix('v1')}")
    try:
        say("Ctrl-C ends it.")
        emulator.serve_forever()
    except KeyboardInterrupt:
        raise typer.Exit from None


def _take_signals(emulator: Emulator) -> None:
    """Let signals bring about what happens to servers: an outage, and a deploy."""
    if sys.platform == "win32":  # which has no such signals
        return

    def go_away() -> None:
        try:
            emulator.outage(_AWAY, cut_streams=True)
        except RuntimeError as error:
            say(str(error))
        else:
            say(f"Away for {_AWAY} seconds.")

    def restart() -> None:
        emulator.restart_workers()
        say("The workers were restarted.")

    # A signal may come while another one is dealt with, in whatever line that is.
    wanted: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def deal_with_them() -> None:
        while True:
            wanted.get()()

    by_signal = {signal.SIGUSR1: go_away, signal.SIGUSR2: restart}
    for number in by_signal:
        signal.signal(number, lambda number, _frame: wanted.put(by_signal[signal.Signals(number)]))
    threading.Thread(target=deal_with_them, name="signals", daemon=True).start()


def _log_requests() -> None:
    """Write a line for each request on stderr, and what goes wrong."""
    from uvicorn.logging import AccessFormatter

    log_to_stderr()
    errors = logging.getLogger("uvicorn")
    errors.handlers, errors.propagate = [], True
    colors = is_terminal(sys.stderr)
    form = "%(asctime)s  %(status_code)s  %(request_line)s"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(AccessFormatter(form, datefmt="%H:%M:%S", use_colors=colors))
    logger = logging.getLogger("uvicorn.access")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
