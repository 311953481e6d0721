"""The options of a run as types, for functions of yours: ``**options: Unpack[StreamOptions]``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from ._http.options import NotGiven, Timeout
from .events.base import StreamEvent
from .models import WorkflowFile

BESIDE_INPUTS = ("user", "deadline")
"""The only options of a call whose inputs are keyword arguments."""


class SubmitOptions(TypedDict, total=False):
    """Options to start a run, for `DifyWorkflow.submit_workflow` and the methods that also wait.

    Example::

        def greet(name: str, **options: Unpack[SubmitOptions]) -> WorkflowRunResponse:
            return workflow.run_workflow({"name": name}, **options)
    """

    user: str
    """Who the run is for; by default the client's user."""
    files: Sequence[WorkflowFile | Path]
    """Files for ``sys.files``."""
    workflow_id: str
    """Id (UUID) of the published version to run; by default the latest."""
    trace_id: str
    """Id of the run in the server's tracing."""
    trace_session_id: str
    """Id that groups several runs in the server's tracing."""
    timeout: Timeout | NotGiven
    """Timeout of each request (seconds); by default the client's."""
    extra_headers: Mapping[str, str] | None
    """Extra headers of each request, by name."""
    not_sent_statuses: Collection[int] | None
    """The client's option of this name, for this call."""
    at_least_once: bool | None
    """The client's option of this name, for this call."""


class StreamOptions(SubmitOptions, total=False):
    """Options to start a run and stream its events."""

    deadline: float | None
    """Seconds for the whole call; None for no limit."""
    stop_on_deadline: bool
    """Whether to stop the run if the deadline passes."""


class WaitOptions(TypedDict, total=False):
    """Options to wait for a run that was started before."""

    user: str
    """Who the run is for; by default the client's user."""
    on_event: Callable[[StreamEvent[object]], object] | None
    """A function that is called with each event."""
    wait_through_pause: bool
    """Whether to keep waiting while the run waits for human input."""
    timeout: Timeout | NotGiven
    """Timeout of each request (seconds); by default the client's."""
    extra_headers: Mapping[str, str] | None
    """Extra headers of each request, by name."""
    deadline: float | None
    """Seconds for the whole call; None for no limit."""
    stop_on_deadline: bool
    """Whether to stop the run if the deadline passes."""


def as_call(inputs: Mapping[str, Any] | None, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Separate the inputs and the options of a call.

    Args:
        inputs: The inputs; None if they are keyword arguments.
        named: The keyword arguments: only options, or inputs and `BESIDE_INPUTS`.

    Returns:
        The inputs, and the options by name.
    """
    if inputs is not None:
        return inputs, named
    options = {name: named.pop(name) for name in BESIDE_INPUTS if name in named}
    return named, options
