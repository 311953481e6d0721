"""What Ctrl-C does where it does not simply leave."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self, TypeVar

from .._streams.sync_stream import WorkflowStream
from ..errors import DifyError
from ._views import View

T = TypeVar("T")


class Interruption:
    """Makes the first Ctrl-C stop the run on the server, and the second one leave.

    A signal's handler may come between any two steps of the client, so the stop is sent from a
    thread; the stream meanwhile goes on to the run's last event.

    Args:
        stream: The events of the run.
        view: Where to say so.
    """

    def __init__(self, stream: WorkflowStream, view: View) -> None:
        self.failure: DifyError | None = None
        self._stream = stream
        self._view = view
        self._stopping: threading.Thread | None = None

    @property
    def requested(self) -> bool:
        """Whether Ctrl-C was pressed."""
        return self._stopping is not None

    def __enter__(self) -> Self:
        self._before = signal.getsignal(signal.SIGINT)
        if self._before is signal.default_int_handler:  # a job in the background ignores Ctrl-C
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._stopping is not None and exc_type is None:
                self._stopping.join()
        finally:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        if self._stopping is not None:
            raise KeyboardInterrupt
        self._stopping = threading.Thread(target=self._stop, daemon=True)
        self._stopping.start()

    def _stop(self) -> None:
        self._view.say("Stopping the run on the server; Ctrl-C again leaves at once.")
        try:
            self._stream.stop()
        except DifyError as error:
            self.failure = error
            self._view.say(f"The run could not be stopped; Ctrl-C again leaves. {error}")


def until_interrupted(items: Iterable[T]) -> Iterator[T]:
    """The items up to the first Ctrl-C, which comes between two: each is wholly written or not.

    Raises:
        KeyboardInterrupt: Behind the item that was going on; after a second Ctrl-C, at once.
    """
    pressed = False

    def press(_signal: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, press)
    try:
        for item in items:
            yield item
            if pressed:
                raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def announced(say: Callable[[], object]) -> Generator[None, None, None]:
    """Say what the first Ctrl-C does before it does that.

    Args:
        say: Says so.
    """
    is_said = False

    def press(_signal: int, _frame: FrameType | None) -> None:
        nonlocal is_said
        if not is_said:
            is_said = True
            say()
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
