"""Whether a request may be sent again, and when. Pure."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from .errors import APIConnectionError, APIStatusError, DifyError, RateLimitError

FIRST_WAIT = 0.5
"""Bound of the first wait in seconds; it doubles with each further one (exponential backoff)."""

LONGEST_WAIT = 8.0
"""Bound of every wait in seconds that the server did not ask for."""

LONGEST_RETRY_AFTER = 60.0
"""Longest wait in seconds that a server may ask for; beyond that the error is raised."""

_REPEATABLE_STATUS = frozenset({500, 502, 503, 504, *range(520, 525)})
"""Failures after which a request that changes nothing is repeated (520 to 524: Cloudflare)."""


def wait_before_retry(
    error: DifyError, *, attempt: int, max_retries: int, repeatable: bool
) -> float | None:
    """Seconds to wait before the same request is sent again; None where it must not be.

    A request that may have reached the server and may have started something is never repeated.

    Args:
        error: Why the request failed.
        attempt: How often it was sent, from 1.
        max_retries: How often it may be sent again.
        repeatable: Whether sending it twice is as good as once (GET, and stopping a run).
    """
    if attempt > max_retries or not _may_repeat(error, repeatable):
        return None
    asked = retry_after(error)
    if asked is not None:
        return asked if asked <= LONGEST_RETRY_AFTER else None
    # Full jitter: clients that failed together do not come back together.
    return random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1)))  # noqa: S311  # no secret


def _may_repeat(error: DifyError, repeatable: bool) -> bool:
    if isinstance(error, APIConnectionError):
        return repeatable or not error.request_sent
    if isinstance(error, RateLimitError):  # refused before anything ran
        return True
    if isinstance(error, APIStatusError):
        if error.status_code == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in error.headers:
            return True
        return repeatable and error.status_code in _REPEATABLE_STATUS
    return False


def retry_after(error: DifyError) -> float | None:
    """Seconds that the server asks to wait (RFC 9110 section 10.2.3); None where it does not."""
    value = error.headers.get("retry-after") if isinstance(error, APIStatusError) else None
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except (OverflowError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
