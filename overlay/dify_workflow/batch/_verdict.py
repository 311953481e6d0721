"""What an error says of the run that it ended. Pure."""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus

from ..errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    DifyError,
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RunLostError,
    RunOutcomeUnknownError,
    ServerError,
    StreamError,
    WorkflowStreamError,
)


class Verdict(Enum):
    """What becomes of the row."""

    REFUSED = "nothing ran; it may be sent again"
    FAILED = "that is its result"
    UNCERTAIN = "whether there is a run is not known; it must not be sent again"
    BROKEN = "its run is known, and may be going on"
    LOST = "its run is known, and what comes of it will never be"
    FATAL = "every other row would meet the same"


def verdict(error: DifyError) -> Verdict:
    """What becomes of a row whose run ended with an error.

    A server's plain 500 does not say whether it had started the run before it failed, so that row
    is uncertain: nobody should pay for it twice.

    Args:
        error: What was raised from the moment on at which the run was sent.
    """
    match error:
        case WorkflowStreamError() | InvalidRequestError():
            return Verdict.FAILED
        case RunLostError():
            return Verdict.LOST
        case StreamError():
            return Verdict.BROKEN if error.run_id else Verdict.UNCERTAIN
        case RunOutcomeUnknownError() | InvalidResponseError():
            return Verdict.UNCERTAIN
        case APIConnectionError():
            return Verdict.UNCERTAIN if error.request_sent else Verdict.REFUSED
        case APIStatusError():
            return _of_status(error)
        case _:
            return Verdict.FATAL


def _of_status(error: APIStatusError) -> Verdict:
    match error:
        case RateLimitError():
            # An app that takes one run at a time takes no streams at all.
            return Verdict.FATAL if error.limit == 1 else Verdict.REFUSED
        case AuthenticationError() | PermissionDeniedError() | NotFoundError():
            return Verdict.FATAL
        case ServerError():
            asks = error.status_code == HTTPStatus.SERVICE_UNAVAILABLE
            return Verdict.REFUSED if asks and error.retry_after is not None else Verdict.UNCERTAIN
        case _:
            is_elsewhere = error.status_code < HTTPStatus.BAD_REQUEST
            return Verdict.FATAL if is_elsewhere else Verdict.FAILED


def is_congestion(error: DifyError) -> bool:
    """Whether an error says that the server, or the way to it, has too much to do."""
    cause = error.__cause__
    return isinstance(error, APIConnectionError | RateLimitError | ServerError) or isinstance(
        cause, APIConnectionError | ServerError
    )
