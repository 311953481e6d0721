"""The exceptions of batches, and those that task groups wrap."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from ..errors import DifyError, InvalidRequestError

_MOST_SHOWN = 5
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
        shown = "; ".join(problems[:_MOST_SHOWN])
        more = f"; and {len(problems) - _MOST_SHOWN} more" if len(problems) > _MOST_SHOWN else ""
        text = f"{message}: {shown}{more}." if problems else message
        super().__init__(f"{text} {hint}".rstrip())
        self.problems: tuple[str, ...] = tuple(problems)


class JournalError(DifyError):
    """The journal cannot be used, or not for this batch; nothing was run."""


@contextmanager
def unwrapped() -> Generator[None, None, None]:
    """Raise what a task group wraps: the first exception that tasks raised by themselves."""
    try:
        yield
    except BaseExceptionGroup as group:
        error = _first(group)
        try:
            raise error from None
        finally:
            # The group holds the error: together they could not be pickled, as Dask does with them.
            error.__context__ = None


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # of whichever type
    return error  # pyright: ignore[reportUnknownVariableType]  # likewise
