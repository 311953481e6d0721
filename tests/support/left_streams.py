"""Streams of given bytes, and servers that see them left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE
from support.worlds import World


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


def stream_of_chunks(
    both: World,
    server: ReplayServer,
    *chunks: bytes,
    after: Callable[[Exchange], None] | None = None,
    **options: Any,
) -> Any:
    """The stream of a run whose server sends these chunks and then does what `after` says."""

    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        for chunk in chunks:
            exchange.chunk(chunk)
        if after is None:
            exchange.end_stream()
        else:
            after(exchange)

    options = {"check_inputs": False, "recover": False, **options}
    return both.client(base_url=server.handle(handler), **options).run_workflow_stream({})
