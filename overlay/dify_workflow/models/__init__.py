"""The types of requests and results that users name."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

from ._file import UploadedFile, WorkflowFile
from ._form import HumanInputForm
from ._run import (
    WorkflowPause,
    WorkflowRunRequest,
    WorkflowRunResponse,
    WorkflowStopResponse,
)

if _TYPE_CHECKING:
    from ._log import DifyPageResult, WorkflowLogs, WorkflowLogsRequest

_OF_LOGS = {"DifyPageResult", "WorkflowLogs", "WorkflowLogsRequest"}
"""Imported when they are first asked for: most programs read no logs."""


def __getattr__(name: str) -> object:
    if name not in _OF_LOGS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(_import_module("._log", __name__), name)
    globals()[name] = value
    return value


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


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
