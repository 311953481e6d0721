"""Where rows wait for their turn."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from anyio import Event, move_on_after

from ..errors import DifyError
from ._pace import Pace

PATIENCE = 600.0
"""Seconds without any run beginning or ending, beyond what the server asks to wait, after which a
batch is given up: its journal can be resumed when the server is back."""


QUEUED = 2.0
"""Seconds after which a run that was sent and has not begun waits in the server's queue."""

logger = logging.getLogger("dify_workflow")


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
        self._holds = 0
        self._unstarted: dict[int, float] = {}
        """When each row was sent whose run has not begun."""
        self._changed = Event()
        self.is_closed = False
        """Whether nobody is let through any more."""
        self._last_life = time.monotonic()

    async def enter(self) -> bool:
        """Wait for a turn; False where the gate has been closed."""
        while not self.is_closed:
            self._look_at_queue(time.monotonic())
            wait = None if self._holds else self._pace.wait(time.monotonic(), self._in_flight)
            if wait == 0:
                self._in_flight += 1
                self._pace.begin(time.monotonic())
                return True
            with move_on_after(wait):
                await self._changed.wait()
        return False

    def leave(self) -> None:
        """End a turn."""
        self._look_at_queue(time.monotonic())  # whose worker has not taken the next run yet
        self._in_flight -= 1
        self._wake()

    def close(self) -> None:
        """Let nobody through any more."""
        self.is_closed = True
        self._wake()

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """Let nobody through within the block."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self._wake()

    async def rest(self, seconds: float) -> bool:
        """Let time pass, but not behind the close of the gate; whether it is open."""
        until = time.monotonic() + seconds
        while not self.is_closed and (left := until - time.monotonic()) > 0:
            with move_on_after(left):
                await self._changed.wait()
        return not self.is_closed

    def sent(self, number: int) -> None:
        """Note that a row's run is sent.

        Args:
            number: Number of the row.
        """
        self._unstarted[number] = time.monotonic()

    def started(self, number: int) -> None:
        """Note that a row's run, which was sent, has begun.

        Args:
            number: Number of the row.
        """
        now = time.monotonic()
        sent_at = self._unstarted.pop(number, now)
        self.note_life()
        if now - sent_at > QUEUED:
            self._note_queue(now, sent_at)
        else:
            self._pace.taken()
        self._wake()

    def failed(self, number: int) -> None:
        """Note that a row's run, which was sent, has not begun, as far as is known.

        Args:
            number: Number of the row.
        """
        self._unstarted.pop(number, None)

    def note_life(self) -> None:
        """Note that the server is at work."""
        self._last_life = max(self._last_life, time.monotonic())

    def _look_at_queue(self, now: float) -> None:
        """See whether runs wait that were sent some time ago."""
        waiting = [at for at in self._unstarted.values() if now - at > QUEUED]
        if waiting:
            self._note_queue(now, max(waiting))

    def _note_queue(self, now: float, sent_at: float) -> None:
        before = int(self._pace.limit)
        self._pace.queued(now, sent_at, self._in_flight - len(self._unstarted))
        if int(self._pace.limit) < before:
            logger.info(
                "run_batch: runs wait in the server's queue; %d at a time", int(self._pace.limit)
            )

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
