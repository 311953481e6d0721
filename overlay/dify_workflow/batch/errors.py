"""The exceptions of batches, and what an error says of the row whose run it ended."""

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
"""Problems that a message lists; all that were kept are in `RowsError.problems`."""

MOST_KEPT = 100
"""Problems that are kept of a table in which everything may be wrong."""


class RowsError(InvalidRequestError):
    """Rows cannot be run as they are; nothing was run.

    Args:
        message: What is wrong, in a sentence.
        problems: What is wrong with which row, a sentence each: the first hundred.
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
    """The journal cannot be used, or not for this batch; nothing was run."""


@contextmanager
def unwrapped() -> Generator[None, None, None]:
    """Raise what a task group wraps: the first exception that tasks raised by themselves."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # of whichever type
        try:
            raise error from None
        finally:
            # The group holds the error: together they could not be pickled, as Dask does with them.
            error.__context__ = None


@contextmanager
def needs(package: str, extra: str, what: str) -> Generator[None, None, None]:
    """Say which extra to install where an import within fails for the lack of a package.

    Args:
        package: The package that is imported.
        extra: The extra that brings it.
        what: What needs it, with its verb, such as ``"Parquet files need"``.
    """
    try:
        yield
    except ImportError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise ImportError(
            f"{what} more: pip install 'dify-workflow[{extra}]'", name=error.name
        ) from error


class ErrorClass(Enum):
    """What becomes of the row."""

    REFUSED = "nothing ran; it may be sent again"
    FAILED = "that is its result"
    UNCERTAIN = "whether there is a run is not known; it must not be sent again"
    BROKEN = "its run is known, and may be going on"
    LOST = "its run is known, and its outcome never will be"
    FATAL = "every other row would meet the same"


def classify(error: DifyError) -> ErrorClass:
    """What becomes of a row whose run ended with an error.

    Whether it ran is what `DifyError.outcome` says. Only where nothing ran does the kind of the
    error count: it shows whether the row is wrong, or whether all rows would fail.
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
    """Whether the server refuses whatever is sent: the key, the app or the address is wrong."""
    if not isinstance(error, APIStatusError):
        return False
    is_elsewhere = error.status_code < HTTPStatus.BAD_REQUEST
    is_wrong = isinstance(error, AuthenticationError | PermissionDeniedError | NotFoundError)
    # An app that takes one run at a time takes no streams at all.
    return is_elsewhere or is_wrong or limit_excludes_streams(error)


def is_congestion(error: DifyError) -> bool:
    """Whether an error says that the server, or the way to it, has too much to do."""
    cause = error.__cause__
    return isinstance(error, APIConnectionError | RateLimitError | ServerError) or isinstance(
        cause, APIConnectionError | ServerError
    )


def may_be_away(error: DifyError) -> bool:
    """Whether the server may be away, as during a restart: it has not answered itself."""
    return any(map(is_outage, _with_causes(error)))


def _with_causes(error: DifyError) -> Iterator[DifyError]:
    cause: BaseException | None = error
    while isinstance(cause, DifyError):
        yield cause
        cause = cause.__cause__
