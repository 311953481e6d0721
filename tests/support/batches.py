"""Batches in processes that can be killed, and an emulator that counts their runs."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from dify_workflow import DifyWorkflow
from dify_workflow._patience import Pace
from dify_workflow.batch import RowResult, read_rows, run_batch
from dify_workflow.batch._journal import Journal
from dify_workflow.emulator import Emulator, Input, NodeError, node, workflow
from support.spec import ROOT

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(
    [
        *("anyio._backends._asyncio", "dify_workflow.emulator", "httpx._transports.default"),
        *("sqlalchemy.dialects.sqlite.pysqlite", "dify_workflow_api.models.app_parameters"),
        *("dify_workflow_api.api.app.get_app_parameters", "support.batches"),
        *("dify_workflow_api.api.workflows.run_workflow", "h2.connection", "email.mime.text"),
        *("dify_workflow_api.models.workflow_finished_data", "sqlalchemy.dialects.sqlite.base"),
    ]
)
"""Processes that need not import everything anew: hundreds of them are started."""


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


QUICK = Pace(0.01, 0.05, 0.02, 0.05, 0.5, 0.5, 0.2)
"""How fast lost runs are looked for here."""


@contextmanager
def counted_runs(
    seconds: float = 0.0, *, fails: int = 0, limit: int | None = None, **options: Any
) -> Iterator[Runs]:
    """An emulator with a workflow ``work``, which takes a name and so long.

    Args:
        seconds: How long a run takes.
        fails: How often each row's run fails before it succeeds.
        limit: Most runs at the same time.
        options: Options of the emulator.
    """
    runs = Runs()

    @workflow(Input("name"), max_active_requests=limit)
    def work(inputs: Any) -> Any:
        name = inputs["name"]
        with runs.counted(name):
            yield from node("think", seconds=seconds)
        if runs.counts[name] <= fails:
            raise NodeError(name)
        return {"greeting": f"Hello {name}", "length": len(name)}

    with Emulator(work, linger=0.05, **options) as runs.emulator:
        yield runs


def names(count: int) -> list[dict[str, str]]:
    """So many rows, whose names differ."""
    return [{"name": f"Name {number}"} for number in range(count)]


def results(journal: str | Path) -> list[RowResult]:
    """All rows of a journal as they stand."""
    with closing(Journal(journal)) as read:
        return list(read.all_results(500))


def counts(journal: str | Path) -> dict[str, int]:
    """How many rows of a journal there are by status."""
    with closing(Journal(journal)) as read:
        return read.counts()[0]


def table(path: Path, count: int) -> Path:
    """A CSV file with so many rows, whose names differ."""
    lines = [f"row-{number},Name {number}" for number in range(count)]
    path.write_text("\n".join(["id,name", *lines, ""]), encoding="utf-8")
    return path


def in_process(base_url: str, rows: Path, journal: str, **options: Any) -> BaseProcess:
    """A process that has just begun with a batch."""
    with _importable():
        forkserver.ensure_running()
    begun, told = _PROCESSES.Pipe(duplex=False)
    process = _PROCESSES.Process(
        target=_run, args=(told, base_url, rows, journal, options), daemon=True
    )
    process.start()
    begun.recv()
    return process


@contextmanager
def _importable() -> Iterator[None]:
    """Processes that are started within find this package, too."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT / "tests"), before]))
    try:
        yield
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before


def _run(
    told: Connection, base_url: str, rows: Path, journal: str, options: dict[str, Any]
) -> None:
    told.send("begun")
    with DifyWorkflow("app-work", base_url=base_url, lost_run_timeout=1.0) as client:
        client._pace = QUICK
        run_batch(client, read_rows(rows), journal=journal, **options)
