"""Exceptions out of task groups, as if there were none."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def unwrapped() -> Generator[None, None, None]:
    """Raise what a task group wraps: the first exception that tasks raised by themselves."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise _first(group) from None


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # of whichever type
    return error  # pyright: ignore[reportUnknownVariableType]  # likewise
