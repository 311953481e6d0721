"""Batches keep what runs give, whatever a server sends: exactly, or it is said."""

from __future__ import annotations

import csv
import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dify_workflow.batch import RowResult, RowsError, reconcile, run_batch, write_results
from dify_workflow.batch.journal import Journal
from dify_workflow.batch.records import Claim, Ended, digest
from support.batches import OddServer, results
from support.postgres import NEEDS_POSTGRES, empty_database, postgres
from support.replay import ReplayServer

HALF = "\ud83d"
"""Half of a surrogate pair, as models send it where a text is cut in an emoji."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "SETTLING", 0.05)


def told(
    server: ReplayServer, journal: str, ends: Sequence[Mapping[str, Any]]
) -> list[tuple[RowResult, RowResult]]:
    """What came of rows whose runs end so: each as it was told, and as the journal has it then."""
    odd = OddServer(server, {str(number): end for number, end in enumerate(ends)})
    live: dict[str, RowResult] = {}
    rows = [{"name": str(number)} for number in range(len(ends))]
    with odd.client() as client:
        run_batch(
            client,
            rows,
            journal=journal,
            on_result=lambda result: live.__setitem__(result.row["name"], result),
        )
        again = run_batch(client, rows, journal=journal, resume=True)
    assert again.skipped == len(rows)
    assert sorted(odd.sent, key=int) == [row["name"] for row in rows]
    return [(live[kept.row["name"]], kept) for kept in results(journal)]


@pytest.fixture(scope="module")
def database_server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=NEEDS_POSTGRES)])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "rows.journal")
    server: str = request.getfixturevalue("database_server")
    return empty_database(server, request.node.name)


def same(one: object, other: object) -> bool:
    """Whether two values are the same, NaN included."""
    return ascii(one) == ascii(other)


OUTPUTS: list[Any] = [
    {"text": f"cut {HALF}", f"name {HALF}": [HALF, {HALF: 1}], "emoji": "\U0001f600"},
    {"nan": math.nan, "most": math.inf, "least": -math.inf, "deep": [{"x": math.nan}]},
    {"nul": "a\x00b", "\x00": "\u2028", "quote": '"', "large": 2**70, "small": 5e-324},
    ["a", {"b": HALF}, math.nan],
    *("a text", '"a quoted text"', HALF, 5, True, {}),
]


def test_outputs_are_told_and_kept_as_they_came(server: ReplayServer, journal: str) -> None:
    found = told(server, journal, [{"outputs": outputs} for outputs in OUTPUTS])
    for outputs, (now, kept) in zip(OUTPUTS, found, strict=True):
        assert now.status == kept.status == "succeeded"
        assert same(now.outputs, outputs)
        assert same(kept.outputs, outputs)


def test_texts_of_a_run_are_kept_as_they_came(server: ReplayServer, journal: str) -> None:
    texts = [f"cut {HALF}", "a\x00b", '"quoted"', "{}", "☃ \u2028"]
    found = told(server, journal, [{"status": text, "error": text} for text in texts])
    for text, (now, kept) in zip(texts, found, strict=True):
        assert (now.status, now.message) == (kept.status, kept.message) == (text, text)


def test_what_is_of_no_use_is_left_out_and_said(
    server: ReplayServer, journal: str, caplog: pytest.LogCaptureFixture
) -> None:
    cases: list[tuple[dict[str, Any], str, object]] = [
        *(({"total_tokens": value}, "total_tokens", None) for value in (2**70, "many", 1.5)),
        *(({"elapsed_time": value}, "elapsed_time", None) for value in (math.nan, 10**400, "x")),
        ({"elapsed_time": 3}, "elapsed_time", 3.0),
        ({"error": {"a": HALF}}, "message", '{"a": "\\ud83d"}'),
    ]
    found = told(server, journal, [end for end, _, _ in cases])
    for (_, name, value), (now, kept) in zip(cases, found, strict=True):
        assert getattr(now, name) == getattr(kept, name) == value
    said = [record for record in caplog.records if "cannot be stored as a number" in record.msg]
    assert len(said) == 6


def test_a_run_that_ended_without_a_status_is_no_success(
    server: ReplayServer, journal: str
) -> None:
    odd = OddServer(server, {"0": {"status": 5}})
    with odd.client() as client:
        summary = run_batch(client, [{"name": "0"}], journal=journal)
    (result,) = results(journal)
    assert (result.status, summary.counts) == ("unknown", {"unknown": 1})
    assert result.run_id is not None
    assert result.run_id in str(result.message)


def test_outputs_that_are_nested_too_deeply_are_said(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    with closing(Journal(tmp_path / "rows.journal")) as journal:
        journal.add(
            [{"number": n, "key": str(n), "digest": digest({}), "row": "{}"} for n in (0, 1)]
        )
        journal.commit([Claim(0, 0.0), Claim(1, 0.0)])
        nested = RowResult(0, "0", {}, "succeeded", outputs={"deep": deep})
        journal.commit([Ended("done", nested), Ended("done", RowResult(1, "1", {}, "succeeded"))])
    first, second = results(tmp_path / "rows.journal")
    assert (first.status, second.status) == ("succeeded", "succeeded")
    assert "nested too deeply" in str(first.message)


# ------------------------------------------------------------------------------------ results


def written(server: ReplayServer, folder: Path, ending: str, **end: Any) -> Path:
    where, file = str(folder / "rows.journal"), folder / f"results{ending}"
    with OddServer(server, {"odd": end}).client() as client:
        run_batch(client, [{"name": "odd", "id": "1"}], journal=where)
    assert write_results(file, journal=where) == 1
    return file


def table(file: Path) -> dict[str, Any]:
    """The first row of a file of results."""
    if file.suffix == ".parquet":
        row: dict[str, Any] = pq.read_table(file).to_pylist()[0]
        return row
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".jsonl":
        line: dict[str, Any] = json.loads(text)
        return line
    return next(csv.DictReader(text.splitlines()))


def test_json_lines_have_halves_of_pairs_exactly_and_other_tables_say_what_they_lack(
    server: ReplayServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    end = {"outputs": {f"o{HALF}": f"cut {HALF}", "list": [HALF]}, "error": HALF}
    line = table(written(server, tmp_path, ".jsonl", **end))
    assert (line[f"outputs.o{HALF}"], line["message"]) == (f"cut {HALF}", HALF)
    assert line["outputs.list"] == [HALF]
    assert not caplog.records
    for ending in (".csv", ".parquet"):
        caplog.clear()
        file = tmp_path / f"results{ending}"
        write_results(file, journal=tmp_path / "rows.journal")
        row = table(file)
        assert row["outputs.o\\ud83d"] == "cut \\ud83d"
        assert row["message"] == "\\ud83d"
        assert json.loads(row["outputs.list"]) == [HALF]
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert f"results{ending}: 3 texts" in record.getMessage()
        assert ".jsonl file has the text exactly" in record.getMessage()


def test_numbers_that_are_none_stay_what_they_are_in_every_table(
    server: ReplayServer, tmp_path: Path
) -> None:
    values = {"nan": math.nan, "most": math.inf, "least": -math.inf, "list": [math.nan]}
    line = table(written(server, tmp_path, ".jsonl", outputs=values))
    assert same([line[f"outputs.{name}"] for name in values], list(values.values()))
    for ending, texts in ((".csv", True), (".parquet", False)):
        write_results(tmp_path / f"results{ending}", journal=tmp_path / "rows.journal")
        row = table(tmp_path / f"results{ending}")
        found = [row[f"outputs.{name}"] for name in ("nan", "most", "least")]
        assert same(found, ["NaN", "Infinity", "-Infinity"] if texts else [*values.values()][:3])
        assert same(json.loads(row["outputs.list"]), [math.nan])


@pytest.mark.parametrize(
    ("outputs", "cell"), [(["a", 1], '["a", 1]'), ("text", "text"), (5, "5"), (True, "true")]
)
def test_outputs_that_are_no_object_are_a_column_of_their_own(
    outputs: Any, cell: str, server: ReplayServer, tmp_path: Path
) -> None:
    line = table(written(server, tmp_path, ".jsonl", outputs=outputs))
    assert line["outputs"] == outputs
    for ending in (".csv", ".parquet"):
        write_results(tmp_path / f"results{ending}", journal=tmp_path / "rows.journal")
        found = table(tmp_path / f"results{ending}")["outputs"]
        assert found == (cell if ending == ".csv" or isinstance(outputs, list) else outputs)


def test_columns_of_rows_and_of_results_never_meet(server: ReplayServer, tmp_path: Path) -> None:
    own = {"status": 1, "row.status": 2, "outputs": 3, "outputs.greeting": 4, "row.row.status": 5}
    with OddServer(server, {}).client() as client:
        run_batch(client, [{"name": "a", **own}], journal=tmp_path / "rows.journal")
    file = tmp_path / "results.jsonl"
    write_results(file, journal=tmp_path / "rows.journal")
    line = table(file)
    assert {name: line[f"row.{name}"] for name in own} == own
    assert (line["status"], line["outputs.greeting"]) == ("succeeded", "Ann")


def test_whole_numbers_beside_others_stay_exact_in_parquet(
    server: ReplayServer, tmp_path: Path
) -> None:
    ends = {"a": {"outputs": {"n": 2**53 + 1}}, "b": {"outputs": {"n": 0.5}}}
    with OddServer(server, ends).client() as client:
        run_batch(client, [{"name": "a"}, {"name": "b"}], journal=tmp_path / "rows.journal")
    write_results(tmp_path / "results.parquet", journal=tmp_path / "rows.journal")
    found = [row["outputs.n"] for row in pq.read_table(tmp_path / "results.parquet").to_pylist()]
    assert found == [str(2**53 + 1), "0.5"]


# --------------------------------------------------------------------------------------- rows


@pytest.mark.parametrize("value", [math.inf, -math.inf, [math.inf]])
def test_a_row_with_an_infinite_number_is_refused(
    value: Any, server: ReplayServer, tmp_path: Path
) -> None:
    odd = OddServer(server, {})
    rows = [{"name": "a"}, {"name": "b", "n": value}]
    with odd.client() as client, pytest.raises(RowsError, match=r"row 2: .*number"):
        run_batch(client, rows, journal=tmp_path / "rows.journal")
    assert odd.sent == []


def test_nan_in_a_row_is_an_empty_cell_as_pandas_has_it(
    server: ReplayServer, tmp_path: Path
) -> None:
    with OddServer(server, {}).client() as client:
        run_batch(client, [{"name": "a", "n": math.nan}], journal=tmp_path / "rows.journal")
    assert results(tmp_path / "rows.journal")[0].row == {"name": "a", "n": None}
