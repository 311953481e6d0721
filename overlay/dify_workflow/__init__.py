"""The Python client for Dify workflows.

Run a workflow and get its outputs, watch it run, stop it, look it up, list the logs::

    from dify_workflow import DifyWorkflow

    with DifyWorkflow(api_key="app-…", base_url="https://dify.example.com/v1") as workflow:
        run = workflow.run_workflow({"name": "Ann"}).raise_for_status()
        print(run.outputs)
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

from . import errors, events
from ._options import NOT_GIVEN, NotGiven
from ._replay import StreamGap
from ._secret import ApiKey
from ._sync_stream import WorkflowStream
from ._version import __version__
from .client import DifyWorkflow
from .errors import *  # noqa: F403  # the exception tree; its __all__ says which names
from .events import *  # noqa: F403  # a class for each event of the spec

if _TYPE_CHECKING:
    from ._async_stream import AsyncWorkflowStream
    from ._ends import StopReason
    from ._files import FileSource
    from ._logs import AsyncLogIterator, AsyncLogTail, LogIterator, LogTail
    from ._media import AsyncMediaStream, MediaStream
    from ._people import AsyncFormCallback, FormCallback, FormReply
    from .async_client import AsyncDifyWorkflow
    from .models import (
        DifyPageResult,
        HumanInputForm,
        UploadedFile,
        WorkflowFile,
        WorkflowLogs,
        WorkflowLogsRequest,
        WorkflowPause,
        WorkflowRunRequest,
        WorkflowRunResponse,
        WorkflowStopResponse,
    )

_ON_DEMAND = {
    "AsyncDifyWorkflow": "async_client",
    "AsyncFormCallback": "_people",
    "AsyncLogIterator": "_logs",
    "AsyncLogTail": "_logs",
    "AsyncMediaStream": "_media",
    "AsyncWorkflowStream": "_async_stream",
    "DifyPageResult": "models",
    "FileSource": "_files",
    "FormCallback": "_people",
    "FormReply": "_people",
    "HumanInputForm": "models",
    "LogIterator": "_logs",
    "LogTail": "_logs",
    "MediaStream": "_media",
    "StopReason": "_ends",
    "UploadedFile": "models",
    "WorkflowFile": "models",
    "WorkflowLogs": "models",
    "WorkflowLogsRequest": "models",
    "WorkflowPause": "models",
    "WorkflowRunRequest": "models",
    "WorkflowRunResponse": "models",
    "WorkflowStopResponse": "models",
}
"""What is imported when it is first asked for, by name: a program seldom needs all of it."""


def __getattr__(name: str) -> object:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(_import_module(f".{_ON_DEMAND[name]}", __name__), name)
    globals()[name] = value
    return value


__all__ = [
    "NOT_GIVEN",
    "ApiKey",
    "AsyncDifyWorkflow",
    "AsyncFormCallback",
    "AsyncLogIterator",
    "AsyncLogTail",
    "AsyncMediaStream",
    "AsyncWorkflowStream",
    "DifyPageResult",
    "DifyWorkflow",
    "FileSource",
    "FormCallback",
    "FormReply",
    "HumanInputForm",
    "LogIterator",
    "LogTail",
    "MediaStream",
    "NotGiven",
    "StopReason",
    "StreamGap",
    "UploadedFile",
    "WorkflowFile",
    "WorkflowLogs",
    "WorkflowLogsRequest",
    "WorkflowPause",
    "WorkflowRunRequest",
    "WorkflowRunResponse",
    "WorkflowStopResponse",
    "WorkflowStream",
    "__version__",
]
__all__ += errors.__all__
__all__ += events.__all__


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
