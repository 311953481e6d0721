"""Streams that are left."""

from __future__ import annotations

import threading
import time

from support.replay import Exchange
from support.waiting import PATIENCE


class Left:
    """Waits, in the server, until the client has closed the connection."""

    def __init__(self) -> None:
        self.at: float | None = None
        self._event = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        if exchange.wait_until_left():
            self.at = time.monotonic()
        self._event.set()

    def seconds_since(self, moment: float) -> float:
        assert self._event.wait(PATIENCE)
        assert self.at is not None, "the client did not close the connection"
        return self.at - moment
