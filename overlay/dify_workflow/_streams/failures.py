"""Makes the exceptions of failed streams, with the run, the last event and what was sent. Pure."""

from __future__ import annotations

from typing import TypedDict

import attrs

from .._http.options import Deadline
from .._json import abridged, reason_of
from .._secret import ApiKey
from ..errors import (
    DifyError,
    InvalidResponseError,
    RunDeadlineExceededError,
    RunLostError,
    StreamDecodeError,
    StreamError,
    StreamInterruptedError,
    WorkflowStreamError,
)
from ..events.base import FailureEvent, StreamEvent
from ..inputs.values import needs_check
from .decoder import EventTooLargeError
from .run_state import RunState


class _Ids(TypedDict):
    """The arguments about its run that every such exception has."""

    run_id: str | None
    task_id: str | None
    last_event: StreamEvent[object] | None


@attrs.define(eq=False, repr=False)
class StreamErrors:
    """Makes the exceptions of a stream.

    Args:
        operation: Name of the method that was called.
        run: The state of the run.
        key: Key of the call, which no message may show; None until the server has answered.
        last_event: The last event that was delivered, if any.
    """

    operation: str
    _run: RunState
    key: ApiKey | None = None
    last_event: StreamEvent[object] | None = None

    def interrupted(self, cause: DifyError | None, unfinished: bytes) -> StreamInterruptedError:
        """The stream ended too early.

        Args:
            cause: Why it ended; None if the server ended it.
            unfinished: The bytes of an incomplete last event.
        """
        how = str(cause).removeprefix(f"{self.operation}: ") if cause else "the server ended it"
        shown = f" in an event ({self._shown(unfinished)})" if unfinished else ""
        what = f"{how}{self._unread}"
        if self._silence:
            what = f"{what.rstrip('.')}.{self._silence}"
        failure = StreamInterruptedError(
            f"{self.operation}: the stream{self._of} broke off{shown} before {self._due}: {what}",
            **self._ids,
        )
        failure.__cause__ = cause
        return failure

    def lost(self, reason: str) -> RunLostError:
        """The outcome of the run cannot be found out."""
        task = self._run.task_id or "not known"
        last = self.last_event
        seen = f"its last event was {last.event}" if last else "no event came"
        return RunLostError(
            f"{self.operation}: the outcome of {self._name} cannot be found out: {reason} "
            f"(task {task}, {seen}).",
            **self._ids,
        )

    def too_late(
        self, deadline: Deadline, task: str | None, problem: DifyError | None
    ) -> RunDeadlineExceededError:
        """The deadline passed before the run ended.

        Args:
            deadline: The deadline.
            task: Id of the task that was stopped; None if none was stopped.
            problem: Why it could not be stopped; None if it could.
        """
        stopped = task is not None and problem is None
        if self._run.run_id is None:
            unstopped = (
                ", and it was not stopped, because no event has named its task"
                if deadline.stops
                else ""
            )
            then = f"whether it has started is not known{unstopped}.{self._silence}"
        elif stopped:
            then = f"the server was asked to stop its task {task}."
        elif problem is not None:
            then = f"it may still be running, because stopping it failed: {problem}"
        elif deadline.stops:
            then = "it was not stopped, because no event has named its task."
        else:
            then = "it may still be running."
        return RunDeadlineExceededError(
            f"{self.operation}: the deadline of {deadline.seconds:g} s passed before "
            f"{f'the end{self._of}' if self._of else self._due}; {then}",
            request_sent=True,
            stop_requested=stopped,
            **self._ids,
        )

    def left_early(self) -> StreamError:
        """The stream was closed before its end."""
        what = (
            "cancelled before the server answered; whether the run has started is not known."
            if self.key is None
            else f"the stream{self._of} was closed before {self._due}; look the run up with info()."
            if self._run.run_id
            else f"the stream was closed before {self._due}; whether it has started is not known."
        )
        return StreamError(f"{self.operation}: {what}", **self._ids)

    def without_task(self) -> StreamError:
        """The run cannot be stopped, because no event named its task."""
        what = f"no event named the task{self._of}, so it cannot be stopped."
        return StreamError(f"{self.operation}: {what}", **self._ids)

    def too_large(self, error: EventTooLargeError) -> StreamDecodeError:
        """An event is larger than `max_event_bytes`."""
        return StreamDecodeError(
            f"{self.operation}: the stream{self._of} cannot be read: {error}", **self._ids
        )

    def of_another(self, event: StreamEvent[object]) -> InvalidResponseError:
        """An event names another run than the run of the stream."""
        failure = InvalidResponseError(
            f"{self.operation}: the stream of {self._name} has an event of another run: "
            f"{abridged(self._hidden(abridged(event.raw)))}"
        )
        self.name_run(failure)
        return failure

    def reported(self, event: FailureEvent[object]) -> WorkflowStreamError:
        """The server reported an error after the run had begun."""
        return WorkflowStreamError(
            f"{self.operation}: the server reported an error in the stream of {self._name}"
            f"{self._said(event)}",
            event=event,
            **self._ids,
        )

    def name_run(self, failure: DifyError) -> None:
        """Add to an exception the ids of its run, and that the run was started."""
        if self._run.run_id is not None:
            failure.run_id = failure.run_id or self._run.run_id
            failure.task_id = failure.task_id or self._run.task_id
            if failure.outcome != "unknown" or not isinstance(failure, StreamError):
                failure.outcome = "running"

    def misshapen(self, error: BaseException) -> InvalidResponseError:
        """The final event does not have the expected shape."""
        shown = abridged(self._hidden(abridged(self.last_event and self.last_event.raw)))
        failure = InvalidResponseError(
            f"{self.operation}: the final event{self._of} does not have the expected shape "
            f"({reason_of(error)}): {shown}"
        )
        self.name_run(failure)
        return failure

    def not_started(
        self, event: FailureEvent[object], following: list[StreamEvent[object]]
    ) -> WorkflowStreamError:
        """The server could not start the run."""
        return WorkflowStreamError(
            f"{self.operation}: the server could not start the run{self._said(event)}",
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
    def label(self) -> str:
        """What log lines begin with: the method, and the run where it is known."""
        return f"{self.operation} ({self._name})" if self._run.run_id else self.operation

    @property
    def _name(self) -> str:
        return f"run {self._run.run_id}"

    @property
    def _of(self) -> str:
        return f" of {self._name}" if self._run.run_id else ""

    @property
    def _due(self) -> str:
        """What should have come before the end of the stream."""
        return "the run's end" if self._run.run_id else "any event of the run came"

    @property
    def _silence(self) -> str:
        """What the silence can also mean, for servers that do not answer invalid inputs."""
        version = self._run.server_version()
        if self._run.run_id is not None or not needs_check(version):
            return ""
        return (
            f" Dify {version} also sends nothing if the inputs are invalid: a wrong type, an "
            "upload of another user, or a remote file that it cannot download."
        )

    @property
    def _unread(self) -> str:
        """The last message that was not an event, if there was one."""
        event = self._run.unreadable
        if event is None:
            return ""
        return f". It sent something that is not an event: {self._shown(event.content)}"

    def _said(self, event: FailureEvent[object]) -> str:
        code = event.raw.get("code")
        message = f": {self._shown(event.message.encode())}" if event.message else "."
        return f" ({code}){message}" if code else message

    def hidden(self, data: bytes) -> bytes:
        """The bytes, without the API key."""
        return self.key.hide_in_bytes(data) if self.key else data

    def _shown(self, data: bytes) -> str:
        """The start of a message, for people."""
        return abridged(self._hidden(data[:4000].decode("utf-8", "replace")))

    def _hidden(self, text: str) -> str:
        return self.key.hide_in(text) if self.key else text
