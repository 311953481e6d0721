"""The types of requests and results that users name."""

from ._file import UploadedFile, WorkflowFile
from ._form import HumanInputForm
from ._log import DifyPageResult, WorkflowLogs, WorkflowLogsRequest
from ._run import (
    WorkflowPause,
    WorkflowRunRequest,
    WorkflowRunResponse,
    WorkflowStopResponse,
)

__all__ = [
    "DifyPageResult",
    "HumanInputForm",
    "UploadedFile",
    "WorkflowFile",
    "WorkflowLogs",
    "WorkflowLogsRequest",
    "WorkflowPause",
    "WorkflowRunRequest",
    "WorkflowRunResponse",
    "WorkflowStopResponse",
]
