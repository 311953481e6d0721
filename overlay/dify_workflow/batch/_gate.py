"""Where rows wait for their turn."""

from __future__ import annotations

import time
from typing import Protocol

from anyio import Event, move_on_after

from ..errors import DifyError
from ._pace import Pace

PATIENCE = 600.0
"""Seconds without any run beginning or ending, beyond what the server asks to wait, after which a
batch is given up: its journal can be resumed when the server is back."""


class Permits(Protocol):
    """A bound on runs that several processes share; a row's turn needs a permit of it."""

    async def acquire(self) -> bool:
        """Take a permit; False where there is none to be had soon."""
        ...

    async def release(self) -> None:
        """Give a permit back."""
        ...


class Gate:
    """Lets as many rows through as the pace has it.

    Args:
        pace: How many there may be, and when.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._in_flight = 0
        self._changed = Event()
        self.is_closed = False
        """Whether nobody is let through any more."""
        self._last_life = time.monotonic()

    async def enter(self) -> bool:
        """Wait for a turn; False where the gate has been closed."""
        while not self.is_closed:
            wait = self._pace.wait(time.monotonic(), self._in_flight)
            if wait == 0:
                self._in_flight += 1
                self._pace.begin(time.monotonic())
                return True
            with move_on_after(wait):
                await self._changed.wait()
        return False

    def leave(self) -> None:
        """End a turn."""
        self._in_flight -= 1
        self._wake()

    def close(self) -> None:
        """Let nobody through any more."""
        self.is_closed = True
        self._wake()

    def taken(self) -> None:
        """Note that the server took a run, or ended one."""
        self._last_life = max(self._last_life, time.monotonic())
        self._pace.taken()

    def refused(self, error: DifyError, begun: float) -> bool:
        """Note that the server could not take a run.

        Args:
            error: How it said so.
            begun: When that run began.

        Returns:
            Whether it is worth trying again: not where nothing else has happened for too long.
        """
        now = time.monotonic()
        asked: float | None = getattr(error, "retry_after", None)
        self._pace.refused(now, begun, asked)
        is_over = now - self._last_life > PATIENCE
        self._last_life += asked or 0.0
        return not is_over

    def _wake(self) -> None:
        changed, self._changed = self._changed, Event()
        changed.set()
