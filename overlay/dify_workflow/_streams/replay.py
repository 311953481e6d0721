"""What a stream that is taken up again tells once more, and what it tells for the first time. Pure.

A server replays a run's state with less than it told live: nodes without inputs, outputs and text,
and no iterations or loops.
"""

from __future__ import annotations

from typing import Any, final

from .._json import JSON, JSONObject, is_list, is_object
from ..events import HumanInputRequired, NodeFinished, NodeStarted, WorkflowPaused, WorkflowStarted
from ..events.base import StreamEvent
from .run_state import Nodes, is_resumption


@final
class StreamGap(StreamEvent[JSONObject]):
    """The stream broke here and was taken up again: some of it may be missing.

    That is text, and what iterations and loops tell; nodes are made up for. The client makes this
    event itself; ``data["reason"]`` says why the stream broke.
    """

    __slots__ = ()

    @classmethod
    def after(cls, reason: str, run_id: str | None, task_id: str | None) -> StreamGap:
        """The gap that a failure left."""
        ids = {"workflow_run_id": run_id, "task_id": task_id}
        return cls({"event": "stream_gap", **ids, "data": {"reason": reason}})


class Replay:
    """Remembers what a stream has told, and recognises it when it is told again.

    Args:
        nodes: Those that the stream has told of, which others note.
        tells_all: Whether the stream began with the run, or with what had been of it. Otherwise
            what stands before the first known node of a replay is older than the stream.
    """

    def __init__(self, nodes: Nodes, *, tells_all: bool = True) -> None:
        self._nodes = nodes
        self._tells_all = tells_all
        self._is_in_view = tells_all
        self._has_started = False
        self._forms: set[str] = set()
        self._paused_at: frozenset[str | None] | None = None

    def note(self, event: StreamEvent[Any]) -> None:
        """Remember an event that is delivered, other than those of nodes."""
        match event:
            case WorkflowStarted():
                if is_resumption(event):
                    self._nodes.forget_unended()  # the one that waited is told to start once more
                    self._paused_at = None
                self._has_started = True
            case HumanInputRequired():
                if (form := _text(event, "form_id")) is not None:
                    self._forms.add(form)
            case WorkflowPaused():
                self._paused_at = _form_ids(event)
            case _:
                pass

    def begin_again(self) -> None:
        """Note that the stream was taken up again."""
        self._is_in_view = self._tells_all

    def repeats(self, event: StreamEvent[Any]) -> bool:
        """Whether an event of a stream that was taken up again brings nothing new."""
        if not self._is_in_view and is_replayed(event):
            self._is_in_view = self._nodes.knows(_data(event).get("id"))
            if not self._is_in_view:
                return True
        match event:
            case NodeStarted():
                return self._nodes.knows(_data(event).get("id"))
            case NodeFinished():
                # Live streams do not tell that a node is paused: the form does.
                data = _data(event)
                return data.get("status") == "paused" or self._nodes.has_ended(data.get("id"))
            case WorkflowStarted():
                # Where the first events were lost, this one would come behind its nodes.
                is_late = self._has_started or bool(self._nodes)
                return is_late and not is_resumption(event)
            case HumanInputRequired():
                return _text(event, "form_id") in self._forms
            case WorkflowPaused():
                return self._paused_at is not None and self._paused_at == _form_ids(event)
            case _:
                return False


def is_replayed(event: StreamEvent[Any]) -> bool:
    """Whether an event tells of what has been: a live one of a node has more keys."""
    match event:
        case NodeStarted() | NodeFinished():
            return "inputs_truncated" not in _data(event)
        case WorkflowStarted():
            return not is_resumption(event)
        case _:
            return False


def forms_of(event: WorkflowPaused) -> list[tuple[str | None, str | None]]:
    """Id and token of each form at which a run waits."""
    reasons: JSON = _data(event).get("reasons")
    return [form_of(reason) for reason in (reasons if is_list(reasons) else ())]


def form_of(data: JSON) -> tuple[str | None, str | None]:
    """Id and token of a form, from the reason of a pause or the payload of its event."""
    if not is_object(data):
        return None, None
    form_id, token = data.get("form_id"), data.get("form_token")
    return (
        form_id if isinstance(form_id, str) else None,
        token if isinstance(token, str) else None,
    )


def _form_ids(event: WorkflowPaused) -> frozenset[str | None]:
    return frozenset(form_id for form_id, _ in forms_of(event))


def _text(event: StreamEvent[Any], name: str) -> str | None:
    value: JSON = _data(event).get(name)
    return value if isinstance(value, str) else None


def _data(event: StreamEvent[Any]) -> JSONObject:
    data: JSON = event.raw.get("data")
    return data if is_object(data) else {}
