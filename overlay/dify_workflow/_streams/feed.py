"""The events of a run that tell something new, out of the bytes of its streams. Sans-I/O."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from ..events import (
    HumanInputRequired,
    NodeFinished,
    NodeStarted,
    TextChunk,
    WorkflowPaused,
    WorkflowStarted,
)
from ..events.base import FailureEvent, StreamEvent, UnreadableEvent
from .decoder import EventDecoder
from .failures import StreamErrors
from .forms import AnsweredForms
from .replay import Replay, form_of, forms_of
from .run_state import RunState

logger = logging.getLogger("dify_workflow")


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

    def events(self, chunk: bytes) -> Iterator[StreamEvent[object]]:
        """The events that a chunk completes and that tell something new.

        Args:
            chunk: Bytes as they arrived.

        Raises:
            EventTooLargeError: An event is larger than ``max_event_bytes``.
        """
        for event in self._decoder.feed(chunk):
            if self.is_steady and type(event) is TextChunk:
                self.progress = event
                yield event
            elif self._is_new(event):
                yield event

    def last(self) -> list[StreamEvent[object]] | None:
        """The event at the end of a stream that lacks only its empty line, if it is new.

        Returns:
            None where the end is no whole event.
        """
        event = self._decoder.last()
        return None if event is None else [event] if self._is_new(event) else []

    def note(self, event: StreamEvent[object]) -> None:
        """Note what an event says of the run, which is delivered now."""
        self.run.take(event)
        if isinstance(event, NodeStarted | NodeFinished):
            self.run.nodes.take(event, is_live=not self.is_of_events)
        self._replay.note(event)

    # ------------------------------------------------------------------------------- silence

    def heard(self) -> None:
        """Note that bytes came; those of /events say nothing of the run's worker."""
        self.last_activity = time.monotonic()
        if not self.is_of_events:
            self.note_life()

    def note_life(self) -> None:
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
            self.note_life()
        return True

    def _is_told_again(self, event: StreamEvent[object]) -> bool:
        if event.raw.get("task_id") == event.id:
            # Replays have the run's id in its place.
            event.raw["task_id"] = self.run.task_id or event.id
        if not self._replay.repeats(event):
            return False
        if isinstance(event, WorkflowStarted):
            self.run.take(event)  # the first one may have been lost, and has the inputs
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
