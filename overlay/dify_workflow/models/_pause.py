"""Pauses: what a run waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from ._form import HumanInputForm


@attrs.frozen
class WorkflowPause:
    """What a paused run waits for.

    Args:
        nodes: Ids of the nodes that wait.
        forms: The forms, each at one of the nodes. Empty where the answer does not show them: in
            run detail, and in blocking mode on Dify 1.13.
    """

    nodes: tuple[str, ...] = ()
    forms: tuple[HumanInputForm, ...] = ()
