"""Whether a request may be sent again, and when. Pure."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import Any

from ..errors import APIConnectionError, APIStatusError, DifyError
from ..outcomes import is_concurrency_limit, limit_excludes_streams, meaning
from .failures import deadline_passed
from .options import QUEUE_TIMEOUT
from .request import Call

FIRST_WAIT = 0.5
"""Bound of the first wait in seconds; it doubles with each further one (exponential backoff)."""

LONGEST_WAIT = 8.0
"""Bound of every wait in seconds that the server did not ask for."""

LONGEST_RETRY_AFTER = 60.0
"""Longest wait in seconds that a server may ask for; beyond that the error is raised."""

_REPEATABLE_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 525)})
"""Failures after which a request that changes nothing is repeated (520 to 524: Cloudflare)."""

logger = logging.getLogger("dify_workflow")

_is_waiting = True


def wait_before_retry(
    error: DifyError,
    *,
    attempt: int,
    max_retries: int,
    repeatable: bool,
    queue_left: float = QUEUE_TIMEOUT,
    not_sent_statuses: Collection[int] = (),
) -> float | None:
    """Seconds to wait before the same request is sent again; None where it must not be.

    A request that may have reached the server and may have started something is never repeated.
    There are two budgets: a number of times, and, for refusals of the app's concurrency limit,
    which last as long as other runs do, a time.

    Args:
        error: Why the request failed.
        attempt: How often it has failed under the budget that counts for this error, from 1.
        max_retries: How often it may be sent again.
        repeatable: Whether sending it twice is as good as once (GET, and stopping a run).
        queue_left: Seconds that it may still wait for the concurrency limit.
        not_sent_statuses: Statuses that mean that the server has got nothing.
    """
    if not (meaning(error, not_sent_statuses).may_repeat or (repeatable and _may_pass(error))):
        return None
    in_queue = is_concurrency_limit(error)
    is_used_up = queue_left <= 0 if in_queue else attempt > max_retries
    if is_used_up:
        return None
    longest = min(LONGEST_RETRY_AFTER, queue_left) if in_queue else LONGEST_RETRY_AFTER
    asked = error.retry_after if isinstance(error, APIStatusError) else None
    if asked is not None:
        return asked if asked <= longest else None
    # Full jitter: clients that failed together do not come back together.
    wait = random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1)))  # noqa: S311  # no secret
    return min(wait, longest)


def _may_pass(error: DifyError) -> bool:
    """Whether the same request may succeed a moment later."""
    if isinstance(error, APIStatusError):
        return error.status_code in _REPEATABLE_STATUS
    return isinstance(error, APIConnectionError)


class Attempts:
    """The attempts at a call: whether there is a next one, and when.

    Args:
        call: The call.
    """

    def __init__(self, call: Call[Any]) -> None:
        self._call = call
        self._failed: Counter[bool] = Counter()  # whether it was the concurrency limit: how often
        self._queue_left = call.options.queue_seconds
        self._last: DifyError | None = None

    def begin(self) -> None:
        """Begin an attempt.

        Raises:
            RunDeadlineExceededError: It would be too late.
        """
        if self._call.deadline.has_passed:
            raise deadline_passed(self._call, sent=False) from self._last

    def wait_after(self, error: DifyError) -> float | None:
        """Seconds to wait after an attempt that failed; None where it was the last one."""
        operation = self._call.operation
        in_queue = is_concurrency_limit(error)
        self._failed[in_queue] += 1
        if not operation.replayable or (
            operation.answer == "events" and limit_excludes_streams(error)
        ):
            return None
        wait = wait_before_retry(
            error,
            attempt=self._failed[in_queue],
            max_retries=self._call.options.max_retries,
            repeatable=operation.repeatable,
            queue_left=self._queue_left,
            not_sent_statuses=self._call.options.not_sent_statuses,
        )
        if wait is None:
            return None
        if in_queue:
            self._queue_left -= wait
        self._last = error
        attempt = self._failed.total()
        what = f"{operation.label}: attempt {attempt} failed"
        logger.info("%s, the next one follows in %.1f s: %s", what, wait, error)
        if self._call.observer is not None:
            self._call.observer.retried(error, attempt, wait)
        return min(pause(wait), self._call.deadline.left)


def pause(seconds: float) -> float:
    """The wait as it is waited: none within `without_waiting`."""
    return seconds if _is_waiting else 0.0


@contextmanager
def without_waiting() -> Generator[None, None, None]:
    """Wait nowhere between two attempts, in the whole process; for tests.

    What is decided stays as it is, time that would be waited counts as waited.
    """
    global _is_waiting  # noqa: PLW0603  # a switch
    before, _is_waiting = _is_waiting, False
    try:
        yield
    finally:
        _is_waiting = before
