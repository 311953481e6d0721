"""Traces and metrics of runs, for OpenTelemetry.

Needs ``pip install dify-workflow[otel]``::

    from dify_workflow import DifyWorkflow

    with DifyWorkflow(api_key="app-…", tracing=True) as workflow:
        workflow.run_workflow({"name": "Ann"})

Where spans and metrics go is up to the program's OpenTelemetry SDK; without one they go nowhere.
"""

from .settings import Tracing

__all__ = ["Tracing"]
