"""The event loops of an async client. A connection works only in its own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING
from weakref import WeakSet

import httpx
from anyio import Event

if TYPE_CHECKING:
    from .async_network import AsyncReader


class Loop:
    """The connections of one event loop, which cannot be used in another event loop."""

    def __init__(self) -> None:
        self.client: httpx.AsyncClient | None = None
        self.closing: AsyncGenerator[None] | None = None
        self.readers: WeakSet[AsyncReader] = WeakSet()
        self.sleepers: set[Event] = set()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The running event loop of asyncio; None in the loop of another library."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def trio_token() -> object:
    """An object that identifies the running loop of trio."""
    import trio

    return trio.lowlevel.current_trio_token()


def is_closed(loop: object) -> bool:
    """Whether an event loop of asyncio was closed."""
    return isinstance(loop, asyncio.AbstractEventLoop) and loop.is_closed()
