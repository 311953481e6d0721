"""The cost of a journal: changes in a second, resuming a long one, and its table of results."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sqlalchemy import update

from dify_workflow import AsyncDifyWorkflow, DifyWorkflow
from dify_workflow.batch import RowResult, run_batch, write_results
from dify_workflow.batch.columns import Columns
from dify_workflow.batch.database import rows as row_table
from dify_workflow.batch.journal import Journal
from dify_workflow.batch.records import Began, Claim, Ended, JournalHeader
from dify_workflow.batch.registry import Registry, belongs

from .work import KEY, Memory, Names, server

ENDINGS = ("csv", "jsonl", "parquet")


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
            journal.commit([Claim(number, time.time()) for number in numbers])
            journal.commit([Began(number, f"run-{number}", "task") for number in numbers])
            journal.commit([Ended("done", RowResult(n, str(n), {}, "succeeded")) for n in numbers])
        rate = count * 3 / (time.perf_counter() - began)
        print(f"journal, {size} changes a transaction: {rate:,.0f} changes/s", flush=True)
        journal.close()


def show_long(count: int, folder: Path) -> None:
    """Print the cost of resuming a long journal and writing its results, and of a tenth of it."""
    with server() as url, DifyWorkflow(KEY, base_url=url) as client:
        for rows in (count // 10, count):
            where = folder / f"long-{rows}"
            fill(where, client, rows)
            seconds, memory = apart(_resume, url, where, rows)
            print(
                f"a journal of {rows:,} done rows is resumed in {seconds:.1f} s, within "
                f"{memory.peak:.0f} MB",
                flush=True,
            )
            for ending in ENDINGS:
                seconds, memory = apart(_write, folder / f"results.{ending}", where, rows)
                print(
                    f"{rows:,} results are written as {ending} in {seconds:.0f} s, within "
                    f"{memory.peak:.0f} MB",
                    flush=True,
                )


def apart(work: Any, *arguments: object) -> tuple[float, Memory]:
    """Return the time of something in its own process, in seconds, and that process's memory."""
    ours, theirs = multiprocessing.Pipe()
    spawned = multiprocessing.get_context("spawn")
    process = spawned.Process(target=_timed, args=(theirs, work, *arguments))
    process.start()
    found: tuple[float, Memory] = ours.recv()
    process.join()
    return found


def _timed(told: Connection, work: Any, *arguments: object) -> None:
    began = time.perf_counter()
    work(*arguments)
    told.send((time.perf_counter() - began, Memory.read()))


def _resume(url: str, where: Path, count: int) -> None:
    with DifyWorkflow(KEY, base_url=url) as client:
        summary = run_batch(client, Names(count), journal=where, resume=True)
    assert (summary.skipped, summary.rows) == (count, count)


def _write(path: Path, where: Path, count: int) -> None:
    assert write_results(path, journal=where) == count


def fill(where: Path, client: DifyWorkflow, count: int) -> None:
    """Write a journal in which all rows are done."""
    journal = Journal(where)

    async def header() -> JournalHeader:
        async with AsyncDifyWorkflow(KEY, base_url=client.base_url) as twin:
            return await belongs(journal, twin)

    Registry(journal, Columns(client.parameters()), asyncio.run(header())).take_in(Names(count))
    done = {"state": "done", "status": "succeeded", "attempts": 1, "tokens": 10, "elapsed": 0.01}
    with journal._engine.begin() as connection:  # noqa: SLF001  # there is no public access
        connection.execute(update(row_table).values(outputs='{"greeting": "Hello"}', **done))
    journal.close()
