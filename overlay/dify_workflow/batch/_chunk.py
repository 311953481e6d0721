"""A chunk of rows, run wherever an executor has it."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import Any

import anyio
import attrs
from anyio import create_task_group, sleep, to_thread

from .._base_client import setup_of
from .._http.options import NOT_GIVEN, NotGiven, Options
from .._secret import ApiKey
from .._streams.recovery import Pace as LookPace
from ..async_client import AsyncDifyWorkflow
from ..errors import ConfigurationError
from ._clients import client_with, time_of
from ._columns import Columns
from ._errors import unwrapped
from ._gate import Gate, Permits
from ._journal import Journal
from ._orders import Order, Orders
from ._pace import Pace
from ._presence import Presence
from ._sealed import Sealed
from ._source import Source
from ._state import PENDING, RUNNING, RowRecord, RowResult
from ._worker import Worker
from ._writer import writing

_LOOK_SECONDS = 1.0
"""How long a chunk may take to see what its batch wants."""


@attrs.frozen
class Chunk:
    """Rows, and everything that running them takes; nothing of it shows the key.

    Args:
        numbers: Numbers of the rows.
        journal: URL of the journal, which may have a password.
        batch: Id of the batch, whose orders are in the journal.
        key: Key of the app.
        options: The client's other options.
        looks: How fast the client looks for lost runs.
        slots: Most rows at a time.
        rate: Most runs that begin in a second.
        max_attempts: How often a row is sent that fails.
        permits: The bound on runs that all chunks share.
    """

    numbers: tuple[int, ...] = attrs.field(repr=lambda numbers: f"<{len(numbers)} rows>")
    journal: Sealed
    batch: str
    key: Sealed
    options: dict[str, Any]
    looks: LookPace
    slots: int
    rate: float | None
    max_attempts: int
    permits: Permits | None = attrs.field(default=None, repr=False)


def options_to_send(client: AsyncDifyWorkflow) -> tuple[Sealed, dict[str, Any], LookPace]:
    """The key, the other options and the pace of a client, so that they can be pickled.

    Args:
        client: The client.

    Raises:
        ConfigurationError: It sends with an httpx client of the user's own.
    """
    options, pace, is_given = setup_of(client)
    if is_given:
        raise ConfigurationError(
            "An http_client cannot travel to an executor's workers; make the client without one."
        )
    values = attrs.asdict(options, recurse=False)
    for name in ("api_key", "deadline"):
        del values[name]
    if isinstance(options.timeout, NotGiven):
        del values["timeout"]
    return Sealed(options.key(None).get_secret_value()), values, pace


def run_chunk(chunk: Chunk) -> None:
    """Run the rows of a chunk; what comes of them is in the journal.

    Those that were sent before, by a worker that died, are followed and not sent again. Where the
    batch is over meanwhile, its runs are left to the next one.

    Args:
        chunk: The rows.

    Raises:
        DifyError: What every further row would meet, too.
    """
    with unwrapped():
        anyio.run(_run, chunk)


async def _run(chunk: Chunk) -> None:
    key = ApiKey(chunk.key.get_secret_value())
    others: dict[str, Any] = {"timeout": NOT_GIVEN, **chunk.options}
    options = Options.with_environment(api_key=key, **others)
    with closing(Journal(chunk.journal.get_secret_value())) as journal:
        async with (
            client_with(options, chunk.looks) as client,
            writing(journal, partial(time_of, client)) as writer,
        ):
            gate = Gate(Pace(chunk.slots, chunk.rate))
            presence = Presence(client, gate)
            worker = Worker(
                client,
                Columns(await presence.answer(client.parameters)),
                writer,
                gate,
                _tell_nobody,
                presence=presence,
                max_attempts=chunk.max_attempts,
                permits=chunk.permits,
            )
            rows = await to_thread.run_sync(_open_rows, journal, chunk.numbers)
            await _work(worker, Source.of(rows), chunk.slots, journal.orders(chunk.batch))


async def _work(worker: Worker, source: Source, slots: int, orders: Orders) -> None:
    """Run rows as long as the batch wants it; where it is over, leave runs to the next one."""
    async with create_task_group() as group:

        async def work() -> None:
            await worker.work(source, slots)
            group.cancel_scope.cancel()

        obeyed: Order | None = None
        while (order := await to_thread.run_sync(orders.read)) is not None:
            if order != "go":
                worker.leave_rest()
            if order == "stop" and obeyed != "stop":
                await worker.stop_runs()
            if obeyed is None:
                group.start_soon(work)
            obeyed = order
            await sleep(_LOOK_SECONDS)
        await worker.finish_sending()
        group.cancel_scope.cancel()


def _open_rows(journal: Journal, numbers: tuple[int, ...]) -> list[RowRecord]:
    """The rows that have no result: those that run, and then those that are to be sent."""
    wanted, span = set(numbers), {"after": min(numbers) - 1, "last": max(numbers)}
    found = [
        record
        for state in (RUNNING, PENDING)
        for record in journal.open_rows(state, limit=max(numbers) - min(numbers) + 1, **span)
    ]
    return [record for record in found if record.number in wanted]


async def _tell_nobody(_result: RowResult) -> None:
    """The journal has it, and whoever sent the chunk reads it there."""
