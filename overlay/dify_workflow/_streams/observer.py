"""What somebody who watches a client is told of a run. Nobody does, unless `tracing` is on."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from .._http.request import Call
    from ..errors import DifyError
    from ..events.base import StreamEvent
    from ..models import WorkflowRunResponse
    from .run_state import RunState

T = TypeVar("T")


class Observer(Protocol):
    """Is told what happens to one run, the steady flow of its text left out.

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

    def told(self, event: StreamEvent[object]) -> None:
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
