"""The results of a batch, one by one."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from anyio import (
    BrokenResourceError,
    CancelScope,
    EndOfStream,
    Event,
    create_memory_object_stream,
)

from ..internals import spawn
from .records import RowResult

if TYPE_CHECKING:
    from .run import Batch

_AHEAD = 100
"""Maximum number of results that wait to be taken; then the batch waits, too."""


class ResultFeed:
    """Runs a batch in its own task, and gives its results one by one.

    The task is not in a task group, because a generator that uses it may be closed by another task
    than the one that started it.
    """

    def __init__(self) -> None:
        self._giving, self._taking = create_memory_object_stream[RowResult](_AHEAD)
        self._scope = CancelScope()
        self._ended = Event()
        self._error: BaseException | None = None
        self._batch: Batch

    def start(self, batch: Batch) -> None:
        """Run a batch that passes its results to `give`."""
        self._batch = batch
        spawn(self._run)

    async def give(self, result: RowResult) -> None:
        """Take a result of the batch, which waits until there is room for it."""
        with suppress(BrokenResourceError):  # the loop was left; the journal has it
            await self._giving.send(result)

    async def _run(self) -> None:
        try:
            with self._scope:
                await self._batch.run()
        except BaseException as error:  # noqa: BLE001  # raised by `next`
            self._error = error
        finally:
            self._giving.close()
            self._ended.set()

    async def next(self) -> RowResult | None:
        """The next result; None at the end. An error that ended the batch is raised."""
        try:
            return await self._taking.receive()
        except EndOfStream:
            if self._error is not None:
                raise self._error from None
            return None

    async def close(self) -> None:
        """Leave the batch, and wait until its journal is free."""
        self._taking.close()
        with CancelScope(shield=True):
            await self._batch.finish_sending()
            self._scope.cancel()
            await self._ended.wait()
