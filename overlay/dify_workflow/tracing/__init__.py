"""Traces and metrics of runs, for OpenTelemetry.

Needs ``pip install dify-workflow[otel]``::

    from dify_workflow import DifyWorkflow

    with DifyWorkflow(api_key="app-…", tracing=True) as workflow:
        workflow.run_workflow({"name": "Ann"})

The program's OpenTelemetry SDK decides where spans and metrics go. Without an SDK they are dropped.
"""

from .settings import Tracing

__all__ = ["Tracing"]
