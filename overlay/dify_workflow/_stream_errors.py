"""What to say of a stream that failed: its run, its last event, and what came. Pure."""

from __future__ import annotations

from typing import TypedDict

from ._deadline import Deadline
from ._event import FailureEvent, StreamEvent
from ._json import abridged
from ._message import UnreadableEventError
from ._run_state import RunState
from ._secret import ApiKey
from ._sse import EventTooLargeError
from .errors import (
    DifyError,
    InvalidResponseError,
    RunDeadlineExceededError,
    RunLostError,
    StreamDecodeError,
    StreamError,
    StreamInterruptedError,
    WorkflowStreamError,
)


class _Ids(TypedDict):
    """What every such exception says of its run."""

    run_id: str | None
    task_id: str | None
    last_event: StreamEvent[object] | None


class StreamErrors:
    """Makes the exceptions of a stream.

    Args:
        operation: Name of the method that was called.
        run: What is known of the run.
    """

    def __init__(self, operation: str, run: RunState) -> None:
        self.operation = operation
        self.key: ApiKey | None = None
        """Key of the call, which no message may show; None until the server has answered."""
        self.last_event: StreamEvent[object] | None = None
        self._run = run

    def interrupted(self, cause: DifyError | None, unfinished: bytes) -> StreamInterruptedError:
        """The stream broke off.

        Args:
            cause: Why it did; None where the server ended it.
            unfinished: What had come of the next event.
        """
        how = str(cause).removeprefix(f"{self.operation}: ") if cause else "the server ended it"
        shown = f" in an event ({self._shown(unfinished)})" if unfinished else ""
        failure = StreamInterruptedError(
            f"{self.operation}: the stream of {self._name} broke off{shown} before the run's end: "
            f"{how}",
            **self._ids,
        )
        failure.__cause__ = cause
        return failure

    def lost(self, reason: str) -> RunLostError:
        """The outcome of the run cannot be known.

        Args:
            reason: Why not.
        """
        task = self._run.task_id or "not known"
        last = self.last_event
        told = f"its last event was {last.event}" if last else "no event came"
        return RunLostError(
            f"{self.operation}: the outcome of {self._name} cannot be known: {reason} "
            f"(task {task}, {told}).",
            **self._ids,
        )

    def too_late(
        self, deadline: Deadline, task: str | None, problem: DifyError | None
    ) -> RunDeadlineExceededError:
        """The deadline passed before the run's end.

        Args:
            deadline: The deadline.
            task: Id of the task that was to be stopped; None where none was.
            problem: Why it could not be stopped; None where it could.
        """
        stopped = task is not None and problem is None
        if stopped:
            then = f"a stop was sent for its task {task}."
        elif problem is not None:
            then = f"it goes on, since stopping it failed: {problem}"
        elif deadline.stops:
            then = "it goes on, since no event has named its task, which stops it."
        else:
            then = "it goes on."
        return RunDeadlineExceededError(
            f"{self.operation}: the deadline of {deadline.seconds:g} s passed before the end of "
            f"{self._name}; {then}",
            request_sent=True,
            stop_requested=stopped,
            **self._ids,
        )

    def left_early(self) -> StreamError:
        """The stream was closed before its end."""
        what = (
            "given up before the server answered, so whether the run has started is not known."
            if self.key is None
            else f"the stream of {self._name} was closed before the run's end; look the run up "
            "with info()."
        )
        return StreamError(f"{self.operation}: {what}", **self._ids)

    def without_task(self) -> StreamError:
        """A run is to be stopped whose events never named its task."""
        what = f"no event named the task of {self._name}, which stops it."
        return StreamError(f"{self.operation}: {what}", **self._ids)

    def unreadable(
        self, error: UnreadableEventError | EventTooLargeError, name: str
    ) -> StreamDecodeError:
        """An event cannot be read.

        Args:
            error: What is wrong with it.
            name: What to call it.
        """
        what = str(error)
        if isinstance(error, UnreadableEventError):
            what = f"{name} {what}: {self._shown(error.data, error.place)}"
        return StreamDecodeError(
            f"{self.operation}: the stream of {self._name} cannot be read: {what}", **self._ids
        )

    def shapeless(self, error: Exception) -> InvalidResponseError:
        """The final event has not the shape that openapi.yaml gives it.

        Args:
            error: What is wrong with it.
        """
        shown = abridged(self._hidden(abridged(self.last_event and self.last_event.raw)))
        return InvalidResponseError(
            f"{self.operation}: the final event does not have the expected shape ({error!r}): "
            f"{shown}"
        )

    def not_set_up(
        self, event: FailureEvent[object], following: list[StreamEvent[object]]
    ) -> WorkflowStreamError:
        """The server could not set the run up.

        Args:
            event: Which says so.
            following: What came behind it.
        """
        code = event.raw.get("code")
        return WorkflowStreamError(
            f"{self.operation}: the server could not set the run up"
            f"{f' ({code})' if code else ''}: {self._hidden(str(event.message))}",
            event=event,
            following=following,
            **self._ids,
        )

    @property
    def _ids(self) -> _Ids:
        return {
            "run_id": self._run.run_id,
            "task_id": self._run.task_id,
            "last_event": self.last_event,
        }

    @property
    def _name(self) -> str:
        run_id = self._run.run_id
        return f"run {run_id}" if run_id else "a run whose id is not known yet"

    def _shown(self, data: bytes, place: int = 0) -> str:
        """What came, for people: around this place, and without the key."""
        text = data.decode("utf-8", "replace")
        start = max(0, place - 100)
        return ("… " if start else "") + abridged(self._hidden(text[start : start + 1000]))

    def _hidden(self, text: str) -> str:
        return self.key.hide_in(text) if self.key else text
