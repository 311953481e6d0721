"""The events that a trace is made of, and what is kept of them until the run's end. Pure."""

from __future__ import annotations

from .._json import JSON, JSONObject, is_object
from .._streams.replay import StreamGap
from ..events import (
    HumanInputFormFilled,
    HumanInputFormTimeout,
    HumanInputRequired,
    IterationCompleted,
    IterationNext,
    IterationStarted,
    LoopCompleted,
    LoopNext,
    LoopStarted,
    NodeFinished,
    NodeRetry,
    NodeStarted,
    StreamErrorEvent,
    WorkflowFinished,
    WorkflowPaused,
    WorkflowStarted,
)
from ..events.base import StreamEvent

FOLLOWED = frozenset(
    {
        *(WorkflowStarted, WorkflowFinished, WorkflowPaused, StreamErrorEvent, StreamGap),
        *(NodeStarted, NodeFinished, NodeRetry),
        *(IterationStarted, IterationNext, IterationCompleted),
        *(LoopStarted, LoopNext, LoopCompleted),
        *(HumanInputRequired, HumanInputFormFilled, HumanInputFormTimeout),
    }
)
"""The events that tell of nodes and of the run as a whole."""

_CONTENT = frozenset(
    {
        *("inputs", "outputs", "process_data", "files"),
        *("pre_iteration_output", "pre_loop_output"),
        *("form_content", "rendered_content", "resolved_default_values", "submitted_data"),
    }
)
"""Fields that hold what people and models wrote, of any size."""

_OF_MODEL = ("usage", "model_name", "model_provider")
"""What is kept of a node's process data."""


def without_content(event: StreamEvent[object]) -> StreamEvent[object]:
    """The event without inputs, outputs and texts, which would fill memory until the run's end.

    Args:
        event: The event.
    """
    data: JSON = event.raw.get("data")
    if not is_object(data):
        return event
    kept = {name: value for name, value in data.items() if name not in _CONTENT}
    process = data.get("process_data")
    if is_object(process):
        model: JSONObject = {name: process[name] for name in _OF_MODEL if name in process}
        kept["process_data"] = model
    return type(event)({**event.raw, "data": kept})
