"""What goes wrong here stays here: no run fails, waits or is lost for the sake of its trace."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

P = ParamSpec("P")

logger = logging.getLogger("dify_workflow")

_was_logged = False


@contextmanager
def guarded() -> Generator[None, None, None]:
    """Log the first exception of the process that comes out of here, and go on behind it."""
    try:
        yield
    except Exception:
        global _was_logged  # noqa: PLW0603  # a switch
        if not _was_logged:
            _was_logged = True
            logger.warning(
                "Tracing failed, and runs go on without; this is said once.", exc_info=True
            )


def harmless(method: Callable[P, None]) -> Callable[P, None]:
    """The method, guarded."""

    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        with guarded():
            method(*args, **kwargs)

    return call
