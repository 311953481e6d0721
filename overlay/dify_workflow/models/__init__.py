"""The types of requests and results."""

from .file import OutputFile, UploadedFile, WorkflowFile
from .log import DifyPageResult, WorkflowLogs, WorkflowLogsRequest
from .run import (
    HumanInputForm,
    NodeUsage,
    RunUsage,
    WorkflowPause,
    WorkflowRunRequest,
    WorkflowRunResponse,
    WorkflowStopResponse,
)

__all__ = [
    "DifyPageResult",
    "HumanInputForm",
    "NodeUsage",
    "OutputFile",
    "RunUsage",
    "UploadedFile",
    "WorkflowFile",
    "WorkflowLogs",
    "WorkflowLogsRequest",
    "WorkflowPause",
    "WorkflowRunRequest",
    "WorkflowRunResponse",
    "WorkflowStopResponse",
]
