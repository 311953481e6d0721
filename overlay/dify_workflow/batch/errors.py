"""The exceptions of batches, and what an error means for the row whose run it ended."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
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
    ServerError,
    WorkflowStreamError,
)
from ..outcomes import is_outage, limit_excludes_streams, meaning

_MOST_SHOWN = 10
"""Maximum number of problems in a message; `RowsError.problems` has more."""

MOST_KEPT = 100
"""Maximum number of problems that are collected from a table."""


class RowsError(InvalidRequestError):
    """Rows are invalid; nothing was run.

    Args:
        message: What is wrong, in a sentence.
        problems: The first hundred problems, one sentence for each row.
        hint: What may be meant, as a sentence.
    """

    def __init__(self, message: str, problems: Sequence[str] = (), hint: str = "") -> None:
        shown = [f"  {problem}" for problem in problems[:_MOST_SHOWN]]
        if more := len(problems) - len(shown):
            shown.append(f"  and {more} more")
        text = "\n".join([f"{message}:", *shown]) if problems else message
        super().__init__(f"{text}\n{hint}" if hint else text)
        self.problems: tuple[str, ...] = tuple(problems)


class JournalError(DifyError):
    """The journal cannot be used at all, or not for this batch; nothing was run."""


@contextmanager
def unwrapped() -> Generator[None, None, None]:
    """Raise the first exception in the group that a task group raises."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # any exception
        try:
            raise error from None
        finally:
            # The group has the error inside. Together they could not be pickled, which Dask does.
            error.__context__ = None


class ErrorClass(Enum):
    """What an error means for the row."""

    REFUSED = "nothing ran; the row may be sent again"
    FAILED = "the error is the row's result"
    UNCERTAIN = "it is not known whether there is a run; the row must not be sent again"
    BROKEN = "its run is known, and may still be running"
    LOST = "its run is known, and its outcome cannot be found out"
    FATAL = "the error affects every row"


def classify(error: DifyError) -> ErrorClass:
    """What an error means for the row whose run it ended.

    `DifyError.outcome` says whether the row ran. If nothing ran, the type of the error shows
    whether only this row is invalid, or whether all rows would fail.
    """
    match error.outcome:
        case "unknown":
            return ErrorClass.LOST if error.run_id else ErrorClass.UNCERTAIN
        case "running":
            return ErrorClass.FATAL if _meets_all(error) else ErrorClass.BROKEN
        case "ended":
            return ErrorClass.FAILED
        case _:
            return _of_unsent(error)


def _of_unsent(error: DifyError) -> ErrorClass:
    match error:
        case InvalidRequestError() | WorkflowStreamError():
            return ErrorClass.FAILED
        case APIStatusError() if not _meets_all(error):
            is_final = meaning(error).outcome == "not_run" and not meaning(error).may_repeat
            return ErrorClass.FAILED if is_final else ErrorClass.REFUSED
        case APIConnectionError() | InvalidResponseError():
            return ErrorClass.REFUSED
        case _:
            return ErrorClass.FATAL


def _meets_all(error: DifyError) -> bool:
    """Whether the server refuses every request: the key, the app or the address is wrong."""
    if not isinstance(error, APIStatusError):
        return False
    is_elsewhere = error.status_code < HTTPStatus.BAD_REQUEST
    is_wrong = isinstance(error, AuthenticationError | PermissionDeniedError | NotFoundError)
    # An app with a limit of one run at a time accepts no streams at all.
    return is_elsewhere or is_wrong or limit_excludes_streams(error)


def is_congestion(error: DifyError) -> bool:
    """Whether an error says that the server or the network is overloaded."""
    cause = error.__cause__
    return isinstance(error, APIConnectionError | RateLimitError | ServerError) or isinstance(
        cause, APIConnectionError | ServerError
    )


def may_be_away(error: DifyError) -> bool:
    """Whether the server may be unavailable, as during a restart: Dify itself did not answer."""
    return any(map(is_outage, _with_causes(error)))


def _with_causes(error: DifyError) -> Iterator[DifyError]:
    cause: BaseException | None = error
    while isinstance(cause, DifyError):
        yield cause
        cause = cause.__cause__
