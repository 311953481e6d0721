"""How many runs may go on at once, and when the next one may begin. Pure."""

from __future__ import annotations

import random

FIRST_PAUSE = 0.25
"""Seconds, at most, before a run begins after a refusal; it doubles with each further one."""

LONGEST_PAUSE = 30.0
"""Bound of every such pause."""


class Pace:
    """Adapts to what the server takes: half as many after a refusal, slowly more after that.

    Where runs wait in the server's queue, it is as many as run, or half as many if those are fewer.

    That is additive increase and multiplicative decrease, as TCP does it (RFC 5681). All times are
    seconds of one clock.

    Args:
        concurrency: Most runs at a time.
        rate: Most runs that begin in a second; None for any number.
    """

    def __init__(self, concurrency: int, rate: float | None = None) -> None:
        self.limit = float(concurrency)
        self._most = concurrency
        self._interval = 1 / rate if rate else 0.0
        self._next_start = 0.0
        self._closed_until = 0.0
        self._last_cut = float("-inf")
        self._refusals = 0

    def wait(self, now: float, in_flight: int) -> float | None:
        """Seconds until the next run may begin; None where one has to end first."""
        if in_flight >= int(self.limit):
            return None
        return max(0.0, self._next_start - now, self._closed_until - now)

    def begin(self, now: float) -> None:
        """Note that a run begins."""
        self._next_start = max(now, self._next_start) + self._interval

    def taken(self) -> None:
        """Note that the server took a run."""
        self._refusals = 0
        self.limit = min(self._most, self.limit + 1 / self.limit)

    def queued(self, now: float, begun: float, running: int) -> None:
        """Note that a run waits in the server's queue, or waited there before it began.

        Args:
            now: The time.
            begun: When that run was sent. Runs from before the last cut say nothing new.
            running: How many runs go on at the server.
        """
        if begun >= self._last_cut:
            self.limit = min(self.limit, max(1.0, self.limit / 2, running))
            self._last_cut = now

    def refused(self, now: float, begun: float, retry_after: float | None = None) -> None:
        """Note that the server could not take a run.

        Args:
            now: The time.
            begun: When that run began. Runs that began before the last cut say nothing new.
            retry_after: Seconds that the server asks to wait.
        """
        if begun >= self._last_cut:
            self.limit = max(1.0, self.limit / 2)
            self._last_cut = now
            self._refusals += 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._refusals - 1, 16))
        # Jitter, so that several batches do not come back together.
        asked = retry_after if retry_after is not None else random.uniform(pause / 2, pause)  # noqa: S311  # no secret
        self._closed_until = max(self._closed_until, now + asked)
