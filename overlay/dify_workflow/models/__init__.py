"""The types of requests and results that users name."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from ._file import UploadedFile, WorkflowFile
    from ._form import HumanInputForm
    from ._log import DifyPageResult, WorkflowLogs, WorkflowLogsRequest
    from ._pause import WorkflowPause
    from ._request import WorkflowRunRequest
    from ._run import WorkflowRunResponse
    from ._stop import WorkflowStopResponse

_ON_DEMAND = {
    "DifyPageResult": "_log",
    "HumanInputForm": "_form",
    "UploadedFile": "_file",
    "WorkflowFile": "_file",
    "WorkflowLogs": "_log",
    "WorkflowLogsRequest": "_log",
    "WorkflowPause": "_pause",
    "WorkflowRunRequest": "_request",
    "WorkflowRunResponse": "_run",
    "WorkflowStopResponse": "_stop",
}
"""What is imported when it is first asked for, by name: making a class takes 0.2 to 1 ms, and no
program needs them all."""


def __getattr__(name: str) -> object:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(_import_module(f".{_ON_DEMAND[name]}", __name__), name)
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
