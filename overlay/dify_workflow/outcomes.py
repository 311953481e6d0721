"""Decides what happened to a run, from the server's answer or from how a request failed. Pure.

If it is not certain that the server did not get a request, the request counts as sent.
"""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Literal, NamedTuple, TypeAlias

from .errors import (
    APIConnectionError,
    APIStatusError,
    ConfigurationError,
    DifyError,
    InvalidRequestError,
    Outcome,
    RateLimitError,
    RunDeadlineExceededError,
)

StopReason: TypeAlias = Literal["requested", "shutdown", "limit", "unknown"]
"""Why a run was stopped. ``"requested"``: this client, another client or the console asked for it.
``"shutdown"``: the server's worker was shut down, which happens with each deploy of Dify.
``"limit"``: the run reached a limit of the server (steps, time, the wait for human input).
``"unknown"``: a reason that this version of the client does not know."""

_REQUESTED = {
    "Stopped by user.",
    "Aborted: User requested stop",  # since 1.9; up to 1.15 with status "failed" in some streams
    "Aborted: App task was stopped",  # since 1.15, in the run detail
}
_SHUTDOWN = "Workflow stopped because the worker is shutting down."
_LIMITS = ("Maximum execution steps exceeded", "App execution exceeded", "Human input global")


def status_of(status: str, error: object) -> str:
    """The status of a run. It is ``"stopped"`` also if the server reports a stop as a failure.

    Args:
        status: The server's status.
        error: The server's error text.
    """
    is_stop = isinstance(error, str) and error in _REQUESTED
    return "stopped" if status == "failed" and is_stop else status


def stop_reason(status: str, error: str | None) -> StopReason | None:
    """Why a run was stopped; None if it was not stopped.

    Args:
        status: The run's status, from `status_of`.
        error: The run's error text.
    """
    if status != "stopped":
        return None
    if not isinstance(error, str):
        return "unknown"
    if error in _REQUESTED:
        return "requested"
    text = error.removeprefix("Aborted: ")
    if text.startswith(_SHUTDOWN):
        return "shutdown"
    return "limit" if text.startswith(_LIMITS) else "unknown"


_UNCLEAR = frozenset({408, 425, 429, 499})
"""Statuses that proxies may also send after they passed the request to the server."""


class Meaning(NamedTuple):
    """What the failure of a request means for its run."""

    outcome: Outcome
    """``"not_run"`` or ``"unknown"``."""
    may_repeat: bool
    """Whether to send the same request again: it had no effect, and may succeed later."""


_GATEWAY = frozenset({502, 503, 504, *range(520, 525)})
"""Statuses that proxies send while the server does not answer (520 to 524: Cloudflare)."""

_NOT_RUN = Meaning("not_run", may_repeat=False)
_NOT_NOW = Meaning("not_run", may_repeat=True)
_UNKNOWN = Meaning("unknown", may_repeat=False)


def meaning(error: DifyError, not_sent_statuses: Collection[int] = ()) -> Meaning:
    """What the failure of a POST request means.

    Args:
        error: The failure.
        not_sent_statuses: Statuses that the user's gateway sends only if it has not passed the
            request to the server.
    """
    if isinstance(error, APIConnectionError):
        return _UNKNOWN if error.request_sent else _NOT_NOW
    if isinstance(error, RunDeadlineExceededError):
        return _UNKNOWN if error.request_sent else _NOT_RUN
    if isinstance(error, APIStatusError):
        if error.status_code in not_sent_statuses or _is_refusal(error):
            return _NOT_NOW
        # 3xx too, because redirects are never followed. A status below 200 says nothing.
        is_refused = 300 <= error.status_code < 500  # noqa: PLR2004  # RFC 9110
        return _NOT_RUN if is_refused and error.status_code not in _UNCLEAR else _UNKNOWN
    if isinstance(error, ConfigurationError | InvalidRequestError):
        return _NOT_RUN
    return _UNKNOWN  # a 2xx that cannot be read


def _is_refusal(error: APIStatusError) -> bool:
    """Whether Dify itself refuses for now, by its concurrency limit, a rate limit or a quota."""
    return isinstance(error, RateLimitError) and error.is_from_dify


def is_outage(error: DifyError) -> bool:
    """Whether the server itself did not answer, for example during a restart."""
    if isinstance(error, APIStatusError):
        return error.status_code in _GATEWAY
    return isinstance(error, APIConnectionError)


def is_concurrency_limit(error: DifyError) -> bool:
    """Whether the app's concurrency limit refused the request.

    Servers answer with 400; Dify's documentation says 429 with the code too_many_requests.
    """
    return isinstance(error, RateLimitError) and (
        error.status_code == HTTPStatus.BAD_REQUEST or error.code == "too_many_requests"
    )


def limit_excludes_streams(error: DifyError) -> bool:
    """Whether the app's concurrency limit is 1, with which the server refuses every stream.

    A stream counts as two requests for a moment when it begins.
    """
    return isinstance(error, RateLimitError) and error.limit == 1
