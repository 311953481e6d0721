"""Batches: rows in, results out, each row sent once."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing, closing
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import pandas as pd
import pytest

from dify_workflow import (
    AsyncDifyWorkflow,
    AuthenticationError,
    DifyWorkflow,
    InvalidRequestError,
)
from dify_workflow.batch import (
    BatchProgress,
    JournalError,
    RowResult,
    RowsError,
    check_rows,
    iter_batch,
    iter_batch_async,
    read_rows,
    reconcile,
    run_batch,
    run_batch_async,
)
from dify_workflow.batch.journal import Journal
from dify_workflow.batch.records import digest
from dify_workflow.batch.writer import writing
from dify_workflow.emulator import (
    Emulator,
    Input,
    StartError,
    node,
    workflow,
)
from support.batches import RUN, Runs, counted_runs, counts, leave_running, names, results, table


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of the emulator show in its logs at once."""
    monkeypatch.setattr(reconcile, "SETTLING", 0.5)


@pytest.fixture
def runs() -> Iterator[Runs]:
    with counted_runs() as running:
        yield running


@pytest.fixture
def journal(tmp_path: Path) -> str:
    return str(tmp_path / "rows.journal")


def test_each_row_runs_once_and_a_second_call_runs_nothing(
    runs: Runs, journal: str, tmp_path: Path
) -> None:
    told: list[RowResult] = []
    progress: list[BatchProgress] = []
    rows = read_rows(table(tmp_path / "rows.csv", 30))
    with runs.client() as client:
        first = run_batch(
            client, rows, journal=journal, on_result=told.append, on_progress=progress.append
        )
        again = run_batch(client, rows, journal=journal, resume=True, on_result=told.append)
    assert (first.counts, first.rows, first.succeeded, first.skipped) == (
        {"succeeded": 30},
        30,
        30,
        0,
    )
    assert (again.counts, again.skipped) == (first.counts, 30)
    assert runs.counts == Counter(f"Name {number}" for number in range(30))
    assert sorted(result.key for result in told) == sorted(f"row-{n}" for n in range(30))
    assert told[0].outputs["greeting"] == f"Hello {told[0].row['name']}"
    assert [(each.total, each.settled) for each in progress] == [(30, n) for n in range(31)]


def test_tasks_run_batches_too_and_an_iterator_gives_results_as_they_come(
    runs: Runs, journal: str
) -> None:
    async def run() -> dict[str, int]:
        async with AsyncDifyWorkflow("app-work", base_url=runs.emulator.base_url) as client:
            return dict((await run_batch_async(client, names(5), journal=journal)).counts)

    assert asyncio.run(run()) == {"succeeded": 5}
    with runs.client() as client:
        found = [
            result.row["name"]
            for result in iter_batch(client, names(9), journal=journal, resume=True)
        ]
    assert sorted(found) == [f"Name {number}" for number in range(5, 9)]
    assert set(runs.counts.values()) == {1}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_in_tasks_results_come_one_by_one_and_a_loop_that_is_left_frees_the_journal(
    runs: Runs, journal: str, backend: str
) -> None:
    async def run() -> None:
        async with runs.emulator.async_client("work") as client:
            options: Any = {"journal": journal, "concurrency": 2}
            async with aclosing(iter_batch_async(client, names(60), **options)) as results:
                told = {(await anext(results)).number for _ in range(3)}
            rest = [
                result
                async for result in iter_batch_async(client, names(60), resume=True, **options)
            ]
            told |= {result.number for result in rest}
            assert len(told) == len(rest) + 3  # none is told twice

    anyio.run(run, backend=backend)
    assert counts(journal) == {"succeeded": 60}
    assert runs.counts == Counter(f"Name {n}" for n in range(60))


def test_in_tasks_what_ends_a_batch_is_raised_where_its_results_are_taken(
    runs: Runs, journal: str
) -> None:
    async def take(client: AsyncDifyWorkflow, **options: Any) -> list[RowResult]:
        results = iter_batch_async(client, names(5), journal=journal, **options)
        return [result async for result in results]

    async def run() -> None:
        async with runs.emulator.async_client("work") as client:
            with pytest.raises(InvalidRequestError, match="concurrency must be"):
                await take(client, concurrency=0)
            runs.emulator.faults.answer(401, on=RUN, times=None)
            with pytest.raises(AuthenticationError):
                await take(client)
            runs.emulator.faults.clear()
            assert len(await take(client, resume=True)) == 5

    asyncio.run(run())
    assert set(runs.counts.values()) == {1}


def test_results_that_nobody_takes_hold_the_batch_up(runs: Runs, journal: str) -> None:
    with runs.client() as client, closing(iter_batch(client, names(400), journal=journal)) as found:
        next(found)
        before = -1
        while before != (before := runs.counts.total()):
            time.sleep(0.3)
        assert before < 200
        assert sum(1 for _ in found) == 399


def test_a_source_without_an_end_is_read_as_it_is_run_and_can_be_left(
    runs: Runs, journal: str
) -> None:
    read = 0

    def endless() -> Iterator[dict[str, str]]:
        nonlocal read
        while True:
            yield {"name": f"Name {read}" if read != 3 else "x" * 99}
            read += 1

    with runs.client() as client:
        for count, result in enumerate(
            iter_batch(client, endless(), journal=journal, concurrency=2)
        ):
            if result.status == "failed":
                assert result.message == "name takes at most 48 characters, not 99."
                assert result.attempts == 0
            if count == 10:
                break
        assert read < 200
        rest = iter([*names(3), {"name": "x" * 99}, {"name": "Name 4"}])
        run_batch(client, rest, journal=journal, resume=True)
    assert set(runs.counts.values()) == {1}


def test_failed_runs_are_results_and_repeated_as_often_as_asked_for(tmp_path: Path) -> None:
    with counted_runs(fails=1) as runs, runs.client() as client:
        once = run_batch(client, names(4), journal=tmp_path / "once")
        runs.counts.clear()
        twice = run_batch(client, names(4), journal=tmp_path / "twice", max_attempts=3)
    assert (once.counts, twice.counts) == ({"failed": 4}, {"succeeded": 4})
    assert {result.attempts for result in results(str(tmp_path / "twice"))} == {2}
    (first, *_) = once.troubled()
    assert (first.status, first.attempts) == ("failed", 1)
    assert "Name" in (first.message or "")
    assert len(twice.slowest(2)) == 2
    assert twice.troubled() == []


def test_runs_that_cannot_be_set_up_fail_and_have_their_attempts(journal: str) -> None:
    began: list[str] = []

    @workflow(Input("name"))
    def broken(inputs: Any) -> Any:
        began.append(inputs["name"])
        raise StartError("no provider")
        yield

    with Emulator(broken, linger=0.05) as emulator, emulator.client() as client:
        summary = run_batch(client, names(2), journal=journal, max_attempts=2)
    assert summary.counts == {"failed": 2}
    assert len(began) == 4
    (first, _) = summary.troubled()
    assert "no provider" in (first.message or "")
    assert first.attempts == 2


def test_bad_rows_are_refused_before_anything_is_run_and_can_be_mended(
    runs: Runs, journal: str
) -> None:
    with runs.client() as client:
        with pytest.raises(RowsError, match="row 2: name is required"):
            run_batch(client, [{"name": "Ann"}, {"nmae": "Bob"}], journal=journal)
        assert not runs.counts
        summary = run_batch(client, [{"name": "Ann"}, {"name": "Bob"}], journal=journal)
    assert summary.counts == {"succeeded": 2}


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([{"id": 1, "name": "a"}, {"name": "b"}], "row 2: it has no id"),
        ([{"name": "a"}, {"id": 1, "name": "b"}], "row 2: it has an id"),
        ([{"id": 1, "name": "a"}, {"id": 1, "name": "b"}], "the id '1' occurs twice"),
        (
            [{"id": n % 1001, "name": f"{n}"} for n in range(1002)],
            "row 1002 .*the id '0' occurs twice",
        ),
        (["a"], "row 1: it must be a mapping, not a str"),
        ([{"name": object()}], "row 1: it has a object"),
    ],
)
def test_rows_that_cannot_be_told_apart_are_refused(
    runs: Runs, journal: str, rows: list[Any], problem: str
) -> None:
    with runs.client() as client, pytest.raises(RowsError, match=problem):
        run_batch(client, rows, journal=journal)
    assert not runs.counts


@pytest.mark.parametrize(
    "rows", ["names.csv", Path("names.csv"), {"name": "a"}, pd.DataFrame([{"name": "a"}])]
)
def test_a_table_that_is_no_list_of_rows_is_refused_with_what_to_pass(
    rows: Any, runs: Runs, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    with runs.client() as client:
        for call in (
            partial(run_batch, client, rows, journal=journal),
            partial(check_rows, client, rows),
        ):
            with pytest.raises(InvalidRequestError, match=r"read_rows.*to_dict"):
                call()
    assert not journal.exists()
    assert not runs.counts


def test_a_journal_refuses_other_rows_but_takes_more_and_in_another_order(
    runs: Runs, tmp_path: Path
) -> None:
    plain, named = tmp_path / "plain", tmp_path / "named"
    with runs.client() as client:
        run_batch(client, names(3), journal=plain)
        with pytest.raises(JournalError, match="a different row 2 than your table"):
            run_batch(
                client, [*names(1), {"name": "Bob"}, *names(3)[2:]], journal=plain, resume=True
            )
        with pytest.raises(JournalError, match="has 3 rows, but only 2 were given"):
            run_batch(client, names(2), journal=plain, resume=True)
        assert run_batch(client, names(5), journal=plain, resume=True).counts == {"succeeded": 5}
        rows = [{"id": n, "name": f"Row {n}"} for n in range(4)]
        run_batch(client, rows[:3], journal=named)
        assert run_batch(client, rows[::-1], journal=named, resume=True).counts == {"succeeded": 4}
        with pytest.raises(JournalError, match=r"a different row 1 \(3\) than"):
            run_batch(client, [{"id": 3, "name": "Eve"}, *rows[:3]], journal=named, resume=True)
        with pytest.raises(RowsError, match=r"row 5 \(0\): the id .0. occurs twice"):
            run_batch(client, [*rows, rows[0]], journal=named, resume=True)
    assert set(runs.counts.values()) == {1}


def test_a_journal_belongs_to_an_app_and_a_user(runs: Runs, journal: str) -> None:
    url = runs.emulator.base_url

    @workflow(Input("name"))
    def other(_inputs: Any) -> Any:
        yield from node("think")
        return {}

    work = runs.emulator.workflows[0]
    runs.emulator.serve(work, other)
    with runs.client() as client:
        run_batch(client, names(2), journal=journal)
    foreign, eve = (
        DifyWorkflow("app-other", base_url=url),
        DifyWorkflow("app-work", base_url=url, user_id="eve"),
    )
    with foreign, pytest.raises(JournalError, match="belongs to another app"):
        run_batch(foreign, names(2), journal=journal, resume=True)
    with eve, pytest.raises(JournalError, match="for the user 'dify-workflow', not 'eve'"):
        run_batch(eve, names(2), journal=journal, resume=True)
    # The same app under another address: its runs are there.
    with DifyWorkflow("app-work", base_url=url.replace("127.0.0.1", "localhost")) as client:
        assert run_batch(client, names(3), journal=journal, resume=True).counts == {"succeeded": 3}
    assert set(runs.counts.values()) == {1}


def test_a_journal_takes_one_batch_at_a_time(journal: str) -> None:
    with counted_runs(0.2) as runs, runs.client() as client:
        first = iter_batch(client, names(3), journal=journal, concurrency=1)
        next(first)
        with pytest.raises(JournalError, match="Another batch is running"):
            run_batch(client, names(3), journal=journal)
        first.close()
        assert run_batch(client, names(3), journal=journal, resume=True).counts == {"succeeded": 3}


def test_a_file_that_is_no_journal_is_refused(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database " * 100, encoding="utf-8")
    with runs.client() as client:
        for where, problem in (
            (tmp_path / "notes.txt", "is damaged or not a journal: file is not a database"),
            (tmp_path / "nowhere" / "j", "cannot be used: unable to open"),
            ("mysql://u:S3cr3t@h/d", "an SQLite file or a PostgreSQL database, not mysql"),
            ("sqlite:///:memory:", "give a file"),
            ("://", "neither a path nor the URL"),
        ):
            with pytest.raises(JournalError, match=problem) as caught:
                run_batch(client, names(1), journal=where)
            assert "S3cr3t" not in str(caught.value)


def test_cancelling_leaves_runs_to_the_next_call(journal: str) -> None:
    go_on = threading.Event()
    with counted_runs(until=go_on) as runs:
        leave_running(runs, names(4), journal)
        go_on.set()
        assert {result.status for result in results(journal)} == {"running"}
        with runs.client() as client:
            assert run_batch(client, names(4), journal=journal, resume=True).counts == {
                "succeeded": 4
            }
    assert set(runs.counts.values()) == {1}


def test_a_row_that_is_cancelled_while_connecting_was_not_sent(
    runs: Runs, journal: str, unreachable: str
) -> None:
    async def lead_away(request: httpx.Request) -> None:
        if request.method == "POST":
            request.url = httpx.URL(unreachable)

    async def run() -> None:
        hooks: Any = {"request": [lead_away]}
        async with (
            httpx.AsyncClient(event_hooks=hooks) as connections,
            runs.emulator.async_client("work", http_client=connections) as client,
        ):
            batch = asyncio.create_task(run_batch_async(client, names(3), journal=journal))
            while counts(journal) != {"unknown": 3}:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            batch.cancel()
            with pytest.raises(asyncio.CancelledError):
                await batch

    asyncio.run(run())
    assert [(each.status, each.attempts) for each in results(journal)] == [("pending", 0)] * 3
    with runs.client() as client:
        assert run_batch(client, names(3), journal=journal, resume=True).counts == {"succeeded": 3}
    assert set(runs.counts.values()) == {1}


def test_a_journal_that_cannot_be_written_ends_the_batch_with_a_sentence(
    runs: Runs, journal: str
) -> None:
    def fill_up(_progress: object) -> None:
        with closing(sqlite3.connect(journal)) as connection:
            connection.execute(
                "CREATE TRIGGER full BEFORE UPDATE ON dify_batch_row "
                "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )

    refused = pytest.raises(JournalError, match="cannot be used: disk full")
    with runs.client() as client, refused:
        run_batch(client, names(3), journal=journal, on_progress=fill_up)
    assert not runs.counts


def test_a_claim_that_nobody_waits_for_is_given_back(journal: str) -> None:
    """Whenever it is cancelled: before it is written, meanwhile, or behind."""

    async def run() -> None:
        with closing(Journal(journal)) as opened:
            mark = digest({})
            opened.add(
                [{"number": n, "key": str(n), "digest": mark, "row": "{}"} for n in range(40)]
            )
            async with writing(opened) as writer:
                for number in range(40):
                    with anyio.move_on_after(number / 4000):
                        await writer.claim(number)
                        await anyio.sleep_forever()
            kept = {record.number for block in opened.blocks("sending") for record in block}
            pending = [record for block in opened.blocks("pending") for record in block]
            free = {record.number: record.attempts for record in pending}
        assert kept | free.keys() == set(range(40))
        assert set(free.values()) == {0}
        assert 0 in free

    anyio.run(run)


def test_rows_that_failed_are_run_again_when_that_is_asked_for_and_may_be_corrected(
    tmp_path: Path,
) -> None:
    journal = tmp_path / "rows.journal"
    with counted_runs(fails=1) as runs, runs.client() as client:
        assert run_batch(client, names(2), journal=journal).failed == 2
        again = run_batch(client, names(2), journal=journal, resume=True)
        assert (again.failed, runs.counts.total()) == (2, 2)
        rows = [names(2)[0], {"name": "Corrected"}]
        half = run_batch(client, rows, journal=journal, resume=True, rerun_failed=True)
        assert half.counts == {"succeeded": 1, "failed": 1}
        last = run_batch(client, rows, journal=journal, resume=True, rerun_failed=True)
        with pytest.raises(JournalError, match="a different row 2 than your table"):
            run_batch(client, names(2), journal=journal, resume=True, rerun_failed=True)
    assert last.counts == {"succeeded": 2}
    assert runs.counts == {"Name 0": 2, "Name 1": 1, "Corrected": 2}
    assert [row.attempts for row in results(journal)] == [2, 3]


def test_rows_that_failed_keep_their_results_where_a_correction_is_refused(
    tmp_path: Path,
) -> None:
    journal = tmp_path / "rows.journal"
    rows = [{"id": n, "name": f"Name {n}"} for n in range(2)]
    with counted_runs(fails=1) as runs, runs.client() as client:
        run_batch(client, rows, journal=journal)
        rows[1]["name"] = "x" * 60
        with pytest.raises(RowsError, match=r"row 2 \(1\): name takes at most"):
            run_batch(client, rows, journal=journal, resume=True, rerun_failed=True)
        assert counts(journal) == {"failed": 2}
        rows[1]["name"] = "Corrected"
        given = iter(rows)
        done = run_batch(client, given, journal=journal, resume=True, rerun_failed=True)
    assert done.counts == {"succeeded": 1, "failed": 1}
