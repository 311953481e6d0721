"""The log of this package on stderr, as DIFY_LOG asks for it."""

from __future__ import annotations

import logging
import os

from .errors import ConfigurationError
from .timeline.inert import inert

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}
"""What DIFY_LOG may be."""


class InertFormatter(logging.Formatter):
    """Formats records as lines that never command a terminal, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return inert(super().format(record))


def log_as_asked() -> None:
    """Set up logging as DIFY_LOG asks; without it, nothing is changed.

    Where the program has handlers of its own, they get the records, and none is added.

    Raises:
        ConfigurationError: DIFY_LOG is no level.
    """
    asked = os.environ.get("DIFY_LOG", "").strip().lower()
    if not asked:
        return
    if asked not in LEVELS:
        raise ConfigurationError(f"DIFY_LOG must be {', '.join(LEVELS)}, not {asked!r}.")
    logger = logging.getLogger("dify_workflow")
    logger.setLevel(LEVELS[asked])
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(
            InertFormatter("%(asctime)s.%(msecs)03d %(levelname)s %(message)s", "%H:%M:%S")
        )
        logger.addHandler(handler)
