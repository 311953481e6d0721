"""What tests of batches share."""

from __future__ import annotations

import asyncio

import pytest

from dify_workflow.batch import (
    run_batch_async,
)
from support.batches import Runs, counts

RUN = "POST /workflows/run"


def leave_running(runs: Runs, rows: list[dict[str, str]], journal: str) -> None:
    """Cancel a batch when the runs of all its rows are known."""

    async def run() -> None:
        async with runs.emulator.async_client("work") as client:
            batch = asyncio.create_task(run_batch_async(client, rows, journal=journal))
            while counts(journal) != {"running": len(rows)}:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            batch.cancel()
            with pytest.raises(asyncio.CancelledError):
                await batch

    asyncio.run(run())
