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
from ._http.answer import ResponseInfo
from ._http.options import NOT_GIVEN, NotGiven
from ._secret import ApiKey
from ._streams.feed import StreamGap
from ._streams.sync_stream import WorkflowStream
from ._version import __version__
from .client import DifyWorkflow
from .errors import *  # noqa: F403  # the exception tree; its __all__ says which names
from .events import *  # noqa: F403  # a class for each event of the spec
from .models import (
    DifyPageResult,
    HumanInputForm,
    NodeUsage,
    OutputFile,
    RunUsage,
    UploadedFile,
    WorkflowFile,
    WorkflowLogs,
    WorkflowLogsRequest,
    WorkflowPause,
    WorkflowRunRequest,
    WorkflowRunResponse,
    WorkflowStopResponse,
)

if _TYPE_CHECKING:
    from ._api.files import FileSource
    from ._api.forms import AsyncFormCallback, FormCallback, FormReply
    from ._http.aiohttp_client import DefaultAioHttpClient
    from ._logs.async_iterators import AsyncLogIterator, AsyncLogTail
    from ._logs.sync_iterators import LogIterator, LogTail
    from ._streams.async_media import AsyncMediaStream
    from ._streams.async_stream import AsyncWorkflowStream
    from ._streams.sync_media import MediaStream
    from .async_client import AsyncDifyWorkflow
    from .async_typed_app import AsyncRunOptions, AsyncTypedApp
    from .call_options import StreamOptions, SubmitOptions, WaitOptions
    from .inputs.parameters import WorkflowParameters
    from .models.app import AppInfo, AppMeta, AppSite, EndUser, Transcript
    from .outcomes import StopReason
    from .typed_app import RunOptions, TypedApp

_ON_DEMAND = {
    "AppInfo": "models.app",
    "AppMeta": "models.app",
    "AppSite": "models.app",
    "AsyncDifyWorkflow": "async_client",
    "AsyncFormCallback": "_api.forms",
    "AsyncLogIterator": "_logs.async_iterators",
    "AsyncLogTail": "_logs.async_iterators",
    "AsyncMediaStream": "_streams.async_media",
    "AsyncRunOptions": "async_typed_app",
    "AsyncTypedApp": "async_typed_app",
    "AsyncWorkflowStream": "_streams.async_stream",
    "DefaultAioHttpClient": "_http.aiohttp_client",
    "EndUser": "models.app",
    "FileSource": "_api.files",
    "FormCallback": "_api.forms",
    "FormReply": "_api.forms",
    "LogIterator": "_logs.sync_iterators",
    "LogTail": "_logs.sync_iterators",
    "MediaStream": "_streams.sync_media",
    "RunOptions": "typed_app",
    "StopReason": "outcomes",
    "StreamOptions": "call_options",
    "SubmitOptions": "call_options",
    "Transcript": "models.app",
    "TypedApp": "typed_app",
    "WaitOptions": "call_options",
    "WorkflowParameters": "inputs.parameters",
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
    "AppInfo",
    "AppMeta",
    "AppSite",
    "AsyncDifyWorkflow",
    "AsyncFormCallback",
    "AsyncLogIterator",
    "AsyncLogTail",
    "AsyncMediaStream",
    "AsyncRunOptions",
    "AsyncTypedApp",
    "AsyncWorkflowStream",
    "DefaultAioHttpClient",
    "DifyPageResult",
    "DifyWorkflow",
    "EndUser",
    "FileSource",
    "FormCallback",
    "FormReply",
    "HumanInputForm",
    "LogIterator",
    "LogTail",
    "MediaStream",
    "NodeUsage",
    "NotGiven",
    "OutputFile",
    "ResponseInfo",
    "RunOptions",
    "RunUsage",
    "StopReason",
    "StreamGap",
    "StreamOptions",
    "SubmitOptions",
    "Transcript",
    "TypedApp",
    "UploadedFile",
    "WaitOptions",
    "WorkflowFile",
    "WorkflowLogs",
    "WorkflowLogsRequest",
    "WorkflowParameters",
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
