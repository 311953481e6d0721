"""What became of a run, from what servers say of it, and from how a request failed. Pure.

Of failures there is one table, which docs/reliability.md shows. Doubt counts as "the server got
it".
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
"""Why a run was stopped: somebody asked for it (this client, another one, the console); the
server's worker was shut down, as each deploy does; a limit of the server (steps, time, the wait for
people); or something that this version of the client does not know."""

_REQUESTED = {
    "Stopped by user.",
    "Aborted: User requested stop",  # since 1.9; up to 1.15 some streams call it "failed"
    "Aborted: App task was stopped",  # run detail since 1.15
}
_SHUTDOWN = "Workflow stopped because the worker is shutting down."
_LIMITS = ("Maximum execution steps exceeded", "App execution exceeded", "Human input global")


def status_of(status: str, error: object) -> str:
    """The status of a run; ``"stopped"`` also where the server calls a stop a failure.

    Args:
        status: The status that the server gives.
        error: The error text that it gives, as it came.
    """
    is_stop = isinstance(error, str) and error in _REQUESTED
    return "stopped" if status == "failed" and is_stop else status


def stop_reason(status: str, error: str | None) -> StopReason | None:
    """Why a run was stopped; None where it was not.

    Args:
        status: Its status, as `status_of` gives it.
        error: Its error text.
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
"""Refusals that proxies also send after they passed the request on."""


class Meaning(NamedTuple):
    """What a failure means."""

    outcome: Outcome
    """``"not_run"`` or ``"unknown"``."""
    may_repeat: bool
    """Whether the same request may be sent again: it had no effect, and may have one later."""


_GATEWAY = frozenset({502, 503, 504, *range(520, 525)})
"""What proxies answer while the server is away (520 to 524: Cloudflare)."""

_NOT_RUN = Meaning("not_run", may_repeat=False)
_NOT_NOW = Meaning("not_run", may_repeat=True)
_UNKNOWN = Meaning("unknown", may_repeat=False)


def meaning(error: DifyError, not_sent_statuses: Collection[int] = ()) -> Meaning:
    """What the failure of a POST means.

    Args:
        error: The failure.
        not_sent_statuses: Statuses with which the user's gateway answers before the server has got
            anything, as the user vouches.
    """
    if isinstance(error, APIConnectionError):
        return _UNKNOWN if error.request_sent else _NOT_NOW
    if isinstance(error, RunDeadlineExceededError):
        return _UNKNOWN if error.request_sent else _NOT_RUN
    if isinstance(error, APIStatusError):
        if error.status_code in not_sent_statuses or _is_refusal(error):
            return _NOT_NOW
        is_unclear = error.status_code in _UNCLEAR
        if is_unclear or error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _UNKNOWN
        return _NOT_RUN  # 3xx, which is never followed, and 4xx
    if isinstance(error, ConfigurationError | InvalidRequestError):
        return _NOT_RUN
    return _UNKNOWN  # a 2xx that cannot be read


def _is_refusal(error: APIStatusError) -> bool:
    """Whether Dify itself refuses for now: the concurrency limit, a rate limit, a quota."""
    return isinstance(error, RateLimitError) and error.is_from_dify


def is_outage(error: DifyError) -> bool:
    """Whether the server itself has not answered: it is away, as during a restart."""
    if isinstance(error, APIStatusError):
        return error.status_code in _GATEWAY
    return isinstance(error, APIConnectionError)


def is_concurrency_limit(error: DifyError) -> bool:
    """Whether the app's concurrency limit refused the request.

    Servers say so with 400; their own documents, with 429 too_many_requests.
    """
    return isinstance(error, RateLimitError) and (
        error.status_code == HTTPStatus.BAD_REQUEST or error.code == "too_many_requests"
    )


def can_never_fit(error: DifyError) -> bool:
    """Whether the app's concurrency limit refuses every stream, however long one waits.

    A stream takes two places for a moment as it begins.
    """
    return isinstance(error, RateLimitError) and error.limit == 1
