"""Tables of results."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dify_workflow import InvalidRequestError
from dify_workflow.batch import BatchProgress, JournalError, run_batch, write_results
from dify_workflow.batch.journal import Journal
from dify_workflow.batch.records import JournalHeader
from dify_workflow.emulator import (
    BeginNode,
    Emulator,
    EndNode,
    Input,
    NodeError,
    node,
    workflow,
)
from support.batches import counted_runs, names, results


@pytest.fixture
def journal(tmp_path: Path) -> str:
    """The journal of a batch of four rows."""

    @workflow(Input("name"), Input("count", "number", required=False))
    def work(inputs: Any) -> Any:
        yield from node("think")
        if inputs["name"] == "Bob":
            raise NodeError("no Bobs")
        mixed = [1] if inputs["name"] == "Eve" else 1.5
        return {
            "greeting": f"Hello {inputs['name']}",
            "tags": {"a": [1]},
            "mixed": mixed,
            "n": 2**70,
        }

    rows = [
        {"id": 7, "name": "Ann", "status": "new", "count": 1, "ok": True},
        {"id": 8, "name": "Bob", "status": None, "count": 2.5, "ok": None},
        {"id": 9, "name": 'Eve "☃"\n', "status": "old", "count": None, "ok": False, "late": "x"},
        {"id": 10, "name": "Eve", "status": "old", "count": None, "ok": False},
    ]
    where = str(tmp_path / "rows.journal")
    with Emulator(work, linger=0.05) as emulator, emulator.client() as client:
        run_batch(client, rows, journal=where)
    return where


COLUMNS = [
    *("id", "name", "row.status", "count", "ok", "late", "status", "message"),
    *("outputs.greeting", "outputs.tags", "outputs.mixed", "outputs.n"),
    *("run_id", "elapsed_seconds", "tokens", "attempts"),
]


def test_csv_has_the_row_and_what_came_of_it(journal: str, tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    assert write_results(file, journal=journal) == 4
    with file.open(encoding="utf-8", newline="") as read:
        lines = list(csv.reader(read))
    assert lines[0] == COLUMNS
    ann, bob, eve = (dict(zip(COLUMNS, line, strict=True)) for line in lines[1:4])
    assert (ann["row.status"], ann["status"], ann["ok"]) == ("new", "succeeded", "true")
    assert (ann["outputs.greeting"], ann["outputs.tags"]) == ("Hello Ann", '{"a": [1]}')
    assert (bob["status"], bob["outputs.greeting"], bob["attempts"]) == ("failed", "", "1")
    assert "no Bobs" in bob["message"]
    assert (eve["name"], eve["late"]) == ('Eve "☃"\n', "x")
    assert len(ann["run_id"]) == 36
    assert float(ann["elapsed_seconds"]) >= 0


def test_json_lines_have_values_as_they_are(journal: str, tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    write_results(file, journal=journal)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [list(line) for line in lines] == [COLUMNS] * 4
    assert (lines[0]["ok"], lines[0]["outputs.tags"]) == (True, {"a": [1]})
    assert lines[0]["outputs.n"] == 2**70
    assert lines[1]["outputs.greeting"] is None


def test_parquet_has_columns_of_one_type_each(journal: str, tmp_path: Path) -> None:
    file = tmp_path / "results.parquet"
    write_results(file, journal=journal)
    table = pq.read_table(file)
    kinds = {name: str(table.schema.field(name).type) for name in table.schema.names}
    assert list(kinds) == COLUMNS
    assert {name: kinds[name] for name in ("id", "name", "count", "ok", "tokens", "run_id")} == {
        "id": "int64",
        "name": "string",
        "count": "double",
        "ok": "bool",
        "tokens": "int64",
        "run_id": "string",
    }
    assert table["ok"].to_pylist() == [True, None, False, False]
    assert table["outputs.tags"].to_pylist()[0] == '{"a": [1]}'
    assert table["outputs.mixed"].to_pylist()[-1] == "[1]"
    assert table["outputs.n"].to_pylist()[0] == str(2**70)


def test_what_cannot_be_written_leaves_nothing_behind(journal: str, tmp_path: Path) -> None:
    for path, problem in (
        (tmp_path / "results.ods", r"must end in \.csv"),
        (tmp_path / "nowhere" / "results.csv", "There is no folder"),
    ):
        with pytest.raises(InvalidRequestError, match=problem):
            write_results(path, journal=journal)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InvalidRequestError, match="Cannot write"):
        write_results(tmp_path / "folder.csv", journal=journal)
    with pytest.raises(JournalError, match="There is no journal"):
        write_results(tmp_path / "results.csv", journal=tmp_path / "nothing")
    assert sorted(path.name for path in tmp_path.iterdir() if "journal" not in path.name) == [
        "folder.csv"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, ending: str) -> None:
    def peak(count: int) -> int:
        journal = filled_journal(tmp_path / f"{count}.journal", count)
        write_results(tmp_path / f"warm.{ending}", journal=journal)
        with counted_memory() as of_arrow:
            assert write_results(tmp_path / f"{count}.{ending}", journal=journal) == count
            return tracemalloc.get_traced_memory()[1] + of_arrow.max_memory()

    assert peak(8000) < peak(2000) * 1.5


@contextmanager
def counted_memory() -> Iterator[Any]:
    """Have memory counted: Python's by tracemalloc, which does not see Arrow's, and that here."""
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        yield pool
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(usual)


def filled_journal(where: Path, count: int) -> Path:
    """A journal with so many rows that nobody has run."""
    journal = Journal(where)
    journal.set_header(
        JournalHeader("http://x", "0" * 32, "user", has_ids=True, columns=("id", "text"))
    )
    rows = [
        {
            "number": n,
            "key": str(n),
            "digest": "0" * 32,
            "row": f'{{"id": {n}, "text": "{"x" * 99}"}}',
        }
        for n in range(count)
    ]
    journal.add(rows)
    journal.close()
    return where


def test_results_are_rows_that_data_frames_take(tmp_path: Path) -> None:
    with counted_runs() as runs, runs.client() as client:
        summary = run_batch(client, names(3), journal=tmp_path / "rows.journal")
    rows = list(summary.results())
    assert [row["outputs.greeting"] for row in rows] == [f"Hello Name {n}" for n in range(3)]
    table = pa.Table.from_pylist(rows)
    assert table.column_names == list(rows[0])
    assert table["outputs.length"].to_pylist() == [6, 6, 6]


@workflow(Input("name"))
def mixed(inputs: Any) -> Any:
    yield from node("think")
    values: dict[str, Any] = {"Ann": 1, "Bob": {"a": 1}, "Eve": [1], "Kim": None}
    return {"mixed": values[inputs["name"]], "alike": [inputs["name"]]}


def test_results_have_objects_and_lists_as_json_where_a_column_has_other_values(
    tmp_path: Path,
) -> None:
    rows = [{"name": name} for name in ("Ann", "Bob", "Eve", "Kim")]
    with Emulator(mixed) as emulator, emulator.client() as client:
        summary = run_batch(client, rows, journal=tmp_path / "rows.journal")
    found = list(summary.results())
    assert [row["outputs.mixed"] for row in found] == [1, '{"a": 1}', "[1]", None]
    assert [row["outputs.alike"] for row in found] == [[row["name"]] for row in rows]


def test_results_of_a_batch_have_the_price_of_each_run(tmp_path: Path) -> None:
    @workflow(Input("name"))
    def costly(inputs: Any) -> Any:
        yield BeginNode("model", "llm")
        told = {"total_price": "0.10", "currency": "USD"} if inputs["name"] == "Ann" else {}
        yield EndNode("model", metadata={"total_tokens": 3, **told})
        return {}

    seen: list[BatchProgress] = []
    with Emulator(costly) as emulator, emulator.client() as client:
        summary = run_batch(
            client,
            [{"name": "Ann"}, {"name": "Bob"}],
            journal=tmp_path / "rows.journal",
            on_progress=seen.append,
        )
    assert [row.prices for row in results(tmp_path / "rows.journal")] == [
        {"USD": Decimal("0.10")},
        {},
    ]
    for told in (summary, seen[-1]):
        assert (told.tokens, told.prices, told.unpriced) == (6, {"USD": Decimal("0.10")}, 0)
