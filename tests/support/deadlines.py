"""What tests of deadlines share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from dify_workflow import (
    RunDeadlineExceededError,
)
from support.replay import Exchange
from support.waiting import SOON

DEADLINE = 2.0
"""Seconds in which a busy machine, too, comes to where the deadline is to pass."""


@contextmanager
def passes(deadline: float = DEADLINE) -> Iterator[pytest.ExceptionInfo[RunDeadlineExceededError]]:
    """Holds that a deadline passes within the block, in time."""
    began = time.monotonic()
    with pytest.raises(RunDeadlineExceededError, match=f"deadline of {deadline:g} s") as caught:
        yield caught
    took = time.monotonic() - began
    assert deadline - 0.05 <= took <= deadline + SOON
    assert isinstance(caught.value, TimeoutError)


def wait_until_left(exchange: Exchange) -> None:
    exchange.wait_until_left()


def stream_of(*chunks: bytes, then: Callable[[Exchange], Any]) -> Callable[[Exchange], None]:
    """Answers runs with these chunks and what follows them, and stops with success."""

    def handler(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stop"):
            exchange.whole(b'{"result": "success"}')
            return
        exchange.start_stream()
        for chunk in chunks:
            exchange.chunk(chunk)
        then(exchange)

    return handler


def send_for_ever(chunk: bytes, every: float) -> Callable[[Exchange], None]:
    gone = threading.Event()

    def send(exchange: Exchange) -> None:
        with suppress(OSError):
            while not gone.wait(every):
                exchange.chunk(chunk)

    return send
