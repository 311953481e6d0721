"""Log lines on stderr, which may hold text of a server or of whoever asks one."""

from __future__ import annotations

import logging

from .._inert import inert


class InertFormatter(logging.Formatter):
    """Formats records as lines that never command a terminal, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return inert(super().format(record))


def log_to_stderr() -> None:
    """Write what is logged on stderr, unless the program that calls has set logging up itself."""
    handler = logging.StreamHandler()
    handler.setFormatter(InertFormatter("%(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler])
