"""Exit codes for results and errors. An error is a sentence and a hint on stderr, no traceback."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import typer

from .._extras import MissingExtraError
from ..errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    ConfigurationError,
    DifyError,
    InvalidInputsError,
    InvalidRequestError,
    InvalidResponseError,
    LogCursorError,
    NotFoundError,
    RateLimitError,
    ServerError,
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
"""An option, an input or a file is invalid."""
REFUSED = 3
"""The API refused the request or could not be reached."""
PAUSED = 4
"""The run waits for human input."""
UNKNOWN = 5
"""The outcome of the run, or of rows of a batch, is unknown, or they may still be running."""
INTERRUPTED = 130
"""Ctrl-C."""
DEFECT = 70
"""A bug in this program, or output that cannot be written (EX_SOFTWARE of sysexits.h)."""

_METHOD = re.compile(r"^[a-z]+(_[a-z]+)*: ")
_OF_STATUS = {"failed": FAILED, "stopped": FAILED, "paused": PAUSED}
_OF_PATHS = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
_ELSEWHERE = "Is this the API of a Dify server? Check the base URL, which ends in /v1."
_MOST_SHOWN = 5
"""Maximum number of possible runs that a message names."""


def of_run(run: WorkflowRunResponse, *, interrupted: bool = False) -> int:
    """The exit code for a run.

    Args:
        run: The run.
        interrupted: Whether Ctrl-C in this command stopped it.
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
    """Turn an exception of a command into a sentence, a hint and an exit code.

    Args:
        given: The values of the command's parameters, by name.
    """
    try:
        yield
    except MissingExtraError as error:
        complain(str(error))
        raise typer.Exit(USAGE) from None
    except (ConfigurationError, InvalidRequestError, LogCursorError) as error:
        complain(_sentence(error), _hint(error))
        raise typer.Exit(USAGE) from None
    except DifyError as error:
        if error.outcome == "unknown":
            hints = [_ELSEWHERE] if _is_elsewhere(error) else []
            complain(_sentence(error), "\n".join([*hints, _next_step(error, given or {})]))
        else:
            complain(_sentence(error), _hint(error))
        raise typer.Exit(UNKNOWN if is_open(error) else REFUSED) from None
    except KeyboardInterrupt:
        say("Interrupted.")
        raise typer.Exit(INTERRUPTED) from None


def is_open(error: DifyError) -> bool:
    """Whether a run may still be running, or may have run."""
    return error.outcome in {"unknown", "running"}


def may_be_there(error: DifyError) -> bool:
    """Whether the address may be right and the server or its proxy be in trouble."""
    if isinstance(error, APIConnectionError):
        return error.request_sent
    is_broken = isinstance(error, StreamError) and not _is_elsewhere(error)
    return is_broken or isinstance(error, ServerError | RateLimitError)


def refused(error: DifyError) -> typer.Exit:
    """Report an error before which no run was started or followed; the exit for it."""
    complain(_sentence(error), _hint(error))
    return typer.Exit(REFUSED)


def defect(error: Exception) -> int:
    """Report an unexpected exception; return the exit code for it."""
    logging.getLogger("dify_workflow").debug("Where it happened:", exc_info=error)
    if isinstance(error, OSError):
        complain(error.strerror or str(error))
    else:
        complain(
            f"This is a bug in dify-workflow: {type(error).__name__}: {error}",
            "Please report it; --verbose shows where it happened.",
        )
    return DEFECT


def _sentence(error: DifyError) -> str:
    """The error's message, without the name of the method that raised it."""
    return _METHOD.sub("", str(error))


def _next_step(error: DifyError, given: Mapping[str, Any]) -> str:
    """How the user can find out the unknown outcome."""
    if error.run_id is not None:
        return f"To see what the server knows about the run: {command('info', error.run_id)}"
    found = (error.candidates or error.possible_runs)[:_MOST_SHOWN]
    if found:
        what = "Before you run it again, check whether one of these is the run:"
        return "\n".join([what, *(f"  {command('info', run_id)}" for run_id in found)])
    if "token" in given:
        return (
            f"Before you send it again, check the form: {command('form', 'show', given['token'])}"
        )
    user = given.get("user") or DEFAULT_USER
    look = command("logs", "--user", user)
    return f"Before you run it again, check whether the run is in the log: {look}"


def _is_elsewhere(error: DifyError) -> bool:
    """Whether the answer is not from Dify, or the path does not exist there."""
    if isinstance(error, APIStatusError):
        is_path = error.status_code in _OF_PATHS and error.code is None
        return is_path and error.needed_version is None
    return ", text/html" in str(error)


def _of_id(error: NotFoundError) -> str:
    """What may be wrong with the id that was not found; nothing if it may be the address."""
    if error.run_id and error.needed_version:
        return f"To look the run up: {command('info', error.run_id)}"
    if not error.code:
        return ""
    own = "An id is found only with the key of its own app."
    return f"{own} Only the user who started a run can follow it: --user." if error.run_id else own


def _hint(error: DifyError) -> str:
    if isinstance(error, ConfigurationError):
        return "dify-workflow --help shows the options and environment variables."
    if isinstance(error, InvalidInputsError):
        return "dify-workflow parameters lists the inputs of the app."
    if isinstance(error, AuthenticationError):
        return "DIFY_API_KEY or --api-key sets the key, --base-url the server; a profile sets both."
    if isinstance(error, APIConnectionError) and ", through the proxy " in str(error):
        return "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY sets the proxy; NO_PROXY names exceptions."
    if isinstance(error, APIConnectionError):
        return "DIFY_BASE_URL, --base-url or the profile sets the server."
    if isinstance(error, WorkflowStreamError):
        return "The workflow must be fixed in Dify."
    if isinstance(error, NotFoundError) and (hint := _of_id(error)):
        return hint
    if error.run_id and (error.outcome == "running" or isinstance(error, StreamError)):
        return f"The run may still be running: {command('resume', error.run_id)}"
    if _is_elsewhere(error):
        return _ELSEWHERE
    was_answered = isinstance(error, APIStatusError | InvalidResponseError | StreamError)
    return "--verbose shows what was sent." if was_answered else ""
