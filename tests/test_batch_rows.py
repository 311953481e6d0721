"""Tables of inputs: how they are read, and how their columns become inputs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dify_workflow import InvalidRequestError, WorkflowFile
from dify_workflow.batch import RowsError, check_rows, read_rows
from dify_workflow.batch.columns import Columns
from dify_workflow.batch.records import digest, plain
from dify_workflow.emulator import Emulator


def test_csv_is_read_as_spreadsheets_write_it(tmp_path: Path) -> None:
    file = tmp_path / "rows.CSV"
    file.write_bytes(
        b'\xef\xbb\xbfname,note\r\nAnn,"two\r\nlines, ""quoted"""\r\n\r\nBob,\xe2\x98\x83\r\n'
    )
    rows = read_rows(file)
    assert list(rows) == [
        {"name": "Ann", "note": 'two\r\nlines, "quoted"'},
        {"name": "Bob", "note": "☃"},
    ]
    assert list(rows) == list(read_rows(str(file)))


def test_json_lines_keep_their_types(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(
        '{"n": 1.5, "ok": true, "tags": ["a\u2028b"]}\n\n{"n": null}\n', encoding="utf-8"
    )
    assert list(read_rows(file)) == [{"n": 1.5, "ok": True, "tags": ["a\u2028b"]}, {"n": None}]


def test_parquet_keeps_its_types_and_is_read_in_pieces(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    count = 3000
    columns = {"n": range(count), "day": [date(2026, 11, 22)] * count}
    pq.write_table(pa.table({name: list(values) for name, values in columns.items()}), file)
    rows = iter(read_rows(file))
    first = next(rows)
    assert (first, plain(first)) == (
        {"n": 0, "day": date(2026, 11, 22)},
        b'{"n":0,"day":"2026-11-22"}',
    )
    assert sum(1 for _ in rows) == count - 1


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", "", "a.csv is empty"),
        ("a.csv", "x,x\n1,2\n", "the columns A and B have the same name 'x'"),
        ("a.csv", "x,\n1,2\n", "row 2: column B has a value but no name"),
        ("a.csv", "x,y\n1,2\n3\n", "row 3: it has 1 cell under 2 columns"),
        ("a.csv", 'x\n"1\n', "row 2: a quote .* opens a cell, and no quote closes it"),
        ("a.jsonl", '{"x": 1}\n{"x": \n', "line 2 is not JSON"),
        ("a.jsonl", "[1]\n", "line 1 is not a JSON object"),
        ("a.parquet", "PAR0", "cannot be read as a Parquet file"),
    ],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: str, problem: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(RowsError, match=problem):
        list(read_rows(tmp_path / name))


def test_a_file_that_is_no_table_or_not_there_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidRequestError, match=r"must end in \.csv, \.tsv, \.jsonl, \.ndjson, \."
    ):
        read_rows("rows.txt")
    with pytest.raises(InvalidRequestError, match="There is no file"):
        read_rows(tmp_path / "rows.csv")


@pytest.fixture
def columns(forms: Emulator) -> Columns:
    with forms.client("typed") as client:
        return Columns(client.parameters())


def test_columns_become_what_inputs_take(columns: Columns, tmp_path: Path) -> None:
    file = tmp_path / "page.pdf"
    file.write_bytes(b"%PDF")
    kinds = {field.kind: field.name for field in columns.fields}
    table: Iterable[tuple[str, Any, Any]] = [
        ("text-input", "Ann", "Ann"),
        ("text-input", 12, "12"),
        ("text-input", True, "true"),
        ("text-input", "", ""),
        ("select", "loud", "loud"),
        ("select", "", None),
        ("number", "3.5", 3.5),
        ("number", 4, 4),
        ("number", "", None),
        ("checkbox", "yes", True),
        ("json_object", '{"a": 1}', {"a": 1}),
        ("json_object", {"a": 1}, {"a": 1}),
        ("file", str(file), file),
        (
            "file",
            "https://x.example/a.png",
            WorkflowFile.remote("https://x.example/a.png", type="image"),
        ),
        ("file-list", f"{file}\n{file}", [file, file]),
        ("file-list", [str(file)], [file]),
        ("text-input", None, None),
    ]
    required = {
        field.name: next(value for kind, value, _ in table if kind == field.kind)
        for field in columns.fields
        if field.required
    }
    for kind, cell, value in table:
        if kind in kinds and not (value is None and kinds[kind] in required):
            inputs = columns.inputs({**required, kinds[kind]: cell})
            assert inputs.get(kinds[kind]) == value, kind
    assert {"number", "checkbox", "select", "file", "file-list"} <= kinds.keys()
    with pytest.raises(InvalidRequestError, match="must be one of plain, loud, not 'LOUD'"):
        columns.inputs({**required, kinds["select"]: "LOUD"})


def test_every_bad_row_is_named_before_anything_is_run(emulator: Emulator) -> None:
    rows = [{"name": "Ann"}, {"name": "x" * 60}, {"other": 1}, {"name": b"bytes"}]
    with emulator.client("echo") as client, pytest.raises(RowsError) as caught:
        check_rows(client, rows)
    assert caught.value.problems == (
        "row 2: name takes at most 48 characters, not 60",
        "row 3: name is required in input form",
        "row 4: it has a bytes, which is not JSON, a path or a file",
    )


def test_rows_that_cannot_be_told_apart_are_named_before_anything_is_run(
    emulator: Emulator,
) -> None:
    rows = [{"id": 1, "name": "Ann"}, {"id": "1", "name": "Bob"}, {"name": "Eve"}]
    with emulator.client("echo") as client:
        with pytest.raises(RowsError) as caught:
            check_rows(client, rows)
        with pytest.raises(RowsError, match="row 1: it must be a mapping, not a str"):
            check_rows(client, ["Ann"])  # type: ignore[list-item]  # as untyped code may
    assert caught.value.problems == (
        "row 2 (1): the id '1' occurs twice (the column id identifies the rows)",
        "row 3: it has no id, unlike the rows before it",
    )


def test_rows_that_can_be_run_are_counted_and_their_columns_told(emulator: Emulator) -> None:
    with emulator.client("story") as client:
        check = check_rows(client, [{"id": n, "topic": "boxes", "team": "red"} for n in range(3)])
    assert (check.rows, check.inputs) == (3, {"topic": "text-input"})
    assert (check.unused, check.missing) == (("team",), ("style",))


def test_a_row_is_recognised_in_whichever_order_its_columns_are() -> None:
    first, second = {"a": 1, "b": Decimal("1.50")}, {"b": Decimal("1.50"), "a": 1}
    assert digest(first) == digest(second) != digest({"a": 2, "b": Decimal("1.50")})
    assert plain({"p": Path("x/y"), "f": WorkflowFile.uploaded("id", type="image")}) == (
        b'{"p":"x/y","f":{"type":"image","transfer_method":"local_file","upload_file_id":"id"}}'
    )
