"""Traces and metrics of runs, for OpenTelemetry.

Needs ``pip install dify-workflow[otel]``::

    from dify_workflow import DifyWorkflow

    with DifyWorkflow(api_key="app-…", tracing=True) as workflow:
        workflow.run_workflow({"name": "Ann"})

Where spans and metrics go is up to the program's OpenTelemetry SDK; without one they go nowhere.
"""

from __future__ import annotations

from importlib import import_module

from ..errors import ConfigurationError
from .settings import DEFAULT, Tracing

__all__ = ["Tracing"]


def checked(tracing: bool | Tracing) -> Tracing:
    """What is to be told.

    Args:
        tracing: The option of a client, which is not False.

    Raises:
        ConfigurationError: It is neither True nor a `Tracing`, or OpenTelemetry is not installed.
    """
    if tracing is not True and not isinstance(tracing, Tracing):
        raise ConfigurationError(
            "tracing must be True, False or a dify_workflow.tracing.Tracing, not "
            f"{type(tracing).__name__}."
        )
    try:
        import_module(".observer", __name__)
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        raise ConfigurationError(
            "tracing needs OpenTelemetry: pip install 'dify-workflow[otel]'"
        ) from error
    return DEFAULT if tracing is True else tracing
