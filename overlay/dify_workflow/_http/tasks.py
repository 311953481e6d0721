"""Tasks that go on by themselves, and a call that several tasks wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar, cast

from anyio import Event

from ..errors import DifyError

T = TypeVar("T")


_SPAWNED: set[asyncio.Task[None]] = set()
"""Tasks that go on by themselves: an event loop itself keeps only weak references."""


def spawn(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Let something go on by itself, in asyncio or trio."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        import trio

        trio.lowlevel.spawn_system_task(work)
        return
    task = loop.create_task(work())
    _SPAWNED.add(task)
    task.add_done_callback(_SPAWNED.discard)


class Flight(Generic[T]):
    """A call that is sent once, by the task that first needs its outcome; others wait for it.

    Args:
        send: Sends the call.
        given_up: What everybody is told once that task was cancelled. The call is not sent again:
            whether it has reached the server is not known.
    """

    def __init__(self, send: Callable[[], Awaitable[T]], given_up: DifyError) -> None:
        self._send = send
        self._landed: Event | None = None
        self._result: T | None = None
        self._error: DifyError | None = given_up

    async def outcome(self) -> T:
        """What came of the call.

        Raises:
            DifyError: What the call raised.
        """
        if self._landed is not None:
            await self._landed.wait()
            if self._error is not None:
                raise self._error
            return cast("T", self._result)

        self._landed = Event()
        try:
            self._result = await self._send()
            self._error = None
        except DifyError as error:
            self._error = error
            raise
        finally:
            self._landed.set()
        return self._result
