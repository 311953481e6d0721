"""The forms that a run waits at, and how people are asked for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import attrs

from .._json import JSON
from ..models import HumanInputForm, WorkflowRunResponse

FormReply: TypeAlias = tuple[str, Mapping[str, JSON]]
"""Id of the action, and value by field."""

FormCallback: TypeAlias = Callable[[HumanInputForm], FormReply]
"""Takes a form as people see it and returns what they answer."""

AsyncFormCallback: TypeAlias = Callable[[HumanInputForm], Awaitable[FormReply] | FormReply]
"""Likewise, for async code; may be a coroutine function."""


def forms_to_answer(run: WorkflowRunResponse) -> list[tuple[HumanInputForm, str]]:
    """The forms that a run waits at and their tokens; none where this key cannot answer them all.

    Args:
        run: The run.
    """
    forms = run.paused.forms if run.status == "paused" and run.paused else ()
    found = [(form, form.token) for form in forms if form.token is not None]
    return found if len(found) == len(forms) else []


def as_seen(form: HumanInputForm, shown: HumanInputForm) -> HumanInputForm:
    """A form as its page shows it, with what only the run says of it.

    Args:
        form: The form in the run's pause.
        shown: The form as it was read with its token.
    """
    return attrs.evolve(
        shown,
        token=form.token,
        id=form.id,
        node_id=form.node_id,
        node_title=form.node_title,
        approval_channels=form.approval_channels,
    )
