"""How many runs may go on at once, and when the next one may begin."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from itertools import count
from typing import TypeVar

from anyio import Event, Lock, move_on_after

from ..async_client import AsyncDifyWorkflow
from ..errors import APIConnectionError, DifyError
from ..internals import setup_of
from ..outcomes import is_outage
from .errors import may_be_away

T = TypeVar("T")

FIRST_PAUSE = 0.25
"""Seconds, at most, before a run begins after a refusal; it doubles with each further one."""

LONGEST_PAUSE = 30.0
"""Bound of every such pause."""

PATIENCE = 600.0
"""Seconds without any run beginning or ending, beyond what the server asks to wait, after which a
batch is given up: its journal can be resumed when the server is back."""

QUEUED = 2.0
"""Seconds after which a run that was sent and has not begun waits in the server's queue."""

_TRIES = 3
"""How often a call is sent again where the server was away, and is there."""

logger = logging.getLogger("dify_workflow")


class RatePolicy:
    """Adapts to what the server takes: half as many after a refusal, slowly more after that.

    Where runs wait in the server's queue, it is as many as run, or half as many if those are fewer.

    That is additive increase and multiplicative decrease, as TCP does it (RFC 5681). It is pure;
    all times are seconds of one clock.

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


class AdaptiveLimit:
    """Lets as many rows begin as the policy allows; rows wait here for their turn."""

    def __init__(self, policy: RatePolicy) -> None:
        self._policy = policy
        self._in_flight = 0
        self._holds = 0
        self._unstarted: dict[int, float] = {}
        """When each row was sent whose run has not begun."""
        self._changed = Event()
        self.is_closed = False
        """Whether no more rows begin."""
        self._last_sign = time.monotonic()

    async def enter(self) -> bool:
        """Wait for a turn; False where the limit was closed."""
        while not self.is_closed:
            self._look_at_queue(time.monotonic())
            wait = None if self._holds else self._policy.wait(time.monotonic(), self._in_flight)
            if wait == 0:
                self._in_flight += 1
                self._policy.begin(time.monotonic())
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
        """Let no more rows begin."""
        self.is_closed = True
        self._wake()

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """Let no rows begin within the block."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self._wake()

    async def rest(self, seconds: float) -> bool:
        """Let time pass, but no longer than the limit is open; whether it still is."""
        until = time.monotonic() + seconds
        while not self.is_closed and (left := until - time.monotonic()) > 0:
            with move_on_after(left):
                await self._changed.wait()
        return not self.is_closed

    def sent(self, number: int) -> None:
        """Note that the run of the row with this number is sent."""
        self._unstarted[number] = time.monotonic()

    def started(self, number: int) -> None:
        """Note that the run of a row, which was sent, has begun."""
        now = time.monotonic()
        sent_at = self._unstarted.pop(number, now)
        self.touch()
        if now - sent_at > QUEUED:
            self._note_queue(now, sent_at)
        else:
            self._policy.taken()
        self._wake()

    def failed(self, number: int) -> None:
        """Note that the run of a row, which was sent, has not begun, as far as is known."""
        self._unstarted.pop(number, None)

    def touch(self) -> None:
        """Note that the server is at work."""
        self._last_sign = max(self._last_sign, time.monotonic())

    def _look_at_queue(self, now: float) -> None:
        """See whether runs wait that were sent some time ago."""
        waiting = [at for at in self._unstarted.values() if now - at > QUEUED]
        if waiting:
            self._note_queue(now, max(waiting))

    def _note_queue(self, now: float, sent_at: float) -> None:
        before = int(self._policy.limit)
        self._policy.queued(now, sent_at, self._in_flight - len(self._unstarted))
        limit = int(self._policy.limit)
        if limit < before:
            logger.info("run_batch: runs wait in the server's queue; %d at a time", limit)

    def refused(self, error: DifyError, begun: float) -> bool:
        """Note that the server could not take a run that began then.

        Returns:
            Whether it is worth trying again: not where nothing else has happened for too long.
        """
        now = time.monotonic()
        asked: float | None = getattr(error, "retry_after", None)
        self._policy.refused(now, begun, asked)
        is_over = now - self._last_sign > PATIENCE
        self._last_sign += asked or 0.0
        return not is_over

    def _wake(self) -> None:
        changed, self._changed = self._changed, Event()
        changed.set()


class ServerMonitor:
    """Asks whether the server is there, and holds the limit while it is not.

    It asks with a call that changes nothing: a run that a proxy refuses for an absent server may
    have been started nevertheless, so that its outcome would be unknown. The client's
    `lost_run_timeout` bounds an absence.
    """

    def __init__(self, client: AsyncDifyWorkflow, limiter: AdaptiveLimit) -> None:
        options, self._pace, _ = setup_of(client)
        self._client = client.with_options(max_retries=0)
        self._longest = options.lost_run_timeout
        self._limiter = limiter
        self._turn = Lock()
        self._seen_at = float("-inf")

    async def wait(self) -> bool:
        """Wait until the server answers; one caller asks, the others wait for what it finds.

        Returns:
            False where the limit was closed before.

        Raises:
            APIConnectionError: It has been away for too long.
        """
        called = time.monotonic()
        async with self._turn:
            if self._limiter.is_closed or self._seen_at > called:
                return not self._limiter.is_closed
            with self._limiter.held():
                return await self._found(called)

    async def answer(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What the server answers to a call that changes nothing, once it is there.

        Raises:
            DifyError: The call failed otherwise, or again and again.
        """
        for _ in range(_TRIES):
            try:
                return await ask()
            except DifyError as error:
                if not may_be_away(error) or not await self.wait():
                    raise
        return await ask()

    async def _found(self, since: float) -> bool:
        bound = self._pace.first_backoff
        for attempt in count():
            asked = time.monotonic()
            failure = await self._failure()
            if failure is None:
                self._seen_at = asked
                self._limiter.touch()
                return True
            if self._longest is not None and time.monotonic() - since > self._longest:
                raise APIConnectionError(
                    f"The server has been away for {self._longest:g} s (lost_run_timeout), and no "
                    f"more rows are sent; resume the batch when it is back. {failure}",
                    request_sent=False,
                ) from failure
            longest = min(self._pace.longest_backoff, bound * 2 ** min(20, attempt))
            # Jitter: batches that lost a server together do not come back together.
            if not await self._limiter.rest(random.uniform(longest / 2, longest)):  # noqa: S311  # no secret
                return False
        raise AssertionError  # for type checkers: it counts for ever

    async def _failure(self) -> DifyError | None:
        """Why the server does not answer; None where it does, whatever it says."""
        try:
            await self._client.parameters()
        except DifyError as error:
            return error if is_outage(error) else None
        return None
