"""Write to the journal from an event loop, many changes in one transaction (group commit)."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
from anyio import CancelScope, Event, create_task_group, sleep, to_thread

from ..async_client import AsyncDifyWorkflow
from ..internals import server_time
from .records import Change, Claim, Release

if TYPE_CHECKING:
    from .journal import Journal

GATHERING = 0.005
"""Seconds between two transactions. Changes in this time are written together, because the disk
must confirm each transaction. Runs take much longer than this."""


def time_of(client: AsyncDifyWorkflow) -> float:
    """The time by the server's clock, or by the local clock if that is not known."""
    known = server_time(client)
    return time.time() if known is None else known


@attrs.define(eq=False)
class _Entry:
    """A change that a task may wait for, and a function to call when it is on disk."""

    change: Change
    then: Callable[[], Awaitable[None]] | None = None
    written: Event = attrs.field(factory=Event)
    """Set when it is on disk, and `then` has been called."""
    won: bool | None = None
    """Whether a claim was granted; None until it is known."""
    is_withdrawn: bool = False
    """Whether a claim is no longer wanted."""


class JournalWriter:
    """Writes changes of rows. Changes that arrive during a write are written together after it.

    The clock returns the time for rows that are sent.
    """

    def __init__(self, journal: Journal, clock: Callable[[], float] = time.time) -> None:
        self._journal = journal
        self._clock = clock
        self._entries: list[_Entry] = []
        self._wanted = Event()
        self._rested = Event()
        self._is_writing = False
        self._is_closing = False

    async def run(self) -> None:
        """Write until `close` is called and everything is written."""
        next_write = 0.0
        while not self._is_closing or self._entries:
            if not self._entries:
                await self._wanted.wait()
            if not self._is_closing:
                await sleep(max(0.0, next_write - time.monotonic()))
            await self._write()
            next_write = time.monotonic() + GATHERING

    def close(self) -> None:
        """End `run` when everything is written."""
        self._is_closing = True
        self._wanted.set()

    async def write_rest(self) -> None:
        """Write the changes that are left after `run` was cancelled, without calling functions."""
        for entry in self._entries:
            entry.then = None
        while self._entries:
            await self._write()

    def note(self, change: Change, then: Callable[[], Awaitable[None]] | None = None) -> _Entry:
        """Write a change soon, then call `then`; the next write waits until it returns."""
        entry = _Entry(change, then)
        self._entries.append(entry)
        self._wanted.set()
        return entry

    async def flush(self) -> None:
        """Wait until all changes so far are on disk, and their functions were called."""
        while self._entries or self._is_writing:
            await self._rested.wait()

    async def write(self, change: Change) -> None:
        """Write a change, and wait until it is on disk."""
        await self.note(change).written.wait()

    async def claim(self, number: int) -> bool:
        """Whether this process may send the row; if so, its new state is on disk."""
        entry = self.note(Claim(number, self._clock()))
        try:
            await entry.written.wait()
        except BaseException:  # cancelled: nothing is sent, and the journal must not claim it
            if entry in self._entries:
                self._entries.remove(entry)
            elif entry.won:
                self.note(Release(number, was_sent=False))
            else:
                entry.is_withdrawn = True
            raise
        return entry.won is True

    async def _write(self) -> None:
        entries, self._entries, self._wanted = self._entries, [], Event()
        self._is_writing = True
        won = set[int]()
        try:
            with CancelScope(shield=True):  # these changes exist only here
                changes = [entry.change for entry in entries]
                won = await to_thread.run_sync(self._journal.commit, changes)
            for entry in entries:
                entry.won = entry.change.number in won
                if entry.won and entry.is_withdrawn:
                    self.note(Release(entry.change.number, was_sent=False))
            for entry in entries:
                if entry.then is not None:
                    await entry.then()
                entry.written.set()
        finally:
            self._is_writing = False
            rested, self._rested = self._rested, Event()
            rested.set()


@asynccontextmanager
async def writing(
    journal: Journal, clock: Callable[[], float] = time.time
) -> AsyncGenerator[JournalWriter, None]:
    """A writer that writes during the block, and writes the rest at its end."""
    writer = JournalWriter(journal, clock)
    try:
        async with create_task_group() as group:
            group.start_soon(writer.run)
            try:
                yield writer
            finally:
                writer.close()
    finally:
        with CancelScope(shield=True):  # the ids of runs must not be lost
            await writer.write_rest()
