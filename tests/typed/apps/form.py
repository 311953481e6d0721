"""The app "Form" of Dify, with types.

Written by `dify-workflow types`. If the app has changed, run it again. Do not edit this
file.
DSL 0.4.0, digest 43b748270048f675
"""

from __future__ import annotations

from typing import Any, Final, Literal, NotRequired, TypeAlias, TypedDict

from dify_workflow import AsyncTypedApp, TypedApp, WorkflowRunResponse

FormInputsAddress = TypedDict(
    "FormInputsAddress",
    {
        # With number
        "street": str,
        "zip code": NotRequired[str],
    },
)

FormInputs = TypedDict(
    "FormInputs",
    {
        # 姓名 (name); at most 40 characters.
        "姓名": str,
        "class": Literal["first", "second"],
        # News?; by default True.
        "news": NotRequired[bool],
        "address": FormInputsAddress,
        "extra": NotRequired[dict[str, Any]],
    },
)
"""Inputs of the app."""

FormOutputs = TypedDict(
    "FormOutputs",
    {
        "full name": str,
        "__hidden": str,
        "street": str,
        "news": bool | None,
        "extra": dict[str, Any] | None,
    },
)
"""Outputs of the app."""

FormRun: TypeAlias = WorkflowRunResponse[FormOutputs]
"""A run of the app; read its outputs after `raise_for_status()`."""

FormNode: TypeAlias = Literal["start", "end"]
"""Id of a node."""


class FormNodes:
    """Ids of the nodes, which events have, by their titles."""

    START: Final = "start"
    """Start (start)."""
    END: Final = "end"
    """End (end)."""


class Form(TypedApp[FormInputs, FormOutputs]):
    """The app "Form", for sync code."""


class AsyncForm(AsyncTypedApp[FormInputs, FormOutputs]):
    """The app "Form", for async code."""
