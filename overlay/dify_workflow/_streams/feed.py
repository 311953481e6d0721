"""Turns the bytes of a run's streams into its new events. Sans-I/O."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Any, Protocol, final

from .._json import JSON, JSONObject, is_list, is_object
from ..errors import DifyError
from ..events import (
    HumanInputRequired,
    NodeFinished,
    NodeStarted,
    TextChunk,
    WorkflowPaused,
    WorkflowStarted,
)
from ..events.base import FailureEvent, StreamEvent, UnreadableEvent
from .decoder import EventDecoder, EventTooLargeError
from .failures import StreamErrors
from .forms import AnsweredForms
from .run_state import Nodes, RunState, data_of, is_resumption

logger = logging.getLogger("dify_workflow")


@final
class StreamGap(StreamEvent[JSONObject]):
    """The stream broke here and was reconnected: some events may be missing.

    Text and events of iterations and loops may be missing; node events are restored. The client
    makes this event itself; ``data["reason"]`` says why the stream broke.

    Example::

        with workflow.run_workflow_stream({"name": "Ann"}) as stream:
            for event in stream:
                if isinstance(event, StreamGap):
                    print("some text may be missing:", event.data["reason"])
    """

    __slots__ = ()

    @classmethod
    def after(cls, reason: str, run_id: str | None, task_id: str | None) -> StreamGap:
        """The event for a gap.

        Args:
            reason: Why the stream broke.
            run_id: Id of the run, if it is known.
            task_id: Id of the task, if it is known.

        Returns:
            The event.

        Example::

            gap = StreamGap.after("the connection broke", None, None)
            assert gap.data["reason"] == "the connection broke"
        """
        ids = {"workflow_run_id": run_id, "task_id": task_id}
        return cls({"event": "stream_gap", **ids, "data": {"reason": reason}})


class EventSink(Protocol):
    """The receiver of the events of a feed."""

    ready: deque[StreamEvent[object]]

    def apply(self, event: StreamEvent[object]) -> bool:
        """Process an event, if it is new; False if no more events are wanted."""
        ...

    def fail(self, failure: DifyError) -> None:
        """End with an error."""
        ...


class RunFeed:
    """Turns the bytes of a run's streams, one after the other, into its events.

    Events that a reconnected stream repeats are left out.

    Args:
        run: The state of the run.
        errors: Makes the exceptions of the stream.
        max_event_bytes: The largest event (bytes).
        is_of_events: Whether the first stream comes from /events. Its pings do not come from the
            run's worker.
        from_start: Whether the first stream begins with the start of the run, or with a replay.
        forms: The forms that have been answered. A pause for only these is over.
    """

    def __init__(
        self,
        run: RunState,
        errors: StreamErrors,
        *,
        max_event_bytes: int,
        is_of_events: bool,
        from_start: bool,
        forms: AnsweredForms,
    ) -> None:
        self.run = run
        self.forms = forms
        self.is_of_events = is_of_events
        self.is_queued = not is_of_events
        """Whether the run was sent and no event has come: it may wait for a worker."""
        self.is_steady = False
        """Whether this is the normal case: the ids are known, the connection has not broken, and
        there is no silence or error to handle."""
        self.progress: object = None
        """The last event that shows that the run continues."""
        self.last_activity: float | None = None
        """When bytes last came, by the monotonic clock."""
        self.asks_about_pauses = False
        """Whether a pause from /events is held back until its forms are checked, because people may
        have answered them."""
        self.held_pause: WorkflowPaused | None = None
        """The pause that is held back."""
        self.has_answered_pause = False
        """Whether people have answered the last pause, and no event came after it."""
        self._errors = errors
        self._max_event_bytes = max_event_bytes
        self._replay = Replay(run.nodes, from_start=from_start)
        self._is_rejoined = False
        self.last_sign = time.monotonic()
        """When the run was last known to be alive, by the monotonic clock."""
        self.restart()

    def restart(self, last_event_id: str | None = None) -> None:
        """Start to read a new stream.

        Args:
            last_event_id: The last ``id`` of the previous stream.
        """
        self._decoder = EventDecoder(
            self._max_event_bytes, self._unreadable, self._errors.hidden, last_event_id
        )

    def rejoin(self) -> None:
        """Start to read the reconnected stream."""
        self._is_rejoined = self.is_of_events = True
        self.restart(self.last_event_id)
        self._replay.begin_again()

    def _unreadable(self, reason: str, content: bytes) -> UnreadableEvent:
        """The event for a message that cannot be read."""
        level = logging.WARNING if self.run.unreadable is None else logging.DEBUG
        event = UnreadableEvent.of(reason, content, self.run.run_id, self.run.task_id)
        self.run.unreadable = event
        logger.log(level, "%s: an event cannot be read: %r", self._errors.label, event)
        return event

    @property
    def last_event_id(self) -> str | None:
        """The last ``id`` of the stream. A future server can continue exactly after it."""
        return self._decoder.last_event_id

    @property
    def unfinished(self) -> bytes:
        """The bytes after the last complete event."""
        return self._decoder.unfinished

    def receive(self, chunk: bytes, session: EventSink) -> None:
        """Pass the events that a chunk completes to the session.

        Args:
            chunk: Bytes of the stream.
            session: The receiver. Text events of a steady stream go directly to its `ready`.
        """
        self.heard()
        ready, errors = session.ready, self._errors
        try:
            for event in self._decoder.feed(chunk):
                if self.is_steady and type(event) is TextChunk:
                    self.progress = errors.last_event = event
                    ready.append(event)
                elif not session.apply(event):
                    return
        except EventTooLargeError as error:
            session.fail(self._errors.too_large(error))

    def last(self) -> StreamEvent[object] | None:
        """The last event, if only its empty line is missing; None if it is incomplete."""
        return self._decoder.last()

    def note(self, event: StreamEvent[object]) -> None:
        """Update the state of the run with an event that is delivered now."""
        self.run.apply(event)
        if isinstance(event, (NodeStarted, NodeFinished)):
            self.run.nodes.apply(event, is_live=not self.is_of_events)
        else:
            self._replay.note(event)

    # ------------------------------------------------------------------------------- silence

    def heard(self) -> None:
        """Record that bytes came. Bytes from /events do not show that the run's worker is alive."""
        self.last_activity = now = time.monotonic()
        if not self.is_of_events:
            self.last_sign = now

    def touch(self) -> None:
        """Record that the run continues, or waits for human input."""
        self.last_sign = time.monotonic()

    def is_silent_for(self, seconds: float | None) -> bool:
        """Whether the run has shown no activity for this long; never for None."""
        return seconds is not None and time.monotonic() - self.last_sign > seconds

    @property
    def awaits_resumption(self) -> bool:
        """Whether people have answered all forms of the run, and it has not continued yet."""
        return self.has_answered_pause or self.forms.has_answered_all_of(self.run.run_id)

    # --------------------------------------------------------------------------- what is new

    def is_new(self, event: StreamEvent[object]) -> bool:
        """Whether to deliver an event of the run."""
        self.is_queued = False
        self.held_pause = None
        if (self._is_rejoined and self._is_repeated(event)) or self._is_over(event):
            return False
        if not isinstance(event, (FailureEvent, UnreadableEvent)):
            self.progress = event
            self.touch()
        return True

    def _is_repeated(self, event: StreamEvent[object]) -> bool:
        if event.raw.get("task_id") == event.id:
            # Replays have the run's id as task id.
            event.raw["task_id"] = self.run.task_id or event.id
        if not self._replay.repeats(event):
            return False
        if isinstance(event, WorkflowStarted):
            self.run.apply(event)  # it has the inputs, and the first one may have been lost
        return True

    def _is_over(self, event: StreamEvent[object]) -> bool:
        """Whether an event is about a pause or a form that people have already answered."""
        if isinstance(event, HumanInputRequired):
            form, token = form_of(event.raw.get("data"))
            self.forms.see(self.run.run_id or event.id, form, token)
            return self.is_of_events and self.forms.has_answered(form, token)
        if not isinstance(event, WorkflowPaused):
            if not isinstance(event, UnreadableEvent):
                self.has_answered_pause = False
            return False
        forms = forms_of(event)
        for form, token in forms:
            self.forms.see(self.run.run_id or event.id, form, token)
        if not forms or not self.is_of_events:
            return False
        if all(self.forms.has_answered(form, token) for form, token in forms):
            self.note_answered_pause()
            return True
        if self.asks_about_pauses and all(token for _, token in forms):
            self.held_pause = event
            return True
        return False

    def note_answered_pause(self) -> None:
        """Record that people have answered the forms of a pause."""
        self.has_answered_pause = self.run.was_resumed = True


class Replay:
    """Remembers the events of a stream, and recognises them in a replay.

    A replay has less than the live stream: nodes without inputs, outputs and text, and no
    iterations or loops.

    Args:
        nodes: The nodes of the stream. Other code updates them.
        from_start: Whether the stream began with the start of the run, or with a replay. Otherwise
            events of a replay before its first known node are older than the stream.
    """

    def __init__(self, nodes: Nodes, *, from_start: bool = True) -> None:
        self._nodes = nodes
        self._from_start = from_start
        self._is_in_view = from_start
        self._has_started = False
        self._forms: set[str] = set()
        self._paused_at: frozenset[str | None] | None = None

    def note(self, event: StreamEvent[Any]) -> None:
        """Remember an event that is delivered, other than those of nodes."""
        match event:
            case WorkflowStarted():
                if is_resumption(event):
                    self._nodes.forget_unended()  # the waiting node will start again
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
        """Record that the stream was reconnected."""
        self._is_in_view = self._from_start

    def repeats(self, event: StreamEvent[Any]) -> bool:
        """Whether an event of a reconnected stream is not new."""
        if not self._is_in_view and is_replayed(event):
            self._is_in_view = self._nodes.knows(data_of(event).get("id"))
            if not self._is_in_view:
                return True
        match event:
            case NodeStarted():
                return self._nodes.knows(data_of(event).get("id"))
            case NodeFinished():
                # Live streams have no event for a paused node: its form shows that.
                data = data_of(event)
                return data.get("status") == "paused" or self._nodes.has_ended(data.get("id"))
            case WorkflowStarted():
                # If the first events were lost, this one would come after the nodes of its run.
                is_late = self._has_started or bool(self._nodes)
                return is_late and not is_resumption(event)
            case HumanInputRequired():
                return _text(event, "form_id") in self._forms
            case WorkflowPaused():
                return self._paused_at is not None and self._paused_at == _form_ids(event)
            case _:
                return False


def is_replayed(event: StreamEvent[Any]) -> bool:
    """Whether an event is a replay: live events of a node have more keys."""
    match event:
        case NodeStarted() | NodeFinished():
            return "inputs_truncated" not in data_of(event)
        case WorkflowStarted():
            return not is_resumption(event)
        case _:
            return False


def forms_of(event: WorkflowPaused) -> list[tuple[str | None, str | None]]:
    """Id and token of each form that a run waits for."""
    reasons: JSON = data_of(event).get("reasons")
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
    value: JSON = data_of(event).get(name)
    return value if isinstance(value, str) else None
