"""How long tests wait: for events, and as long as a busy machine needs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import FrameType

PATIENCE = 60.0
"""Seconds to wait for what must come."""

SOON = 10.0
"""Seconds within which something comes that comes after `PATIENCE` or never if wrong."""


def wait_until(happened: Callable[[], object], what: str = "it") -> None:
    """Wait until something has happened that nothing tells."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.01)


def wait_until_reading(thread: int) -> None:
    """Wait until a thread waits for something from the network."""

    def is_reading() -> bool:
        frame: FrameType | None = sys._current_frames().get(thread)
        return frame is not None and frame.f_code.co_filename.endswith("httpcore/_backends/sync.py")

    wait_until(is_reading, "a read")
