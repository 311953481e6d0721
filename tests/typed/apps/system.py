"""The app "System" of Dify, with types.

Written by `dify-workflow types`. If the app has changed, run it again. Do not edit this
file.
DSL 0.5.0, digest b07a739391101c95
"""

from __future__ import annotations

from typing import Any, Final, Literal, NotRequired, TypeAlias, TypedDict, final

from dify_workflow import AsyncTypedApp, OutputFile, TypedApp, WorkflowRunResponse


class SystemInputs(TypedDict):
    """Inputs of the app."""

    user: NotRequired[str]
    """At most 48 characters."""


_SystemOutputsEnd1 = TypedDict(
    "_SystemOutputsEnd1",
    {
        "user id": str,
        "files": list[OutputFile],
        "started": int | None,
    },
)


@final
class SystemOutputsEnd1(_SystemOutputsEnd1):
    """Outputs of a run that ends at "结束"."""


@final
class SystemOutputsEnd2(TypedDict):
    """Outputs of a run that ends at "结束"."""

    run: str
    limit: int | float
    token: str
    # Any: the export does not name its environment variable.
    other: Any


SystemOutputs: TypeAlias = SystemOutputsEnd1 | SystemOutputsEnd2
"""Outputs of the app; their keys show at which End node the run ended."""

SystemRun: TypeAlias = WorkflowRunResponse[SystemOutputs]
"""A run of the app; read its outputs after `raise_for_status()`."""

SystemNode: TypeAlias = Literal["start", "if", "end1", "end2"]
"""Id of a node."""


class SystemNodes:
    """Ids of the nodes, which events have, by their titles."""

    START: Final = "start"
    """Start (start)."""
    IF: Final = "if"
    """If (if-else)."""
    END_END1: Final = "end1"
    """结束 (end)."""
    END_END2: Final = "end2"
    """结束 (end)."""


class System(TypedApp[SystemInputs, SystemOutputs]):
    """The app "System", for sync code."""


class AsyncSystem(AsyncTypedApp[SystemInputs, SystemOutputs]):
    """The app "System", for async code."""
