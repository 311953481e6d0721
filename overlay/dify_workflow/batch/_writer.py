"""Writing to the journal from an event loop: many changes in one transaction (group commit)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs
from anyio import CancelScope, Event, sleep, to_thread

from ._journal import Journal
from ._state import Change, Claim, Release

T = TypeVar("T")


GATHERING = 0.005
"""Seconds that changes wait for others to be written with them: a transaction costs as much as the
disk takes to confirm it, and runs take far longer than that."""


@attrs.define(eq=False)
class _Wish:
    """A change that somebody may wait for."""

    change: Change
    then: Callable[[], Awaitable[None]] | None = None
    written: Event = attrs.field(factory=Event)
    won: bool = True


class JournalWriter:
    """Writes changes of rows, all those at once that have come up while the last ones were written.

    Args:
        journal: Where to.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._wishes: list[_Wish] = []
        self._wanted = Event()
        self._last: _Wish | None = None
        self._is_closing = False
        self.commits = 0
        """How many transactions there were."""

    async def run(self) -> None:
        """Write until `close` is called; what was wanted before that is written."""
        try:
            while not self._is_closing or self._wishes:
                if not self._wishes:
                    await self._wanted.wait()
                if not self._is_closing:
                    await sleep(GATHERING)
                await self._write()
        finally:
            with CancelScope(shield=True):  # ids of runs are worth that moment
                await self._write(is_left=True)

    def close(self) -> None:
        """End `run` when everything is written."""
        self._is_closing = True
        self._wanted.set()

    def note(self, change: Change, then: Callable[[], Awaitable[None]] | None = None) -> None:
        """Have a change written soon.

        Args:
            change: The change.
            then: Called when it is on the disk; what waits for a change meanwhile waits for it.
        """
        self._wish(change, then)

    async def flush(self) -> None:
        """Wait until everything that was wanted so far is on the disk, and told."""
        if self._last is not None:
            await self._last.written.wait()

    async def write(self, change: Change) -> None:
        """Have a change written, and wait until it is on the disk."""
        await self._wish(change).written.wait()

    async def claim(self, number: int) -> bool:
        """Whether the row is ours to send; if so, the journal says on the disk that it may be."""
        wish = self._wish(Claim(number))
        try:
            await wish.written.wait()
        except BaseException:  # cancelled: nothing is sent, and the journal must not say it may be
            if wish in self._wishes:
                self._wishes.remove(wish)
            else:
                self.note(Release(number, was_sent=False))
            raise
        return wish.won

    async def ask(self, question: Callable[[], T]) -> T:
        """Ask the journal something, in a thread."""
        return await to_thread.run_sync(question)

    def _wish(self, change: Change, then: Callable[[], Awaitable[None]] | None = None) -> _Wish:
        self._last = wish = _Wish(change, then)
        self._wishes.append(wish)
        self._wanted.set()
        return wish

    async def _write(self, *, is_left: bool = False) -> None:
        wishes, self._wishes, self._wanted = self._wishes, [], Event()
        if not wishes:
            return
        changes = [wish.change for wish in wishes]
        won = await to_thread.run_sync(self._journal.commit, changes)
        self.commits += 1
        for wish in wishes:
            wish.won = wish.change.number in won
            if wish.then is not None and not is_left:
                await wish.then()
            wish.written.set()
