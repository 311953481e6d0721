"""The forms that a run waits for, and the callbacks that answer them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import attrs

from .._json import JSON
from ..errors import InvalidRequestError
from ..models import HumanInputForm, WorkflowRunResponse

FormReply: TypeAlias = tuple[str, Mapping[str, JSON]]
"""The answer to a form: the id of an action, and the values by name of the field."""

FormCallback: TypeAlias = Callable[[HumanInputForm], FormReply]
"""A function that takes a form and returns the answer to it."""

AsyncFormCallback: TypeAlias = Callable[[HumanInputForm], Awaitable[FormReply] | FormReply]
"""A function, or an async function, that takes a form and returns the answer to it."""


def checked_reply(reply: Any) -> FormReply:
    """Return what a callback has returned if it is a pair.

    Raises:
        InvalidRequestError: It is not; for example, the callback has no ``return``.
    """
    try:
        action, inputs = reply
    except (TypeError, ValueError):
        raise InvalidRequestError(
            "on_human_input must return a pair, the id of an action and the values of the fields, "
            f"not {type(reply).__name__}."
        ) from None
    return action, inputs


def forms_to_answer(run: WorkflowRunResponse) -> list[tuple[HumanInputForm, str]]:
    """The forms that a run waits for, with their tokens; empty if this key cannot answer all.

    Args:
        run: The run.
    """
    forms = run.paused.forms if run.status == "paused" and run.paused else ()
    found = [(form, form.token) for form in forms if form.token is not None]
    return found if len(found) == len(forms) else []


def as_seen(form: HumanInputForm, shown: HumanInputForm) -> HumanInputForm:
    """A form as people see it, with the fields that only the paused run has.

    Args:
        form: The form from the paused run.
        shown: The form that was read with its token.
    """
    return attrs.evolve(
        shown,
        token=form.token,
        id=form.id,
        node_id=form.node_id,
        node_title=form.node_title,
        approval_channels=form.approval_channels,
    )
