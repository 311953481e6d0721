"""Limit how many runs are active at a time, and when the next one may start."""

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
"""Maximum pause after a refusal before a run starts, in seconds; each refusal doubles it."""

LONGEST_PAUSE = 30.0
"""Maximum of all such pauses, in seconds."""

PATIENCE = 600.0
"""Seconds without a run that starts or ends, after which a batch raises the last error. The time
that the server asks to wait is not counted. The journal can be resumed when the server is back."""

QUEUED = 2.0
"""A run that has not started after this many seconds is waiting in the server's queue."""

_TRIES = 3
"""How many times a call is repeated after the server was unavailable and is back."""

logger = logging.getLogger("dify_workflow")


class RatePolicy:
    """Adapts the number of runs to the server: half after a refusal, then slowly more again.

    If runs wait in the server's queue, the limit becomes the number of active runs, but at least
    half of the limit before.

    This is additive increase and multiplicative decrease, as in TCP (RFC 5681). The class does no
    I/O. All times are in seconds of the same clock.

    Args:
        concurrency: Maximum number of runs at a time.
        rate: Maximum number of runs that start per second; None for any number.
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
        """Seconds until the next run may start; None if another run must end first."""
        if in_flight >= int(self.limit):
            return None
        return max(0.0, self._next_start - now, self._closed_until - now)

    def begin(self, now: float) -> None:
        """Note that a run starts."""
        self._next_start = max(now, self._next_start) + self._interval

    def taken(self) -> None:
        """Note that the server accepted a run."""
        self._refusals = 0
        self.limit = min(self._most, self.limit + 1 / self.limit)

    def queued(self, now: float, begun: float, running: int) -> None:
        """Note that a run waits in the server's queue, or waited there before it began.

        Args:
            now: The time.
            begun: When that run was sent. Runs sent before the last decrease are ignored.
            running: Number of active runs on the server.
        """
        if begun >= self._last_cut:
            self.limit = min(self.limit, max(1.0, self.limit / 2, running))
            self._last_cut = now

    def refused(self, now: float, begun: float, retry_after: float | None = None) -> None:
        """Note that the server did not accept a run.

        Args:
            now: The time.
            begun: When that run started. Runs started before the last decrease are ignored.
            retry_after: Seconds that the server asks to wait. Less than `FIRST_PAUSE` is ignored: a
                server that always says 0 would get requests without a pause.
        """
        if begun >= self._last_cut:
            self.limit = max(1.0, self.limit / 2)
            self._last_cut = now
            self._refusals += 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._refusals - 1, 16))
        # Jitter, so that several batches do not all send again at the same time.
        pause = random.uniform(pause / 2, pause)  # noqa: S311  # not a secret
        if retry_after is not None and retry_after >= FIRST_PAUSE:
            pause = retry_after
        self._closed_until = max(self._closed_until, now + pause)


class AdaptiveLimit:
    """Lets rows start as the policy allows; rows wait here for their turn."""

    def __init__(self, policy: RatePolicy) -> None:
        self._policy = policy
        self._in_flight = 0
        self._holds = 0
        self._unstarted: dict[int, float] = {}
        """Time at which a row was sent, by number, for rows whose run has not started."""
        self._changed = Event()
        self.is_closed = False
        """Whether no more rows start."""
        self._last_sign = time.monotonic()

    async def enter(self) -> bool:
        """Wait for a turn; False if the limit was closed."""
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
        self._look_at_queue(time.monotonic())  # before a worker takes the next run
        self._in_flight -= 1
        self._wake()

    def close(self) -> None:
        """Let no more rows start."""
        self.is_closed = True
        self._wake()

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """Let no rows start inside the block."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self._wake()

    async def rest(self, seconds: float) -> bool:
        """Sleep until the time is over or the limit is closed; return whether it is still open."""
        until = time.monotonic() + seconds
        while not self.is_closed and (left := until - time.monotonic()) > 0:
            with move_on_after(left):
                await self._changed.wait()
        return not self.is_closed

    def sent(self, number: int) -> None:
        """Note that the run of this row is being sent."""
        self._unstarted[number] = time.monotonic()

    def started(self, number: int) -> None:
        """Note that the run of a row that was sent has started."""
        now = time.monotonic()
        sent_at = self._unstarted.pop(number, now)
        self.touch()
        if now - sent_at > QUEUED:
            self._note_queue(now, sent_at)
        else:
            self._policy.taken()
        self._wake()

    def failed(self, number: int) -> None:
        """Note that the run of a row that was sent is not known to have started."""
        self._unstarted.pop(number, None)

    def touch(self) -> None:
        """Note that the server is working."""
        self._last_sign = max(self._last_sign, time.monotonic())

    def _look_at_queue(self, now: float) -> None:
        """Check whether runs that were sent some time ago have not started."""
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
        """Note that the server did not accept a run that started at this time.

        Returns:
            Whether to try again: False if nothing else has happened for too long.
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
    """Checks whether the server is available, and lets no rows start while it is not.

    It checks with a call that changes nothing. If it sent a run, and a proxy refused it for an
    unavailable server, the run might have started, and its outcome would be unknown. The client's
    `lost_run_timeout` limits the time.
    """

    def __init__(self, client: AsyncDifyWorkflow, limiter: AdaptiveLimit) -> None:
        options, self._pace, _ = setup_of(client)
        self._client = client.with_options(max_retries=0)
        self._longest = options.lost_run_timeout
        self._limiter = limiter
        self._turn = Lock()
        self._seen_at = float("-inf")

    async def wait(self) -> bool:
        """Wait until the server answers; one caller checks, and the others wait for its result.

        Returns:
            False if the limit was closed before.

        Raises:
            APIConnectionError: The server has been unavailable for too long.
        """
        called = time.monotonic()
        async with self._turn:
            if self._limiter.is_closed or self._seen_at > called:
                return not self._limiter.is_closed
            with self._limiter.held():
                return await self._found(called)

    async def answer(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The result of a call that changes nothing; wait for the server if it is unavailable.

        Raises:
            DifyError: The call failed for another reason, or too many times.
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
                    f"The server has been unavailable for {self._longest:g} s (lost_run_timeout), "
                    f"so no more rows are sent. Resume the batch when it is back. {failure}",
                    request_sent=False,
                ) from failure
            longest = min(self._pace.longest_backoff, bound * 2 ** min(20, attempt))
            # Jitter, so that several batches do not all check at the same time.
            if not await self._limiter.rest(random.uniform(longest / 2, longest)):  # noqa: S311  # not a secret
                return False
        raise AssertionError  # for type checkers: the loop has no end

    async def _failure(self) -> DifyError | None:
        """Why the server does not answer; None if it answers, even with an error."""
        try:
            await self._client.parameters()
        except DifyError as error:
            return error if is_outage(error) else None
        return None
