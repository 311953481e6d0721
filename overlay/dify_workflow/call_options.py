"""The options of a run, for functions that hand them on: ``**options: Unpack[StreamOptions]``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from ._http.options import NotGiven, Timeout
from .events.base import StreamEvent
from .models import WorkflowFile

BESIDE_INPUTS = ("user", "deadline")
"""The options of a call that gives its inputs by keyword."""


class SubmitOptions(TypedDict, total=False):
    """How a run is started, whichever way it is waited for."""

    user: str
    """Who the run is for; by default the client's user."""
    files: Sequence[WorkflowFile | Path]
    """Files for ``sys.files``."""
    workflow_id: str
    """Id (UUID) of the published version to run; by default the latest."""
    trace_id: str
    """Id under which the server's tracing files the run."""
    trace_session_id: str
    """Id that joins several runs in the server's tracing."""
    timeout: Timeout | NotGiven
    """Bounds of each call that this takes; by default the client's."""
    extra_headers: Mapping[str, str] | None
    """Further headers of each call that this takes, by name."""
    not_sent_statuses: Collection[int] | None
    """As for the client, for this call."""
    at_least_once: bool | None
    """As for the client, for this call."""


class StreamOptions(SubmitOptions, total=False):
    """How a run is streamed."""

    deadline: float | None
    """Seconds within which all of it has to be over."""
    stop_on_deadline: bool
    """Whether the run is stopped when the deadline has passed."""


class WaitOptions(TypedDict, total=False):
    """How a run is waited for that was started before."""

    user: str
    """Who the run is for; by default the client's user."""
    on_event: Callable[[StreamEvent[object]], object] | None
    """Called with each event."""
    wait_through_pause: bool
    """Whether to wait on where the run waits for a person."""
    timeout: Timeout | NotGiven
    """Bounds of each call that this takes; by default the client's."""
    extra_headers: Mapping[str, str] | None
    """Further headers of each call that this takes, by name."""
    deadline: float | None
    """Seconds within which all of it has to be over."""
    stop_on_deadline: bool
    """Whether the run is stopped when the deadline has passed."""


def as_call(inputs: Mapping[str, Any] | None, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The inputs and the options of a call that may give its inputs by keyword.

    Args:
        inputs: The inputs; None where they are among the keywords.
        named: The keywords: options alone, or inputs and `BESIDE_INPUTS`.
    """
    if inputs is not None:
        return inputs, named
    options = {name: named.pop(name) for name in BESIDE_INPUTS if name in named}
    return named, options
