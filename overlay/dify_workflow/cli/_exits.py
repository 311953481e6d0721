"""Exit codes, and how errors become them: a sentence on stderr, never a traceback."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import typer
from rich.console import Console

from ..errors import ConfigurationError, DifyError, InvalidRequestError
from ..models import WorkflowRunResponse

FAILED = 1
"""The run failed or was stopped."""
USAGE = 2
"""The command was used wrongly."""
REFUSED = 3
"""The API refused, or could not be reached."""
PAUSED = 4
"""The run waits for human input."""
INTERRUPTED = 130
"""Ctrl-C."""

errors = Console(stderr=True, highlight=False, soft_wrap=True)
"""Where everything is shown that is not data."""


@contextmanager
def handled() -> Generator[None, None, None]:
    """Turn the errors of a command into an exit code and a sentence."""
    try:
        yield
    except (ConfigurationError, InvalidRequestError) as error:
        _show(error)
        if "No API key" in str(error):
            errors.print("Here: dify-workflow --api-key KEY COMMAND …")
        raise typer.Exit(USAGE) from None
    except DifyError as error:
        _show(error)
        raise typer.Exit(REFUSED) from None
    except KeyboardInterrupt:
        errors.print("Interrupted.")
        raise typer.Exit(INTERRUPTED) from None


def of_run(run: WorkflowRunResponse) -> int:
    """The exit code for a run."""
    return {"failed": FAILED, "stopped": FAILED, "paused": PAUSED}.get(run.status, 0)


def _show(error: DifyError) -> None:
    errors.print("Error:", style="bold red", end=" ")
    errors.print(str(error), markup=False)
