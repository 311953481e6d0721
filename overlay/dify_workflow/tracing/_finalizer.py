"""What a finalizer wants done, done where it may take locks.

The garbage collector can run while this very thread holds a lock of an exporter.
"""

from __future__ import annotations

import atexit
from _thread import start_new_thread  # threading's own takes locks as well
from collections import deque
from collections.abc import Callable

_LEFT: deque[Callable[[], None]] = deque()


def later(work: Callable[[], None]) -> None:
    """Do something in a thread of its own, before the interpreter ends.

    Args:
        work: What; it raises nothing.
    """
    _LEFT.append(work)
    try:
        start_new_thread(_catch_up, ())
    except RuntimeError:  # the interpreter is ending
        _catch_up()


@atexit.register
def _catch_up() -> None:
    while _LEFT:
        try:
            work = _LEFT.popleft()
        except IndexError:  # another thread was faster
            return
        work()
