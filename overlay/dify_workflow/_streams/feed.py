"""The events of a run that tell something new, out of the bytes of its streams. Sans-I/O."""

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


class EventSink(Protocol):
    """Who takes what a feed brings."""

    ready: deque[StreamEvent[object]]

    def apply(self, event: StreamEvent[object]) -> bool:
        """Take an event; False where no more are wanted."""
        ...

    def fail(self, failure: DifyError) -> None:
        """End with an error."""
        ...


class RunFeed:
    """Turns the bytes of a run's streams, one after the other, into its events.

    What a stream that was opened again tells once more is left out.

    Args:
        run: What is known of the run.
        errors: Makes the exceptions of the stream.
        max_event_bytes: Largest event in bytes.
        is_of_events: Whether the first stream is one of /events, whose pings do not come from the
            run's worker.
        tells_all: Whether the first stream begins with the run, or with what has been of it.
        forms: Which forms have been answered: a pause for them alone is over.
    """

    def __init__(
        self,
        run: RunState,
        errors: StreamErrors,
        *,
        max_event_bytes: int,
        is_of_events: bool,
        tells_all: bool,
        forms: AnsweredForms,
    ) -> None:
        self.run = run
        self.forms = forms
        self.is_of_events = is_of_events
        self.is_queued = not is_of_events
        """Whether the run was sent and no event has come: it may wait for a worker."""
        self.is_steady = False
        """Whether all is as it nearly always is: the ids are known, nothing broke, and no silence
        or error is to be looked into."""
        self.progress: object = None
        """The last event that has shown that the run goes on."""
        self.last_activity: float | None = None
        """When bytes last came, by the monotonic clock."""
        self.asks_about_pauses = False
        """Whether a pause that a stream of /events tells is held back until its forms are looked
        at: people may have answered them."""
        self.pause_in_doubt: WorkflowPaused | None = None
        """The pause that is held back."""
        self.has_answered_pause = False
        """Whether people have answered the last pause, and nothing came behind it."""
        self._errors = errors
        self._max_event_bytes = max_event_bytes
        self._replay = Replay(run.nodes, tells_all=tells_all)
        self._is_rejoined = False
        self.last_sign = time.monotonic()
        """When the run last gave a sign of life."""
        self.restart()

    def restart(self, last_event_id: str | None = None) -> None:
        """Read a stream from its beginning.

        Args:
            last_event_id: The last ``id`` that the one before it brought.
        """
        self._decoder = EventDecoder(
            self._max_event_bytes, self._unreadable, self._errors.hidden, last_event_id
        )

    def rejoin(self) -> None:
        """Read the stream that was opened again."""
        self._is_rejoined = self.is_of_events = True
        self.restart(self.last_event_id)
        self._replay.begin_again()

    def _unreadable(self, reason: str, content: bytes) -> UnreadableEvent:
        """The event for a message that cannot be read."""
        level = logging.WARNING if self.run.unreadable is None else logging.DEBUG
        event = UnreadableEvent.of(reason, content, self.run.run_id, self.run.task_id)
        self.run.unreadable = event
        logger.log(level, "%s: an event cannot be read: %r", self._errors.operation, event)
        return event

    @property
    def last_event_id(self) -> str | None:
        """The last ``id`` of the stream, with which a coming server continues exactly there."""
        return self._decoder.last_event_id

    @property
    def unfinished(self) -> bytes:
        """What came after the last whole event."""
        return self._decoder.unfinished

    def receive(self, chunk: bytes, session: EventSink) -> None:
        """Give the session the events that a chunk completes and that tell something new.

        Args:
            chunk: Bytes as they arrived.
            session: Who takes them. The text of a steady stream is made ready at once.
        """
        self.heard()
        ready, errors = session.ready, self._errors
        try:
            for event in self._decoder.feed(chunk):
                if self.is_steady and type(event) is TextChunk:
                    self.progress = errors.last_event = event
                    ready.append(event)
                elif self._is_new(event) and not session.apply(event):
                    return
        except EventTooLargeError as error:
            session.fail(self._errors.too_large(error))

    def last(self) -> list[StreamEvent[object]] | None:
        """The event at the end of a stream that lacks only its empty line, if it is new.

        Returns:
            None where the end is no whole event.
        """
        event = self._decoder.last()
        return None if event is None else [event] if self._is_new(event) else []

    def note(self, event: StreamEvent[object]) -> None:
        """Note what an event says of the run, which is delivered now."""
        self.run.apply(event)
        if isinstance(event, NodeStarted | NodeFinished):
            self.run.nodes.apply(event, is_live=not self.is_of_events)
        self._replay.note(event)

    # ------------------------------------------------------------------------------- silence

    def heard(self) -> None:
        """Note that bytes came; those of /events say nothing of the run's worker."""
        self.last_activity = time.monotonic()
        if not self.is_of_events:
            self.touch()

    def touch(self) -> None:
        """Note that the run goes on, or waits for people."""
        self.last_sign = time.monotonic()

    def is_silent_for(self, seconds: float | None) -> bool:
        """Whether the run gave no sign of life for so long; never for None."""
        return seconds is not None and time.monotonic() - self.last_sign > seconds

    @property
    def awaits_resumption(self) -> bool:
        """Whether people have answered all that the run waited for, and it has not gone on yet."""
        return self.has_answered_pause or self.forms.has_answered_all_of(self.run.run_id)

    # --------------------------------------------------------------------------- what is new

    def _is_new(self, event: StreamEvent[object]) -> bool:
        """Whether an event is to be delivered; one of another run is, to be refused."""
        self.is_queued = False
        self.pause_in_doubt = None
        if self.run.is_of_another(event):
            return True
        if (self._is_rejoined and self._is_told_again(event)) or self._is_over(event):
            return False
        if not isinstance(event, FailureEvent | UnreadableEvent):
            self.progress = event
            self.touch()
        return True

    def _is_told_again(self, event: StreamEvent[object]) -> bool:
        if event.raw.get("task_id") == event.id:
            # Replays have the run's id in its place.
            event.raw["task_id"] = self.run.task_id or event.id
        if not self._replay.repeats(event):
            return False
        if isinstance(event, WorkflowStarted):
            self.run.apply(event)  # the first one may have been lost, and has the inputs
        return True

    def _is_over(self, event: StreamEvent[object]) -> bool:
        """Whether an event tells of a pause, or a form, that people have answered meanwhile."""
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
            self.pause_in_doubt = event
            return True
        return False

    def note_answered_pause(self) -> None:
        """Note that people have answered the forms of a pause."""
        self.has_answered_pause = self.run.was_resumed = True


class Replay:
    """Remembers what a stream has told, and recognises it when it is told again.

    A server replays a run's state with less than it told live: nodes without inputs, outputs and
    text, and no iterations or loops.

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
            self._is_in_view = self._nodes.knows(data_of(event).get("id"))
            if not self._is_in_view:
                return True
        match event:
            case NodeStarted():
                return self._nodes.knows(data_of(event).get("id"))
            case NodeFinished():
                # Live streams do not tell that a node is paused: the form does.
                data = data_of(event)
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
            return "inputs_truncated" not in data_of(event)
        case WorkflowStarted():
            return not is_resumption(event)
        case _:
            return False


def forms_of(event: WorkflowPaused) -> list[tuple[str | None, str | None]]:
    """Id and token of each form at which a run waits."""
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
