"""Whether a request may be sent again, and when. Pure."""

from __future__ import annotations

import random
from collections.abc import Collection, Generator
from contextlib import contextmanager
from http import HTTPStatus

from ._outcomes import meaning
from .errors import APIConnectionError, APIStatusError, DifyError, RateLimitError

FIRST_WAIT = 0.5
"""Bound of the first wait in seconds; it doubles with each further one (exponential backoff)."""

LONGEST_WAIT = 8.0
"""Bound of every wait in seconds that the server did not ask for."""

LONGEST_RETRY_AFTER = 60.0
"""Longest wait in seconds that a server may ask for; beyond that the error is raised."""

QUEUE_TIMEOUT = 60.0
"""Seconds that a call waits, all in all, for the app's concurrency limit."""

_REPEATABLE_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 525)})
"""Failures after which a request that changes nothing is repeated (520 to 524: Cloudflare)."""

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
    if queue_left <= 0 if in_queue else attempt > max_retries:
        return None
    longest = min(LONGEST_RETRY_AFTER, queue_left) if in_queue else LONGEST_RETRY_AFTER
    asked = retry_after(error)
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


def is_concurrency_limit(error: DifyError) -> bool:
    """Whether the app's concurrency limit refused the request.

    Servers say so with 400; their own documents, with 429 too_many_requests (DIFY-VERSIONS.md).
    """
    return isinstance(error, RateLimitError) and (
        error.status_code == HTTPStatus.BAD_REQUEST or error.code == "too_many_requests"
    )


def can_never_fit(error: DifyError) -> bool:
    """Whether the app's concurrency limit refuses every stream, however long one waits.

    A stream takes two places for a moment as it begins (DIFY.md section 8).
    """
    return isinstance(error, RateLimitError) and error.limit == 1


def retry_after(error: DifyError) -> float | None:
    """Seconds that the server asks to wait; None where it does not."""
    return error.retry_after if isinstance(error, APIStatusError) else None


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
