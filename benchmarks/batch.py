"""Measures what batches cost, against the emulator in a process of its own.

``make bench-batch`` takes about a quarter of an hour, most of it for 100,000 rows; with
``--rows 5000 --done 100000`` it takes a minute. On a cluster it needs Debian's ``postgresql``.
"""
# mypy: disable-error-code=no-untyped-call
# distributed has no types.

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import attrs
import httpx
from distributed import Client, LocalCluster
from sqlalchemy import update

from dify_workflow import DifyWorkflow
from dify_workflow.batch import BatchProgress, run_batch
from dify_workflow.batch._clients import async_client_like, belongs
from dify_workflow.batch._columns import Columns
from dify_workflow.batch._journal import Journal
from dify_workflow.batch._registry import Registry
from dify_workflow.batch._schema import rows as row_table
from dify_workflow.batch._state import Began, Claim, Ended
from dify_workflow.emulator import Emulator, Input, node, workflow

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.postgres import BINARIES, postgres  # type: ignore[import-not-found]

CONCURRENCY = 16
KEY = "app-work"
WORK = 0.01
"""Seconds that a run takes."""


@attrs.frozen
class Names(Iterable[dict[str, str]]):
    """So many rows, made when they are asked for."""

    count: int

    def __iter__(self) -> Iterator[dict[str, str]]:
        return ({"name": f"Name {number}"} for number in range(self.count))


@attrs.define
class Cost:
    """What a way of running rows cost, a row: seconds on the clock and of this process's time."""

    wall: float
    cpu: float


# ---------------------------------------------------------------------------------- the server


def serve(told: Connection) -> None:
    """Serve a workflow until told to end."""

    @workflow(Input("name"))
    def work(inputs: dict[str, Any]) -> Any:
        yield from node("think", seconds=WORK)
        return {"greeting": f"Hello {inputs['name']}"}

    with Emulator(work) as emulator:  # as Dify 1.14, which leaves streams open behind their ends
        told.send(emulator.base_url)
        told.recv()


@contextmanager
def server() -> Iterator[str]:
    """The base URL of a server in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("end")
        process.join()


# ------------------------------------------------------------------------------------ overhead


def bare(base_url: str, count: int) -> None:
    """What somebody would write with httpx alone: no journal, no recovery, no checks."""

    async def slot(client: httpx.AsyncClient, left: Iterator[dict[str, str]]) -> None:
        for row in left:
            body = {"inputs": row, "response_mode": "streaming", "user": "bench"}
            headers = {"Authorization": f"Bearer {KEY}"}
            url = f"{base_url}/workflows/run"
            async with client.stream("POST", url, json=body, headers=headers) as response:
                async for line in response.aiter_lines():
                    if line.startswith("data: "):
                        event = json.loads(line.removeprefix("data: "))
                        if event["event"] == "workflow_finished":
                            assert event["data"]["status"] == "succeeded"
                            break

    async def run() -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            left = iter(Names(count))
            await asyncio.gather(*(slot(client, left) for _ in range(CONCURRENCY)))

    asyncio.run(run())


def batch(base_url: str, count: int, journal: str, memory: list[float]) -> None:
    """The same rows as a batch; notes how much memory it has at each tenth."""
    marks = {count * tenth // 10 for tenth in range(1, 11)}

    def note(progress: BatchProgress) -> None:
        if progress.settled in marks:
            memory.append(resident_megabytes())

    with DifyWorkflow(KEY, base_url=base_url) as client:
        summary = run_batch(
            client, Names(count), journal=journal, concurrency=CONCURRENCY, on_progress=note
        )
    assert summary.counts == {"succeeded": count}, summary


def resident_megabytes() -> float:
    """Memory of this process that is in use."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def cost(work: Callable[[], object], count: int) -> Cost:
    """What a piece of work cost a row."""
    began, used = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    return Cost(wall / count, cpu / count)


def show_overhead(count: int, folder: Path) -> None:
    """Print what a batch costs over a bare loop."""
    memory: list[float] = []
    for name, work in (
        ("bare httpx loop", lambda url: bare(url, count)),
        ("batch", lambda url: batch(url, count, str(folder / "overhead"), memory)),
    ):
        with server() as url:  # of its own: it keeps what was run
            found = cost(lambda work=work, url=url: work(url), count)  # type: ignore[misc]  # of the loop
        print(
            f"{count:,} rows of {WORK * 1000:.0f} ms, {CONCURRENCY} at a time, {name}: "
            f"{1 / found.wall:,.0f} rows/s, {found.wall * 1000:.2f} ms a row, "
            f"{found.cpu * 1000:.2f} ms of CPU",
            flush=True,
        )
    shown = ", ".join(f"{megabytes:.0f}" for megabytes in memory)
    print(f"memory of the batch at each tenth: {shown} MB", flush=True)


# ------------------------------------------------------------------------------------- journal


def show_writes(folder: Path) -> None:
    """Print how many changes of rows a journal takes in a second, in groups of several sizes."""
    for size in (1, 16, 256):
        journal = Journal(folder / f"writes-{size}")
        groups = max(20, 2000 // size)
        count = size * groups
        journal.add([{"number": n, "key": str(n), "digest": "", "row": "{}"} for n in range(count)])
        began = time.perf_counter()
        for start in range(0, count, size):
            numbers = range(start, start + size)
            journal.commit([Claim(number) for number in numbers])
            journal.commit([Began(number, f"run-{number}", "task") for number in numbers])
            journal.commit([Ended(number, "done", "succeeded") for number in numbers])
        rate = count * 3 / (time.perf_counter() - began)
        print(f"journal, {size} changes a transaction: {rate:,.0f} changes/s", flush=True)
        journal.close()


def show_resume(count: int, folder: Path) -> None:
    """Print how long a batch takes all of whose rows have their results."""
    where = folder / "resume"
    with server() as url, DifyWorkflow(KEY, base_url=url) as client:
        fill(where, client, count)
        began = time.perf_counter()
        summary = run_batch(client, Names(count), journal=where)
        seconds = time.perf_counter() - began
    assert (summary.skipped, summary.rows) == (count, count)
    print(f"a journal of {count:,} done rows is resumed in {seconds:.1f} s", flush=True)


def fill(where: Path, client: DifyWorkflow, count: int) -> None:
    """Write a journal in which all rows are done."""
    journal = Journal(where)

    async def about() -> Any:
        async with async_client_like(client) as twin:
            return await belongs(journal, twin)

    Registry(journal, Columns(client.parameters()), asyncio.run(about())).add_all(Names(count))
    done = {"state": "done", "status": "succeeded", "attempts": 1, "tokens": 10, "elapsed": 0.01}
    with journal._engine.begin() as connection:  # noqa: SLF001  # nobody else does so
        connection.execute(update(row_table).values(outputs='{"greeting": "Hello"}', **done))
    journal.close()


# ------------------------------------------------------------------------------------- cluster


def show_cluster(count: int, folder: Path) -> None:
    """Print how a cluster of three processes does beside one."""
    if BINARIES is None:
        print("a Dask cluster: not measured, as Debian's postgresql is not installed")
        return
    with postgres() as database, server() as url, DifyWorkflow(KEY, base_url=url) as client:
        options: dict[str, Any] = {"concurrency": CONCURRENCY}
        alone = cost(
            lambda: run_batch(client, Names(count), journal=folder / "alone", **options), count
        )
        local = LocalCluster(3, threads_per_worker=1, processes=True, dashboard_address=None)
        with local, Client(local) as dask:
            options["executor"] = dask.get_executor()
            spread = cost(
                lambda: run_batch(client, Names(count), journal=database, **options), count
            )
    print(
        f"{count:,} rows: one process {1 / alone.wall:,.0f} rows/s, three Dask workers with "
        f"PostgreSQL {1 / spread.wall:,.0f} rows/s",
        flush=True,
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000, help="rows that are run")
    parser.add_argument("--done", type=int, default=1_000_000, help="rows of the resumed journal")
    parser.add_argument("--cluster-rows", type=int, default=3_000, help="rows on a cluster")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.done:
            show_writes(Path(folder))
            show_resume(given.done, Path(folder))
        if given.cluster_rows:
            show_cluster(given.cluster_rows, Path(folder))
        if given.rows:
            show_overhead(given.rows, Path(folder))


if __name__ == "__main__":
    main()
