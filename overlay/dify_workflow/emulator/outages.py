"""Times in which the server is away, while its workers go on with their runs."""

from __future__ import annotations

import asyncio
from typing import Literal, TypeAlias, get_args

from .connection import Server
from .faults import Fault, Faults, by_proxy

OutageAnswer: TypeAlias = Literal["refuse", "close", 502, 503, 504]
"""What clients meet meanwhile; see `Emulator.outage`."""


class Outages:
    """Begins and ends them.

    Args:
        server: The server.
        faults: What goes wrong on demand.
    """

    def __init__(self, server: Server, faults: Faults) -> None:
        self._server = server
        self._faults = faults
        self._is_away = False
        self._page: Fault | None = None
        self._end: asyncio.Task[None] | None = None

    async def begin(
        self, seconds: float | None, answer: OutageAnswer, *, cut_streams: bool
    ) -> None:
        """Let the server be away; the arguments are those of `Emulator.outage`.

        Raises:
            RuntimeError: It is away already.
            ValueError: Nobody answers so.
        """
        if answer not in get_args(OutageAnswer):
            raise ValueError(f"answer must be one of {get_args(OutageAnswer)}, not {answer!r}")
        if self._is_away:
            raise RuntimeError("The emulator is away already.")
        self._is_away = True
        if isinstance(answer, int):
            self._page = Fault(answer=by_proxy(answer))
            self._faults.add(self._page, times=None)
        else:
            await self._server.go_away(hangs_up=answer == "close")
        if cut_streams:
            self._server.cut()
        await asyncio.sleep(0)  # behind it, what was to be closed is closed
        if seconds is not None:
            self._end = asyncio.create_task(self._end_after(seconds))

    async def _end_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.end()

    async def end(self) -> None:
        """Let the server be there again; without effect where it is."""
        if not self._is_away:
            return
        self._is_away = False
        if self._end is not None and self._end is not asyncio.current_task():
            self._end.cancel()
        self._end = None
        if self._page is None:
            await self._server.come_back()
            return
        self._faults.remove(self._page)
        self._page = None
