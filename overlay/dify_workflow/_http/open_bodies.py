"""The open bodies of sync code, and what finalizers and forks do with them."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from .sync_network import Connections, Reader

OPEN: set[Reader] = set()
"""Bodies that are still open. The garbage collector must not finalize them: it can run while this
thread holds the lock of httpcore's pool, and httpcore's iterators take that lock when they are
finalized."""

ABANDONED: deque[Reader] = deque()
"""Open bodies whose streams were finalized. They are closed later, when it is safe to take that
lock."""

INHERITED: list[object] = []
"""Clients and open bodies of the parent process, after a fork. Only the parent may close them."""

TRANSPORTS: WeakSet[Connections] = WeakSet()
"""The connections of each transport."""


def close_abandoned() -> None:
    """Close the bodies whose streams were finalized."""
    while ABANDONED:
        ABANDONED.popleft().close()


def _leave_to_parent() -> None:
    """After a fork, in the child: do not touch anything that is open."""
    for reader in OPEN:
        reader.forget()
    INHERITED.extend(OPEN)
    OPEN.clear()
    ABANDONED.clear()
    for connections in list(TRANSPORTS):
        connections.leave_to_parent()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_leave_to_parent)
