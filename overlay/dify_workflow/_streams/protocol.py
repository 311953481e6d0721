"""The steps of the recovery protocol, and the observer of a run. Pure.

A protocol is a generator: it yields a step, and the result is sent to it, or the error is raised in
it. Streams and clients carry out the steps, with and without `await`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

import attrs

if TYPE_CHECKING:
    from .._api.log_query import LogAnswer
    from .._http.request import Call
    from ..errors import DifyError
    from ..events.base import StreamEvent
    from ..models import HumanInputForm, WorkflowRunResponse
    from .run_state import RunState

T = TypeVar("T")


@attrs.frozen(eq=False, repr=False)
class OpenStream:
    """Open the stream of a call, and read from it."""

    call: Call[Any]


@attrs.frozen(eq=False, repr=False)
class SendCall(Generic[T]):
    """Send a call. The result of the step is its answer."""

    call: Call[T]


@attrs.frozen(eq=False, repr=False)
class Wait:
    """Wait.

    Args:
        seconds: How long.
    """

    seconds: float


Step: TypeAlias = OpenStream | SendCall[Any] | Wait
Steps: TypeAlias = Generator[Step, Any, T]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RunCalls:
    """Functions that make the calls to find a run again.

    Args:
        events: Takes the id of a run and the id of the last event, if events have ids. Returns the
            call for a replay of the run and its next events.
        detail: Takes the id of a run, and returns the call for its detail.
        logs: Returns the call for the newest 100 runs of the user.
        form: Takes the token of a form, and returns the call for it.
        server_version: Returns the version of the server, or None.
    """

    events: Callable[[str, str | None], Call[Any]]
    detail: Callable[[str], Call[WorkflowRunResponse]]
    logs: Callable[[], Call[LogAnswer]]
    form: Callable[[str], Call[HumanInputForm]]
    server_version: Callable[[], str | None]


class Observer(Protocol):
    """The interface through which `tracing` observes one run, except its text events.

    Its methods do not raise or wait. Only the first end of a run counts.
    """

    def begin(self) -> None:
        """The run will be sent, or followed."""
        ...

    def sending(self) -> AbstractContextManager[None]:
        """The run is being sent until this context ends. An exception in it ends the run."""
        ...

    def marked(self, call: Call[T]) -> Call[T]:
        """Add the trace headers to the call that sends the run."""
        ...

    def retried(self, error: DifyError, attempt: int, wait: float) -> None:
        """The call failed and is sent again.

        Args:
            error: Why it failed.
            attempt: Number of the failed attempt, from 1.
            wait: Seconds until the next attempt.
        """
        ...

    def on_event(self, event: StreamEvent[object]) -> None:
        """An event is delivered."""
        ...

    def reattached(self) -> None:
        """The stream broke and was reconnected."""
        ...

    def ended(self, run: RunState, failure: DifyError | None) -> None:
        """The stream has ended.

        Args:
            run: The state of the run.
            failure: The error that ended it; None if a final event ended it.
        """
        ...

    def answered(self, run: WorkflowRunResponse) -> None:
        """A run in blocking mode was answered."""
        ...

    def left(self, run: RunState, *, in_finalizer: bool) -> None:
        """The stream was closed before its end.

        Args:
            run: The state of the run.
            in_finalizer: Whether a finalizer closed it. Locks must not be taken there.
        """
        ...
