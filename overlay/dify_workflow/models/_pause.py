"""Pauses: what a run waits for."""

from __future__ import annotations

import attrs

from .. import models


@attrs.frozen
class WorkflowPause:
    """What a paused run waits for.

    Args:
        nodes: Ids of the nodes that wait.
        forms: The forms, each at one of the nodes. Empty where the answer does not show them: in
            run detail, and in blocking mode on Dify 1.13.
    """

    nodes: tuple[str, ...] = ()
    forms: tuple[models.HumanInputForm, ...] = ()
