"""The server's workers, and the queue of runs that wait for one."""

from __future__ import annotations

import asyncio
from collections import deque

from .settings import Settings


class Workers:
    """Gives each run a worker, in the order in which they ask.

    Args:
        settings: Say how many workers there are.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._busy = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait for a worker, who is busy until `release`."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self.assign()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the worker came at that moment
                self.release()
            raise

    def release(self) -> None:
        """Let a worker take the next run."""
        self._busy -= 1
        self.assign()

    def assign(self) -> None:
        """Give the runs that wait to the workers that are free."""
        most = self._settings.workers
        while self._queue and (most is None or self._busy < most):
            turn = self._queue.popleft()
            if not turn.done():  # else it has been given up
                turn.set_result(None)
                self._busy += 1
