"""What threads do in another way than tasks do: begin, wait for each other, and leave."""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import get_ident
from typing import Generic, TypeVar

from ..errors import DifyError

T = TypeVar("T")


def spawn(work: Callable[[], None]) -> None:
    """Let something go on by itself; it does not keep the program from ending."""
    threading.Thread(target=work, name="dify-run", daemon=True).start()


def at_once(begin: Callable[[], object]) -> None:
    """Begin where no task is needed for it."""
    begin()


def leave(close: Callable[[], None], finalize: Callable[[], None]) -> None:  # noqa: ARG001  # for tasks
    """Close a connection at the end of a generator, which the garbage collector may have closed."""
    finalize()


class Turn:
    """Whose turn it is: one thread works at a time; the others wait until it has done a piece."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal's handler may ask at any moment
        self._changed = threading.Condition(self._lock)
        self._worker: int | None = None
        self._waiting = 0

    def is_ours(self) -> bool:
        """Whether this thread works already, and a signal's handler asks in the middle of it."""
        return self._worker == get_ident()

    def take(self, is_over: Callable[[], object]) -> bool:
        """Wait for one's turn; False where there is nothing to do any more.

        Args:
            is_over: Whether that is so; asked again after each piece that another thread does.
        """
        with self._lock:
            while not is_over():
                if self._worker is None:
                    self._worker = get_ident()
                    return True
                # Announced first: who works looks for waiting threads without the lock.
                self._waiting += 1
                try:
                    if self._worker is not None:
                        self._changed.wait()
                finally:
                    self._waiting -= 1
        return False

    def give_back(self) -> None:
        """Let the others look at what was done, and work on."""
        self._worker = None
        self.wake()

    def wake(self) -> None:
        """Let those who wait look again."""
        if self._waiting:
            with self._lock:
                self._changed.notify_all()


class Flight(Generic[T]):
    """A call that is sent once: before anybody else knows of it.

    Args:
        send: Sends the call.
        given_up: What tasks are told once the one that sent it was cancelled.
    """

    def __init__(self, send: Callable[[], T], given_up: DifyError) -> None:
        self.outcome = send
