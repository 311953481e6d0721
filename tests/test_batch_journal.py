"""Journals: what is refused leaves none, damage is said, and what was not sent is pending."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import create_task_group, to_thread

from dify_workflow import AsyncDifyWorkflow, AuthenticationError, DifyWorkflow, InvalidRequestError
from dify_workflow.batch import (
    JournalError,
    RowsError,
    check_rows,
    iter_batch,
    iter_batch_async,
    read_rows,
    reconcile,
    run_batch,
    run_batch_async,
    write_results,
)
from dify_workflow.batch.journal import Journal
from support.batches import Runs, counted_runs, counts, names, results, table, wait_until_begun
from support.cli import call
from support.postgres import NEEDS_POSTGRES, empty_database, postgres

KEY = "app-work"
RUN = "POST /workflows/run"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "SETTLING", 0.05)


@pytest.fixture
def runs() -> Iterator[Runs]:
    with counted_runs() as running:
        yield running


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "rows",
    [
        [{"name": "Ann"}, {"nmae": "Bob"}],
        [{"id": n % 1001, "name": f"{n}"} for n in range(1002)],
        [{"id": n % 1001, "name": "same"} for n in range(1002)],
        [{"name": "Ann"}, {"name": float("inf")}],
        [{"name": "Ann"}, {"name": "\ud83d"}],
        ["no row"],
    ],
)
def test_rows_that_are_refused_leave_no_journal_and_no_lock(
    runs: Runs, tmp_path: Path, rows: list[Any]
) -> None:
    where = tmp_path / "rows.journal"
    with runs.client() as client:
        with pytest.raises(RowsError):
            run_batch(client, rows, journal=where)
        assert files(tmp_path) == []
        assert run_batch(client, names(3), journal=where).counts == {"succeeded": 3}


def test_a_wrong_key_leaves_no_journal_and_no_lock(runs: Runs, tmp_path: Path) -> None:
    wrong = DifyWorkflow("app-wrong", base_url=runs.emulator.base_url)
    with wrong, pytest.raises(AuthenticationError):
        run_batch(wrong, names(3), journal=tmp_path / "j")
    assert files(tmp_path) == []


def test_a_database_that_was_there_is_never_removed(runs: Runs, tmp_path: Path) -> None:
    where = tmp_path / "mine.db"
    with closing(sqlite3.connect(where)) as mine:
        mine.execute("CREATE TABLE precious (value)")
    with runs.client() as client, pytest.raises(RowsError):
        run_batch(client, [{"nmae": "Bob"}], journal=where)
    with closing(sqlite3.connect(where)) as mine:
        assert mine.execute("SELECT count(*) FROM precious").fetchone() == (0,)


def test_a_batch_that_is_refused_when_it_is_gone_on_with_keeps_its_journal(
    runs: Runs, tmp_path: Path
) -> None:
    where = tmp_path / "j"
    with runs.client() as client:
        run_batch(client, names(2), journal=where)
        with pytest.raises(RowsError, match="nothing was"):
            run_batch(client, [*names(2), {"nmae": "Eve"}], journal=where, resume=True)
        rows = [*names(2), {"name": "Eve"}]
        assert run_batch(client, rows, journal=where, resume=True).counts == {"succeeded": 3}
    assert set(runs.counts.values()) == {1}


@NEEDS_POSTGRES
def test_a_refused_batch_leaves_nothing_in_a_database_that_binds_the_next_one(
    runs: Runs, request: pytest.FixtureRequest
) -> None:
    with postgres() as server:
        where = empty_database(server, request.node.name)
        with runs.client(user_id="ann") as client, pytest.raises(RowsError):
            run_batch(client, [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}], journal=where)
        with runs.client(user_id="eve") as client:
            assert run_batch(client, names(2), journal=where).counts == {"succeeded": 2}


@NEEDS_POSTGRES
def test_a_journal_in_a_database_can_be_locked_again_at_once(
    request: pytest.FixtureRequest,
) -> None:
    with postgres() as server:
        where = empty_database(server, request.node.name)
        with closing(Journal(where)) as journal, closing(Journal(where)) as other:
            for _ in range(200):
                with journal.locked():
                    pass
                with other.locked():
                    pass


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"nmae": "Bob"}, "There is no column 'name': did you mean 'nmae'?"),
        ({"Naem": "Bob", "x": 1}, "There is no column 'name': did you mean 'Naem'?"),
        ({"x": 1}, "row 1: name is required in input form"),
    ],
)
def test_the_column_that_may_be_meant_is_named(
    runs: Runs, tmp_path: Path, row: dict[str, Any], said: str
) -> None:
    with runs.client() as client:
        for check in (
            lambda: run_batch(client, [row], journal=tmp_path / "j"),
            lambda: check_rows(client, [row]),
        ):
            with pytest.raises(RowsError) as caught:
                check()
            assert str(caught.value).endswith(said)


def test_the_command_says_that_nothing_was_sent_and_takes_the_corrected_table(
    runs: Runs, tmp_path: Path
) -> None:
    rows, url = tmp_path / "rows.csv", runs.emulator.base_url
    rows.write_text("nmae\nAnn\n", encoding="utf-8")
    command = ("batch", str(rows), "--output", str(tmp_path / "out.csv"))
    refused = call(*command, base_url=url, key=KEY)
    assert refused.code == 2
    assert "nothing was run: row 2: name is required in input form" in refused.said
    assert "did you mean 'nmae'?" in refused.said
    assert "--resume" not in refused.said
    assert files(tmp_path) == ["rows.csv"]
    wrong = call(*command, base_url=url, key="app-wrong")
    assert (wrong.code, "Nothing was sent." in wrong.said) == (3, True)
    assert files(tmp_path) == ["rows.csv"]
    rows.write_text("name\nAnn\n", encoding="utf-8")
    assert call(*command, base_url=url, key=KEY).code == 0
    rows.write_text("name\nBob\n", encoding="utf-8")
    other = call(*command, "--resume", base_url=url, key=KEY)
    assert (other.code, "has a different row 2 than your table" in other.said) == (3, True)
    assert "--verbose shows what was sent" not in other.said


# ------------------------------------------------------------------------------ going on


def test_a_journal_with_rows_is_gone_on_with_only_if_that_is_said(
    runs: Runs, tmp_path: Path
) -> None:
    where: dict[str, Any] = {"journal": tmp_path / "j"}
    refused = pytest.raises(InvalidRequestError, match="pass resume=True to continue")

    async def in_tasks(client: AsyncDifyWorkflow) -> None:
        with refused:
            await run_batch_async(client, names(4), **where)
        with refused:
            _ = [each async for each in iter_batch_async(client, names(4), **where)]
        rest = iter_batch_async(client, names(4), resume=True, **where)
        assert len([each async for each in rest]) == 1

    async def run() -> None:
        async with runs.emulator.async_client("work") as client:
            await in_tasks(client)

    with runs.client() as client:
        assert run_batch(client, names(2), resume=True, **where).counts == {"succeeded": 2}
        with refused:
            run_batch(client, names(3), **where)
        with refused:
            list(iter_batch(client, names(3), **where))
        assert len(list(iter_batch(client, names(3), resume=True, **where))) == 1
        asyncio.run(run())
        assert run_batch(client, names(5), resume=True, **where).counts == {"succeeded": 5}
    assert runs.counts.total() == 5


def test_a_source_without_an_end_is_gone_on_with_only_if_that_is_said(
    runs: Runs, tmp_path: Path
) -> None:
    with runs.client() as client:
        run_batch(client, iter(names(2)), journal=tmp_path / "j")
        with pytest.raises(InvalidRequestError, match="resume=True"):
            run_batch(client, iter(names(3)), journal=tmp_path / "j")
        run_batch(client, iter(names(3)), journal=tmp_path / "j", resume=True)
    assert runs.counts.total() == 3


# -------------------------------------------------------------------------------- damage


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of a batch of which half has run."""
    where = tmp_path_factory.mktemp("journal") / "rows.journal"
    with counted_runs() as runs, runs.client() as client:
        run_batch(client, ROWS[:15], journal=where)
    with closing(Journal(where)) as journal:
        journal.count()
    return where


ROWS = [{"id": f"row-{n}", "name": f"Name {n}", "text": "x" * 50} for n in range(30)]


def damaged(journal: Path, folder: Path, place: int, flip: int) -> Path:
    """A copy of which a byte is another one."""
    copy = folder / "rows.journal"
    data = bytearray(journal.read_bytes())
    data[place] ^= flip
    copy.write_bytes(data)
    return copy


def test_a_journal_with_flipped_bytes_is_an_error_that_says_so_or_does_no_harm(
    runs: Runs, done: Path, tmp_path: Path
) -> None:
    chance = random.Random(20)
    size = done.stat().st_size
    said = 0
    with runs.client() as client:
        for number in range(60):
            folder = tmp_path / str(number)
            folder.mkdir()
            place = chance.randrange(100 if number % 6 == 0 else size)
            copy = damaged(done, folder, place, 1 << chance.randrange(8))
            runs.counts.clear()
            try:
                run_batch(client, ROWS, journal=copy, resume=True)
                write_results(folder / "out.csv", journal=copy)
            except JournalError as error:
                said += 1
                assert str(copy) in str(error)
            assert set(runs.counts) <= {row["name"] for row in ROWS}, "nothing else is sent"
    assert said >= 5


def test_every_byte_of_the_header_flipped_is_said_or_does_no_harm(
    done: Path, tmp_path: Path
) -> None:
    for place in range(100):
        copy = damaged(done, tmp_path, place, 0xFF)
        try:
            with closing(Journal(copy)) as journal:
                assert len(list(journal.results(100))) == 15
        except JournalError as error:
            assert "journal" in str(error)


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ('UPDATE dify_batch_row SET row = \'{"name": "Eve"}\' WHERE number = 3', "row 4"),
        ("UPDATE dify_batch_row SET row = 'x' WHERE number = 3", ""),
        ("UPDATE dify_batch_row SET state = 'dome' WHERE number = 3", "'dome' is not a state"),
        ("UPDATE dify_batch_row SET row = x'ff' WHERE number = 3", ""),
        ("UPDATE dify_batch SET columns = '['", ""),
    ],
)
def test_records_that_make_no_sense_are_never_sent(
    runs: Runs, tmp_path: Path, statement: str, place: str
) -> None:
    where = tmp_path / "j"
    runs.emulator.faults.answer(403, on=RUN, times=None)
    with runs.client() as client:
        with pytest.raises(Exception, match="403"):
            run_batch(client, ROWS[:5], journal=where)
        with closing(sqlite3.connect(where)) as connection:
            connection.execute(statement)
            connection.commit()
        runs.emulator.faults.clear()
        with pytest.raises(JournalError, match=f"is damaged or not a journal: .*{place}") as caught:
            run_batch(client, ROWS[:5], journal=where, resume=True)
    assert f"sqlite3 {where} .recover" in str(caught.value)
    assert "Eve" not in runs.counts
    assert "Name 3" not in runs.counts


def test_the_command_says_that_a_journal_is_damaged_and_what_to_do(
    runs: Runs, done: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("id,name,text\n" + "\n".join(",".join(row.values()) for row in ROWS))
    copy = tmp_path / "out.csv.journal"
    data = bytearray(done.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 100] = bytes(100)
    copy.write_bytes(data)
    command = ("batch", str(rows), "--output", str(tmp_path / "out.csv"), "--resume")
    said = call(*command, base_url=runs.emulator.base_url, key=KEY)
    assert said.code == 3
    assert "is damaged or not a journal: database disk image is malformed." in said.said
    assert "Continue with an intact copy of it, or with a new journal" in said.said
    assert "defect" not in said.said
    assert "Nothing is lost" not in said.said


def test_a_lock_that_is_something_else_is_refused(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine " * 1000)
    lock = tmp_path / "j.lock"
    lock.symlink_to(tmp_path / "victim")
    with runs.client() as client:
        with pytest.raises(JournalError, match="is a link"):
            run_batch(client, names(1), journal=tmp_path / "j")
        lock.unlink()
        shutil.copy(tmp_path / "victim", lock)
        with pytest.raises(JournalError, match="is not a lock"):
            run_batch(client, names(1), journal=tmp_path / "j")
    assert (tmp_path / "victim").read_text() == "mine " * 1000


# ----------------------------------------------------------------------- what was never sent


def test_rows_whose_request_never_left_are_pending_when_a_batch_ends_as_it_should_not(
    tmp_path: Path,
) -> None:
    with counted_runs(0.05) as runs:
        for number in range(8):
            where = str(tmp_path / f"{number}.journal")
            told: list[object] = []

            def complain(result: object, told: list[object] = told, most: int = number) -> None:
                told.append(result)
                if len(told) > most:
                    raise LookupError

            runs.counts.clear()
            with runs.client() as client, pytest.raises(LookupError):
                run_batch(client, names(40), journal=where, concurrency=6, on_result=complain)
            found = {result.row["name"]: result.status for result in results(where)}
            assert {found[name] for name in runs.counts} <= {"running", "succeeded"}
            unsent = set(found) - set(runs.counts)
            assert {found[name] for name in unsent} == {"pending"}


def test_rows_whose_request_never_left_are_pending_when_a_batch_is_cancelled(
    tmp_path: Path,
) -> None:
    where = str(tmp_path / "rows.journal")

    async def run(runs: Runs, more: int) -> None:
        """Cancel a batch when so many more of its runs have begun."""
        until = runs.counts.total() + more
        async with runs.emulator.async_client("work") as client, create_task_group() as group:
            batch = partial(run_batch_async, journal=where, resume=True, concurrency=6)
            group.start_soon(batch, client, names(400))
            await to_thread.run_sync(wait_until_begun, runs, until)
            group.cancel_scope.cancel()

    with counted_runs(0.02) as runs:
        for number in range(10):
            anyio.run(run, runs, 1 + 2 * number)
            found = {result.row["name"]: result.status for result in results(where)}
            assert {found[name] for name in runs.counts} <= {"running", "succeeded"}
            assert {found[name] for name in set(found) - set(runs.counts)} <= {"pending"}
        assert set(runs.counts.values()) == {1}
    assert sum(counts(where).values()) == 400


# ----------------------------------------------------------------------------------- files


def test_rows_and_journal_are_not_replaced_by_results(runs: Runs, tmp_path: Path) -> None:
    rows = tmp_path / "in.csv"
    rows.write_text("name\nAnn\n", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to(rows)
    (tmp_path / "hard.csv").hardlink_to(rows)
    before = files(tmp_path)
    for options in (
        ["--output", str(rows)],
        ["--output", str(tmp_path / "link.csv")],
        ["--output", str(tmp_path / "hard.csv")],
        ["--output", str(tmp_path / ".." / tmp_path.name / "in.csv")],
        ["--output", str(rows), "--dry-run"],
        ["--output", str(tmp_path / "out.csv"), "--journal", str(rows)],
        ["--output", str(tmp_path / "out.csv"), "--journal", str(tmp_path / "out.csv")],
    ):
        done = call("batch", str(rows), *options, base_url=runs.emulator.base_url, key=KEY)
        assert (
            done.code,
            "is also the file that is read; name another file to write to." in done.said,
        ) == (2, True)
    assert (files(tmp_path), rows.read_text(encoding="utf-8")) == (before, "name\nAnn\n")
    assert not runs.counts
    with runs.client() as client:
        summary = run_batch(client, read_rows(rows), journal=tmp_path / "j.csv")
    for place in (rows, tmp_path / "link.csv", tmp_path / "hard.csv", tmp_path / "j.csv"):
        with pytest.raises(InvalidRequestError, match="is also the file that is read"):
            summary.write_results(place)
    assert rows.read_text(encoding="utf-8") == "name\nAnn\n"
    assert summary.write_results(tmp_path / "out.csv") == 1


def test_results_follow_no_planted_link_and_keep_the_mode(runs: Runs, tmp_path: Path) -> None:
    rows, victim, out = (tmp_path / name for name in ("in.csv", "victim", "out.csv"))
    rows.write_text("name\nAnn\n", encoding="utf-8")
    victim.write_text("mine")
    out.write_text("before")
    out.chmod(0o600)
    (tmp_path / ".out.csv.part").symlink_to(victim)
    command = ("batch", str(rows), "--output", str(out))
    assert call(*command, base_url=runs.emulator.base_url, key=KEY).code == 0
    assert victim.read_text() == "mine"
    assert (out.stat().st_mode & 0o777, out.is_symlink()) == (0o600, False)
    assert "succeeded" in out.read_text(encoding="utf-8")


def test_results_that_cannot_be_written_are_written_by_the_next_call(
    runs: Runs, tmp_path: Path
) -> None:
    rows, out = table(tmp_path / "in.csv", 2), tmp_path / "out.csv"
    out.symlink_to("/dev/full")
    command = ("batch", str(rows), "--output", str(out))
    full = call(*command, base_url=runs.emulator.base_url, key=KEY)
    assert (full.code, "No space left on device" in full.said) == (2, True)
    assert "Nothing is lost: --resume writes the results again." in full.said
    out.unlink()
    assert call(*command, "--resume", base_url=runs.emulator.base_url, key=KEY).code == 0
    assert [row["status"] for row in read_rows(out)] == ["succeeded"] * 2
    assert runs.counts.total() == 2


def test_formulas_are_escaped_where_that_is_asked_for(runs: Runs, tmp_path: Path) -> None:
    texts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "plain", "'quoted", "a=b", ""]
    rows = [{"name": text or "empty", "=own": text, "n": -1.5} for text in texts]
    where = tmp_path / "j"
    with runs.client() as client:
        summary = run_batch(client, rows, journal=where)
    plain, safe = tmp_path / "plain.csv", tmp_path / "safe.csv"
    summary.write_results(plain)
    write_results(safe, journal=where, escape_formulas=True)
    as_is, escaped = (list(read_rows(file)) for file in (plain, safe))
    assert [row["=own"] for row in as_is] == texts
    assert [row["'=own"] for row in escaped] == [
        f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} and text else text
        for text in texts
    ]
    assert {row["n"] for row in escaped} == {"-1.5"}, "a number is none"
    for ending in (".jsonl", ".parquet"):
        with pytest.raises(InvalidRequestError, match=r"escaped only in \.csv"):
            write_results(tmp_path / f"out{ending}", journal=where, escape_formulas=True)
    file = tmp_path / "in.csv"
    file.write_text("name\n=Ann\n", encoding="utf-8")
    command = ("batch", str(file), "--escape-formulas", "--output")
    url = runs.emulator.base_url
    assert call(*command, str(tmp_path / "o.jsonl"), base_url=url, key=KEY).code == 2
    assert call(*command, str(tmp_path / "o.csv"), base_url=url, key=KEY).code == 0
    assert "'=Ann" in (tmp_path / "o.csv").read_text(encoding="utf-8")
