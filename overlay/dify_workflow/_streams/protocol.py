"""What finding a run again asks of the client, and what its observer is told. Pure.

A conversation with the server is a generator: it yields a step and is sent what came of it, or has
it raised. Streams and clients do the steps, with `await` and without.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
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


@attrs.frozen
class OpenStream:
    """Open the stream of a call, and read on from it."""

    call: Call[Any]


@attrs.frozen
class SendCall(Generic[T]):
    """Send a call; its answer is sent back."""

    call: Call[T]


@attrs.frozen
class Wait:
    """Let time pass.

    Args:
        seconds: How much.
    """

    seconds: float


Step: TypeAlias = OpenStream | SendCall[Any] | Wait
Steps: TypeAlias = Generator[Step, Any, T]


@attrs.frozen(kw_only=True)
class RunCalls:
    """The calls that find a run again.

    Args:
        events: Takes the ids of a run and of the last event, where events have some, and gives the
            call for what has been of the run and what comes.
        detail: Takes the id of a run and gives the call for its detail.
        logs: Gives the call for the user's runs, the newest hundred.
        form: Takes the token of a form and gives the call for it.
        server_version: Version of the server, as far as it is known.
    """

    events: Callable[[str, str | None], Call[Any]]
    detail: Callable[[str], Call[WorkflowRunResponse]]
    logs: Callable[[], Call[LogAnswer]]
    form: Callable[[str], Call[HumanInputForm]]
    server_version: Callable[[], str | None]


class Observer(Protocol):
    """Is told what happens to one run, the steady flow of its text left out: nobody, but `tracing`.

    None of its methods raises or waits for anything, and whichever end comes first counts.
    """

    def begin(self) -> None:
        """The run is to be sent, or followed."""
        ...

    def sending(self) -> AbstractContextManager[None]:
        """Likewise; lasts while the run is sent; what it raises is the end."""
        ...

    def marked(self, call: Call[T]) -> Call[T]:
        """The call that sends the run, with what is to travel along."""
        ...

    def retried(self, error: DifyError, attempt: int, wait: float) -> None:
        """The call failed and is sent again.

        Args:
            error: Why it failed.
            attempt: Which attempt that was, from 1.
            wait: Seconds until the next one.
        """
        ...

    def on_event(self, event: StreamEvent[object]) -> None:
        """An event is delivered."""
        ...

    def reattached(self) -> None:
        """The stream broke, and was taken up again."""
        ...

    def ended(self, run: RunState, failure: DifyError | None) -> None:
        """The stream has ended.

        Args:
            run: What its events have said.
            failure: Why it did; None where a final event ended it.
        """
        ...

    def answered(self, run: WorkflowRunResponse) -> None:
        """A run in blocking mode was answered."""
        ...

    def left(self, run: RunState, *, in_finalizer: bool) -> None:
        """The stream was closed before its end.

        Args:
            run: What its events have said.
            in_finalizer: Whether a finalizer closed it, in which locks must not be taken.
        """
        ...


@contextmanager
def sending(observer: Observer | None) -> Generator[None, None, None]:
    """Let an observer, where there is one, know how sending a run goes."""
    if observer is None:
        yield
        return
    with observer.sending():
        yield


def marked(observer: Observer | None, call: Call[T]) -> Call[T]:
    """The call that sends a run, as its observer wants it."""
    return call if observer is None else observer.marked(call)
