"""Serve workflows until Ctrl-C, with a line for each request."""

from __future__ import annotations

import importlib
import logging
import signal
import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from types import ModuleType
from typing import Any

import typer

from .._json import is_list
from ..emulator import Emulator, Workflow
from ..errors import InvalidRequestError
from ..timeline.inert import headline
from .console import is_terminal, log_to_stderr, print_line, say

_AWAY = 15
"""Duration of an outage on request, in seconds."""

_OPTIONS = {"allowed_hosts": "--allowed-host"}
"""Options whose names differ from those of `Emulator`."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def emulator_of(place: str | None, **options: Any) -> Emulator:
    """The emulator to serve.

    Args:
        place: ``MODULE:NAME`` of what to serve; by default the built-in workflows.
        options: Options of `Emulator`; None for options that were not given.

    Raises:
        InvalidRequestError: One of them is invalid.
    """
    given = {name: value for name, value in options.items() if value is not None}
    found = () if place is None else _load(place)
    if isinstance(found, Emulator):
        if given:
            names = ", ".join(_OPTIONS.get(name) or f"--{name.replace('_', '-')}" for name in given)
            raise InvalidRequestError(
                f"{place} is an Emulator with its own options, so leave out {names}."
            )
        return found
    try:
        return Emulator(*found, **given)
    except ValueError as error:
        raise InvalidRequestError(f"{error}.") from None
    except sqlite3.Error as error:
        raise InvalidRequestError(f"--database {given['database']}: {error}.") from None


def _load(place: str) -> Emulator | tuple[Workflow, ...]:
    """An object of a module, found from the working directory as ``python -m`` finds it.

    Args:
        place: ``MODULE:NAME``, of a workflow, a list of them, or an emulator.

    Raises:
        InvalidRequestError: It does not exist, or has another type.
    """
    module_name, separator, name = place.partition(":")
    if not separator or not module_name or not name:
        raise InvalidRequestError(f"Give workflows as MODULE:NAME, not {place!r}.")
    if "/" in module_name or module_name.endswith(".py"):
        raise InvalidRequestError(f"Give the module as for import, not its file {module_name!r}.")
    sys.path.insert(0, "")
    module = _imported(module_name)
    found: object = getattr(module, name, None)
    if isinstance(found, Emulator):
        return found
    if isinstance(found, Workflow):
        return (found,)
    if is_list(found) and found and all(isinstance(item, Workflow) for item in found):
        return tuple(found)
    raise InvalidRequestError(_misfit(module, name))


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise InvalidRequestError(
                f"There is no module {error.name!r} in the working directory or installed."
            ) from None
        raise InvalidRequestError(_failure(name, error)) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a user's module can do anything
        raise InvalidRequestError(_failure(name, error)) from None


def _failure(name: str, error: BaseException) -> str:
    """Why a module cannot be imported, with file and line."""
    what = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = "" if isinstance(error, SyntaxError) else f" ({frame.filename}, line {frame.lineno})"
    return f"The module {name!r} cannot be imported: {what}{place}"


def _misfit(module: ModuleType, name: str) -> str:
    """Why an object cannot be served, and which ones can."""
    fitting = [
        each for each, value in vars(module).items() if isinstance(value, Workflow | Emulator)
    ]
    there = f"; there are {', '.join(fitting)}" if fitting else ""
    if not hasattr(module, name):
        return f"The module {module.__name__!r} has no {name!r}{there}."
    kind = type(getattr(module, name)).__name__
    return (
        f"{module.__name__}:{name} has the type {kind}. It must be a workflow made by @workflow, a "
        f"list of these, or an Emulator{there}."
    )


def serve(emulator: Emulator) -> None:
    """Serve until Ctrl-C: base URL and keys go to stdout, a line for each request to stderr.

    Raises:
        OSError: The port is not available.
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
        say(f"Note: anyone who can reach {host} can use it; the keys are not secret.")
        say(f"It answers requests for localhost and {host}; --allowed-host NAME adds a name.")
    say(f"Its page, with apps and runs: {emulator.base_url.removesuffix('v1')}")
    try:
        say("Ctrl-C ends it.")
        emulator.serve_forever()
    except KeyboardInterrupt:
        raise typer.Exit from None


def _take_signals(emulator: Emulator) -> None:
    """Let signals start an outage and a restart of the workers, as in a deploy."""
    if sys.platform == "win32":  # which has no such signals
        return

    def go_away() -> None:
        try:
            emulator.outage(_AWAY, cut_streams=True)
        except RuntimeError as error:
            say(str(error))
        else:
            say(f"Unavailable for {_AWAY} seconds.")

    def restart() -> None:
        emulator.restart_workers()
        say("The workers were restarted.")

    # A signal may arrive while another one is handled, at any line.
    wanted: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def handle_all() -> None:
        while True:
            wanted.get()()

    by_signal = {signal.SIGUSR1: go_away, signal.SIGUSR2: restart}
    for number in by_signal:
        signal.signal(number, lambda number, _frame: wanted.put(by_signal[signal.Signals(number)]))
    threading.Thread(target=handle_all, name="signals", daemon=True).start()


def _log_requests() -> None:
    """Write a line for each request and each error to stderr."""
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
