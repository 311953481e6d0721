"""Writes the log of this package to stderr if DIFY_LOG is set."""

from __future__ import annotations

import logging
import os

from .errors import ConfigurationError
from .timeline.inert import inert

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}
"""The valid values of DIFY_LOG."""


class InertFormatter(logging.Formatter):
    """Formats records without terminal control sequences, also in tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record."""
        return inert(super().format(record))


def log_as_asked() -> None:
    """Set up logging at the level of DIFY_LOG. If it is not set, nothing changes.

    If the program has handlers of its own, these get the records, and no handler is added.

    Raises:
        ConfigurationError: DIFY_LOG is not a level.
    """
    asked = os.environ.get("DIFY_LOG", "").strip().lower()
    if not asked:
        return
    if asked not in LEVELS:
        raise ConfigurationError(f"DIFY_LOG must be one of {', '.join(LEVELS)}, not {asked!r}.")
    logger = logging.getLogger("dify_workflow")
    logger.setLevel(LEVELS[asked])
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(
            InertFormatter("%(asctime)s.%(msecs)03d %(levelname)s %(message)s", "%H:%M:%S")
        )
        logger.addHandler(handler)
