"""Exit codes, and how errors become them: a sentence and a hint on stderr, never a traceback."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import typer

from ..errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    ConfigurationError,
    DifyError,
    InvalidInputsError,
    InvalidRequestError,
    LogCursorError,
    NotFoundError,
    StreamError,
    WorkflowStreamError,
)
from ..models.run import DEFAULT_USER
from .console import command, complain, say

if TYPE_CHECKING:
    from ..batch import BatchSummary
    from ..models import WorkflowRunResponse

FAILED = 1
"""The run failed or was stopped."""
USAGE = 2
"""The command was used wrongly."""
REFUSED = 3
"""The API refused, or could not be reached."""
PAUSED = 4
"""The run waits for human input."""
UNKNOWN = 5
"""Whether the run, or rows of a batch, ran is not known, or they may be going on."""
INTERRUPTED = 130
"""Ctrl-C."""
DEFECT = 70
"""A defect of this program, or output that cannot be written (EX_SOFTWARE of sysexits.h)."""

_METHOD = re.compile(r"^[a-z]+(_[a-z]+)*: ")
_OF_STATUS = {"failed": FAILED, "stopped": FAILED, "paused": PAUSED}
_OF_PATHS = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
_ELSEWHERE = "Is this the API of a Dify? Check the base URL, which ends in /v1."
_MOST_SHOWN = 5
"""Runs that are named of those that may be the one."""


def of_run(run: WorkflowRunResponse, *, interrupted: bool = False) -> int:
    """The exit code for a run.

    Args:
        run: The run.
        interrupted: Whether it was stopped by Ctrl-C here.
    """
    if interrupted and run.status == "stopped":
        return INTERRUPTED
    return _OF_STATUS.get(run.status, 0)


def of_batch(summary: BatchSummary) -> int:
    """The exit code for a batch."""
    if summary.is_interrupted:
        return INTERRUPTED
    if summary.unknown:
        return UNKNOWN
    if summary.counts.get("failed") or summary.counts.get("stopped"):
        return FAILED
    return PAUSED if summary.counts.get("paused") else 0


@contextmanager
def handled(given: Mapping[str, Any] | None = None) -> Generator[None, None, None]:
    """Turn what a command raises into a sentence, a hint and an exit code.

    Args:
        given: What the command was given, by the names of its parameters.
    """
    try:
        yield
    except (ConfigurationError, InvalidRequestError, LogCursorError) as error:
        complain(_sentence(error), _hint(error))
        raise typer.Exit(USAGE) from None
    except DifyError as error:
        if error.outcome == "unknown":
            hints = [_ELSEWHERE] if _is_elsewhere(error) else []
            complain(_sentence(error), "\n".join([*hints, _next_step(error, given or {})]))
        else:
            complain(_sentence(error), _hint(error))
        is_open = error.outcome in {"unknown", "running"}
        raise typer.Exit(UNKNOWN if is_open else REFUSED) from None
    except KeyboardInterrupt:
        say("Interrupted.")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def extras_named() -> Generator[None, None, None]:
    """Say which extra to install where one is missing."""
    try:
        yield
    except ImportError as error:
        complain(str(error))
        raise typer.Exit(USAGE) from None


def defect(error: Exception) -> int:
    """Say that something happened that no command expects; the exit code for it."""
    logging.getLogger("dify_workflow").debug("Where it happened:", exc_info=error)
    if isinstance(error, OSError):
        complain(error.strerror or str(error))
    else:
        complain(
            f"This is a defect of dify-workflow: {type(error).__name__}: {error}",
            "Please report it; --verbose shows where it happened.",
        )
    return DEFECT


def _sentence(error: DifyError) -> str:
    """What the error says, without the name of the method that raised it."""
    return _METHOD.sub("", str(error))


def _next_step(error: DifyError, given: Mapping[str, Any]) -> str:
    """What tells the outcome that is not known."""
    if error.run_id is not None:
        return f"What the server knows of the run: {command('info', error.run_id)}"
    found = (error.candidates or error.possible_runs)[:_MOST_SHOWN]
    if found:
        what = "Before it is run again, look whether one of these is the run:"
        return "\n".join([what, *(f"  {command('info', run_id)}" for run_id in found)])
    if "token" in given:
        return f"Before it is sent again: {command('form', 'show', given['token'])}"
    user = given.get("user") or DEFAULT_USER
    return f"Before it is run again, look whether it is there: {command('logs', '--user', user)}"


def _is_elsewhere(error: DifyError) -> bool:
    """Whether no Dify answered, or one at a path that it does not have."""
    if isinstance(error, APIStatusError):
        is_path = error.status_code in _OF_PATHS and error.code is None
        return is_path and error.needed_version is None
    return ", text/html" in str(error)


def _hint(error: DifyError) -> str:
    if isinstance(error, ConfigurationError):
        return "dify-workflow --help tells the options and environment variables for that."
    if isinstance(error, InvalidInputsError):
        return "dify-workflow parameters lists what the app takes."
    if isinstance(error, AuthenticationError):
        return (
            "The key is that of DIFY_API_KEY or --api-key, the server that of --base-url; a "
            "profile has both."
        )
    if isinstance(error, APIConnectionError) and ", through the proxy " in str(error):
        return "The proxy is that of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY; NO_PROXY leaves it out."
    if isinstance(error, APIConnectionError):
        return "Which server is asked, DIFY_BASE_URL, --base-url or the profile says."
    if isinstance(error, WorkflowStreamError):
        return "The workflow has to be fixed in Dify."
    if isinstance(error, StreamError) and error.run_id:
        return f"The run may be going on: {command('resume', error.run_id)}"
    if _is_elsewhere(error):
        return _ELSEWHERE
    if isinstance(error, NotFoundError):
        return "An id is found with the key of its own app alone."
    return "" if isinstance(error, InvalidRequestError) else "--verbose shows what was sent."
