"""Decides whether a request may be sent again, and when. Pure."""

from __future__ import annotations

import logging
import random
from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import Any

from ..errors import APIConnectionError, APIStatusError, DifyError
from ..outcomes import is_concurrency_limit, limit_excludes_streams, meaning
from .options import QUEUE_TIMEOUT
from .request import Call

FIRST_WAIT = 0.5
"""The longest first wait in seconds. It doubles with each further wait (exponential backoff)."""

LONGEST_WAIT = 8.0
"""The longest wait in seconds without a Retry-After header."""

LONGEST_RETRY_AFTER = 60.0
"""The longest Retry-After in seconds. If a server asks for more, the error is raised."""

_REPEATABLE_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 525)})
"""Statuses after which an idempotent request is repeated (520 to 524: Cloudflare)."""

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
    """Seconds to wait before the same request is sent again; None if it must not be sent again.

    A request that may have reached the server and started something is never repeated. There are
    two limits: a number of attempts, and a time for refusals by the app's concurrency limit, which
    last until other runs end.

    Args:
        error: Why the request failed.
        attempt: How often it has failed under the limit for this error, from 1.
        max_retries: How often it may be sent again.
        repeatable: Whether it may be sent twice (GET, and stopping a run).
        queue_left: Seconds left to wait for the concurrency limit.
        not_sent_statuses: Statuses that mean that the server has not received the request.
    """
    if not (meaning(error, not_sent_statuses).may_repeat or (repeatable and _may_pass(error))):
        return None
    in_queue = is_concurrency_limit(error)
    is_used_up = queue_left <= 0 if in_queue else attempt > max_retries
    if is_used_up:
        return None
    longest = min(LONGEST_RETRY_AFTER, queue_left) if in_queue else LONGEST_RETRY_AFTER
    # Full jitter: clients that failed together must not come back together.
    wait = random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1)))  # noqa: S311  # no secret
    asked = error.retry_after if isinstance(error, APIStatusError) else None
    if asked is None:
        return min(wait, longest)
    if asked > longest:
        return None
    # In the queue only waits end the attempts, so a Retry-After of 0 must not be one of 0 s.
    return max(asked, min(wait, longest)) if in_queue else asked


def _may_pass(error: DifyError) -> bool:
    """Whether the same request may succeed a moment later."""
    if isinstance(error, APIStatusError):
        return error.status_code in _REPEATABLE_STATUS
    return isinstance(error, APIConnectionError)


class Attempts:
    """Counts the failed attempts of a call, and decides whether and when there is another.

    Args:
        call: The call.
    """

    def __init__(self, call: Call[Any]) -> None:
        self._call = call
        self._failed = {False: 0, True: 0}  # failures by whether it was the concurrency limit
        self._queue_left = call.options.queue_seconds

    def wait_after(self, error: DifyError) -> float | None:
        """Seconds to wait after a failed attempt; None if it was the last one."""
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
        attempt = sum(self._failed.values())
        what = f"{operation.label}: attempt {attempt} failed"
        logger.info("%s, next attempt in %.1f s: %s", what, wait, error)
        if self._call.observer is not None:
            self._call.observer.retried(error, attempt, wait)
        return min(pause(wait), self._call.deadline.left)


def pause(seconds: float) -> float:
    """The real wait in seconds: 0 within `without_waiting`."""
    return seconds if _is_waiting else 0.0


@contextmanager
def without_waiting() -> Generator[None, None, None]:
    """Skip all waits between two attempts, in the whole process; for tests.

    Decisions do not change: skipped time counts as if it had been waited.
    """
    global _is_waiting  # noqa: PLW0603  # a switch
    before, _is_waiting = _is_waiting, False
    try:
        yield
    finally:
        _is_waiting = before
