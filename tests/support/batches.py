"""Batches in processes that can be killed, and an emulator that counts their runs."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

from dify_workflow import DifyWorkflow
from dify_workflow._streams.recovery import Pace
from dify_workflow.batch import RowResult, read_rows, run_batch, run_batch_async
from dify_workflow.batch.journal import Journal
from dify_workflow.emulator import Emulator, Input, NodeError, Sleep, node, workflow
from support import events
from support.forks import PROCESSES, ensure_running
from support.recordings import recording
from support.replay import Exchange, ReplayServer

RUN = "POST /workflows/run"


class Runs:
    """An emulator whose workflow counts its runs by row, and how many go on at once."""

    emulator: Emulator

    def __init__(self) -> None:
        self.counts = Counter[str]()
        self.most_at_once = 0
        self._at_once = 0

    @contextmanager
    def counted(self, name: str) -> Iterator[None]:
        """Count a run while it goes on."""
        self.counts[name] += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            self._at_once -= 1

    def client(self, **options: Any) -> DifyWorkflow:
        """A client that does not wait for long."""
        client = self.emulator.client("work", **options)
        client._pace = QUICK
        return client


QUICK = Pace(0.01, 0.05, 0.02, 0.05, 0.5, 0.5, search=2.0)
"""How fast lost runs are looked for here."""


@contextmanager
def counted_runs(
    seconds: float = 0.0,
    *,
    fails: int = 0,
    limit: int | None = None,
    until: Event | None = None,
    **options: Any,
) -> Iterator[Runs]:
    """An emulator with a workflow ``work``, which takes a name and so long.

    Args:
        seconds: How long a run takes.
        fails: How often each row's run fails before it succeeds.
        limit: Most runs at the same time.
        until: What runs wait for before they end.
        options: Options of the emulator.
    """
    runs = Runs()

    @workflow(Input("name"), max_active_requests=limit)
    def work(inputs: Any) -> Any:
        name = inputs["name"]
        with runs.counted(name):
            yield from node("think", seconds=seconds)
            while until is not None and not until.is_set():
                yield Sleep(0.02)
        if runs.counts[name] <= fails:
            raise NodeError(name)
        return {"greeting": f"Hello {name}", "length": len(name)}

    with Emulator(work, linger=0.05, **options) as runs.emulator:
        yield runs


class OddServer:
    """A server whose runs end as a test has it, whatever a server should send.

    Args:
        server: What listens.
        ends: Data of the last event by the row's name, over what it has otherwise.
    """

    def __init__(self, server: ReplayServer, ends: Mapping[str, Mapping[str, Any]]) -> None:
        self.url = server.handle(self._answer)
        self.sent: list[str] = []
        self._ends = ends

    def client(self, **options: Any) -> DifyWorkflow:
        """A client for it."""
        client = DifyWorkflow("app-work", base_url=self.url, **options)
        client._pace = QUICK
        return client

    def _answer(self, exchange: Exchange) -> None:
        if exchange.request.target.endswith("/parameters"):
            told = json.loads(recording("1.14.2/get_parameters_files").body)
            form = [{"text-input": {"variable": "name", "label": "name", "required": True}}]
            exchange.whole(json.dumps({**told, "user_input_form": form}).encode())
        elif exchange.request.method == "GET":
            empty = {"page": 1, "limit": 100, "total": 0, "has_more": False, "data": []}
            exchange.whole(json.dumps(empty).encode())
        else:
            name = json.loads(exchange.request.body)["inputs"]["name"]
            self.sent.append(name)
            ids = {"workflow_run_id": str(uuid4()), "task_id": str(uuid4())}
            end = {"id": ids["workflow_run_id"], **events.FINISHED, **self._ends.get(name, {})}
            exchange.start_stream()
            exchange.chunk(events.message("workflow_started", {"id": end["id"]}, **ids))
            exchange.chunk(events.message("workflow_finished", end, **ids))
            exchange.end_stream()


def names(count: int) -> list[dict[str, str]]:
    """So many rows, whose names differ."""
    return [{"name": f"Name {number}"} for number in range(count)]


def results(journal: str | Path) -> list[RowResult]:
    """All rows of a journal as they stand."""
    with closing(Journal(journal)) as read:
        return list(read.results(500))


def counts(journal: str | Path) -> dict[str, int]:
    """How many rows of a journal there are by status."""
    with closing(Journal(journal)) as read:
        return read.counts()[0]


def sent_long_ago(journal: str | Path, seconds: float) -> None:
    """Have all rows of a journal be sent so much earlier."""
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE dify_batch_row SET sent_at = sent_at - ?", (seconds,))


def table(path: Path, count: int) -> Path:
    """A CSV file with so many rows, whose names differ."""
    lines = [f"row-{number},Name {number}" for number in range(count)]
    path.write_text("\n".join(["id,name", *lines, ""]), encoding="utf-8")
    return path


def in_process(base_url: str, rows: Path, journal: str, **options: Any) -> BaseProcess:
    """A process that has just begun with a batch."""
    ensure_running()
    begun, told = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(
        target=_run, args=(told, base_url, rows, journal, options), daemon=True
    )
    process.start()
    begun.recv()
    return process


def _run(
    told: Connection, base_url: str, rows: Path, journal: str, options: dict[str, Any]
) -> None:
    told.send("begun")
    with DifyWorkflow("app-work", base_url=base_url, lost_run_timeout=1.0) as client:
        client._pace = QUICK
        run_batch(client, read_rows(rows), journal=journal, resume=True, **options)


def wait_until_begun(runs: Runs, count: int) -> None:
    """Wait until so many runs have begun."""
    while runs.counts.total() < count:
        time.sleep(0.002)


def leave_running(runs: Runs, rows: list[dict[str, str]], journal: str) -> None:
    """Cancel a batch when the runs of all its rows are known."""

    async def run() -> None:
        async with runs.emulator.async_client("work") as client:
            batch = asyncio.create_task(run_batch_async(client, rows, journal=journal))
            while counts(journal) != {"running": len(rows)}:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            batch.cancel()
            await asyncio.wait({batch})
            assert batch.cancelled()

    asyncio.run(run())
