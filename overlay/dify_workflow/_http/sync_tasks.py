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
        self._worker: int | None = None
        self._waiting: list[threading.Event] = []

    def take(self, is_done: Callable[[], object]) -> bool:
        """Wait for one's turn; False where the work is done.

        It is also False for a signal's handler that asks while its own thread works.

        Args:
            is_done: Whether it is; asked again after each piece that another thread does.
        """
        while True:
            with self._lock:
                if is_done():
                    return False
                if self._worker is None:
                    self._worker = get_ident()
                    return True
                if self._worker == get_ident():
                    return False
                self._waiting.append(done := threading.Event())
            done.wait()

    def give_back(self) -> None:
        """Let the others look at what was done, and work on."""
        with self._lock:
            self._worker = None
            if self._waiting:
                for done in self._waiting:
                    done.set()
                self._waiting.clear()


class Flight(Generic[T]):
    """A call that is sent once: before anybody else knows of it.

    Args:
        send: Sends the call.
        given_up: What tasks are told once the one that sent it was cancelled.
    """

    def __init__(self, send: Callable[[], T], given_up: DifyError) -> None:
        self.outcome = send
