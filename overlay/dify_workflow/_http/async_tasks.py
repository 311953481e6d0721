"""What tasks do in another way than threads do: begin, wait for each other, and leave."""

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


def at_once(begin: Callable[[], Awaitable[object]]) -> None:
    """Begin where no task is needed for it: async code begins when it awaits what was made."""


async def leave(close: Callable[[], Awaitable[None]], finalize: Callable[[], None]) -> None:  # noqa: ARG001  # for threads
    """Close a connection at the end of a generator, which its event loop runs in a task."""
    await close()


class Turn:
    """Whose turn it is: one task works at a time; the others wait until it has done a piece."""

    def __init__(self) -> None:
        self._is_taken = False
        self._waiting: list[Event] = []

    def is_ours(self) -> bool:
        """Whether this task works already: no task asks in the middle of its work."""
        return False

    async def take(self, is_over: Callable[[], object]) -> bool:
        """Wait for one's turn; False where there is nothing to do any more.

        Args:
            is_over: Whether that is so; asked again after each piece that another task does.
        """
        while not is_over():
            if not self._is_taken:
                self._is_taken = True
                return True
            self._waiting.append(done := Event())
            await done.wait()
        return False

    def give_back(self) -> None:
        """Let the others look at what was done, and work on."""
        self._is_taken = False
        self.wake()

    def wake(self) -> None:
        """Let those who wait look again."""
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.set()


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
