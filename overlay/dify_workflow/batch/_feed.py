"""The results of a batch one by one, while it goes on behind whoever takes them."""

from __future__ import annotations

from contextlib import suppress

from anyio import (
    BrokenResourceError,
    CancelScope,
    EndOfStream,
    Event,
    create_memory_object_stream,
)

from .._http.tasks import spawn
from ._batch import Batch
from ._state import RowResult
from ._summary import BatchProgress

_AHEAD = 100
"""Results that wait to be taken, before the batch waits too."""


class Feed:
    """Gives the results of a batch, which it runs in a task of its own.

    That is no task group's, since a generator that takes from it may be closed by another task than
    the one that began it.
    """

    def __init__(self) -> None:
        self._giving, self._taking = create_memory_object_stream[RowResult](_AHEAD)
        self._scope = CancelScope()
        self._ended = Event()
        self._error: BaseException | None = None
        self._batch: Batch | None = None

    async def tell(self, result: RowResult, _progress: BatchProgress) -> None:
        """Take a result from the batch; wait where nobody takes them from here."""
        with suppress(BrokenResourceError):  # the loop was left; the journal has it
            await self._giving.send(result)

    def begin(self, batch: Batch) -> None:
        """Begin with the batch, which `tell`s its results."""
        self._batch = batch

        async def run() -> None:
            try:
                with self._scope:
                    await batch.run()
            except BaseException as error:  # noqa: BLE001  # raised by `next`
                self._error = error
            finally:
                self._giving.close()
                self._ended.set()

        spawn(run)

    async def next(self) -> RowResult | None:
        """The next result; None where there is none.

        Raises:
            DifyError: What ended the batch.
        """
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
            if self._batch is not None:
                await self._batch.finish_sending()
            self._scope.cancel()
            await self._ended.wait()
