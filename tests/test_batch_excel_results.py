"""Results and templates in Excel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from dify_workflow import InvalidRequestError
from dify_workflow.batch import RowsError, check_rows, excel, read_rows, write_results
from dify_workflow.batch.journal import Journal
from dify_workflow.batch.records import Ended, JournalHeader, RowResult
from dify_workflow.batch.template import write_template
from dify_workflow.emulator import Emulator
from dify_workflow.inputs import Field, fields_of_app
from support.sheets import saved

# ------------------------------------------------------------------------------------- results


@pytest.fixture
def ran(tmp_path: Path) -> str:
    """The journal of a batch whose outputs are all that is hard for a spreadsheet."""
    file = {"dify_model_identity": "__dify__file__", "filename": "a.png"}
    outputs: list[dict[str, Any]] = [
        {"text": text} for text in ("=1+1", "+1", "-1", "@x", "\tx", "#N/A", "\x01\r\n_x0041_", "a")
    ]
    outputs += [
        {"number": 2**60, "float": float("nan"), "flag": True, "list": [1, "a"], "small": 1.5},
        {"file": {**file, "url": "https://x.example/a.png"}},
        {"file": [{**file, "url": "/files/b.png"}, {**file, "remote_url": "https://y.example/c"}]},
        {"text": "😀" * 20_000},
        {"text": "\x01" * 40_000},
    ]
    where = str(tmp_path / "rows.journal")
    with closing(Journal(where)) as journal:
        header = JournalHeader(
            "https://dify.example/v1", "0" * 32, "user", has_ids=True, columns=("id", "=name")
        )
        journal.set_header(header)
        row = '{"id": 1, "=name": "=Ann"}'
        journal.add(
            {"number": n, "key": str(n), "digest": "0" * 32, "row": row}
            for n in range(len(outputs))
        )
        journal.commit(
            Ended("done", RowResult(n, str(n), {}, "succeeded", outputs=each))
            for n, each in enumerate(outputs)
        )
    return where


def cells(path: Path, column: str) -> list[Any]:
    """The cells of a column of results."""
    sheet = load_workbook(path).worksheets[0]
    names = [cell.value for cell in sheet[1]]
    return [row[names.index(column)] for row in sheet.iter_rows(min_row=2)]


def test_texts_stay_texts_and_are_inert(ran: str, tmp_path: Path) -> None:
    path = tmp_path / "results.xlsx"
    write_results(path, journal=ran)
    found = cells(path, "outputs.text")[:8]
    expected = ["=1+1", "+1", "-1", "@x", "\tx", "#N/A", "_x0001__x000D_\n_x005F_x0041_", "a"]
    assert [cell.value for cell in found] == expected, "as Excel escapes them"
    assert {cell.data_type for cell in found} == {"s"}
    assert [cell.quotePrefix for cell in found] == [True] * 5 + [False] * 3
    assert {cell.data_type for cell in cells(path, "=name")} == {"s"}
    assert [row["outputs.text"] for row in read_rows(path)][6] == "\x01\r\n_x0041_"


def test_values_are_such_as_excel_can_hold(
    ran: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "results.xlsx"
    write_results(path, journal=ran)
    names = ("number", "float", "flag", "list", "small")
    found = [cells(path, f"outputs.{name}")[8].value for name in names]
    assert found == [str(2**60), "NaN", True, '[1, "a"]', 1.5]
    emojis, controls = (cell.value for cell in cells(path, "outputs.text")[11:13])
    for text, length in ((emojis, 20_000), (controls, 40_000)):
        assert text.endswith(f"… (cut here: {length:,} characters in all)")
        assert 32_000 < len(text.encode("utf-16-le")) // 2 <= 32_767
    assert "2 texts are too long for a cell in Excel" in caplog.text


@pytest.mark.parametrize("ending", ["xlsx", "csv", "parquet"])
def test_files_are_their_addresses(ran: str, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"results.{ending}"
    write_results(path, journal=ran)
    assert [row["outputs.file"] for row in read_rows(path)][9:11] == [
        "https://x.example/a.png",
        "https://dify.example/files/b.png\nhttps://y.example/c",
    ]
    write_results(tmp_path / "results.jsonl", journal=ran)
    exact = [row["outputs.file"] for row in read_rows(tmp_path / "results.jsonl")]
    assert exact[9]["filename"] == "a.png"


def test_results_that_are_too_many_for_a_sheet_are_refused(
    ran: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excel, "MOST_ROWS", 5)
    with pytest.raises(
        InvalidRequestError, match=r"A sheet has at most 5 rows: write a \.csv file"
    ):
        write_results(tmp_path / "results.xlsx", journal=ran)
    assert not (tmp_path / "results.xlsx").exists()


# ----------------------------------------------------------------------------------- templates

FIELDS = [
    Field("topic", "text-input", "Topic", longest=12),
    Field("=tone", "select", "=tone", options=["loud, clear", "=quiet"], required=False),
    Field("count", "number", "count", default=3),
    Field("urgent", "checkbox", "urgent", required=False),
    Field("pages", "file-list", "pages", longest=5, file_types=["document"]),
]


def test_a_template_has_notes_drop_downs_and_an_example_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    write_template(path, FIELDS)
    book = load_workbook(path)
    sheet, choices = book["Rows"], book["Choices"]
    assert [cell.value for cell in sheet[1]] == [field.name for field in FIELDS]
    assert [cell.comment.text for cell in sheet[1]] == [
        "Topic: a text; at most 12 characters",
        "one of: loud, clear | =quiet; may be empty",
        "a number",
        "TRUE or FALSE; may be empty",
        "files: their paths or addresses, one on each line; at most 5 files; document",
    ]
    rules = {str(rule.sqref): rule.formula1 for rule in sheet.data_validations.dataValidation}
    assert rules == {"B2:B10000": "Choices!$B$1:$B$2", "D2:D10000": '"TRUE,FALSE"'}
    assert [choices["B1"].value, choices["B2"].value] == ["loud, clear", "=quiet"]
    assert (choices.sheet_state, choices["B2"].data_type) == ("hidden", "s")
    assert sheet.column_dimensions["A"].number_format == "@", "007 stays 007"
    (row,) = read_rows(path)
    assert row == {
        "topic": "Example of T",
        "=tone": "loud, clear",
        "count": 3,
        "urgent": True,
        "pages": "https://example.com/1.pdf\nhttps://example.com/2.pdf",
    }


def test_a_template_may_be_csv_and_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    write_template(path, FIELDS)
    assert path.read_bytes().startswith(b"\xef\xbb\xbftopic,=tone,count,urgent,pages\n")
    assert next(iter(read_rows(path)))["urgent"] == "true"
    with pytest.raises(InvalidRequestError, match="exists; give a new file"):
        write_template(path, FIELDS)
    with pytest.raises(InvalidRequestError, match=r"A template must be a \.xlsx or \.csv file"):
        write_template(tmp_path / "rows.ods", FIELDS)


def test_the_example_row_of_a_template_is_one_that_the_app_takes(
    tmp_path: Path, forms: Emulator
) -> None:
    with forms.client("typed") as client:
        write_template(tmp_path / "rows.xlsx", fields_of_app(client.parameters()))
        (row,) = read_rows(tmp_path / "rows.xlsx")
        assert check_rows(client, [dict(row)]).rows == 1


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_the_example_row_of_a_template_is_refused_if_it_was_left_unchanged(
    tmp_path: Path, forms: Emulator, ending: str
) -> None:
    path = tmp_path / f"rows.{ending}"
    with forms.client("typed") as client:
        write_template(path, fields_of_app(client.parameters()))
        with pytest.raises(RowsError, match="row 2: it is the example row of the template"):
            check_rows(client, read_rows(path))


# ------------------------------------------------------------------------------------ how large

LARGE = 100_000


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_a_batch_of_100_000_rows_stays_within_200_mb(
    tmp_path: Path, emulator: Emulator, record_property: Callable[[str, object], None]
) -> None:
    path = tmp_path / "rows.xlsx"
    large_sheet(path, LARGE)
    program = f"""
import re
from contextlib import closing
from pathlib import Path
from dify_workflow import DifyWorkflow
from dify_workflow.batch import iter_batch, read_rows, write_results

with DifyWorkflow("app-echo", base_url={emulator.base_url!r}) as workflow:
    rows = read_rows({str(path)!r})
    with closing(iter_batch(workflow, rows, journal="rows.journal")) as results:
        for _ in range(200):
            next(results)
assert write_results("results.xlsx", journal="rows.journal") == {LARGE}
# Not what getrusage says: that counts the process, too, which this one was forked from.
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    most = int(done.stdout) / 1024
    record_property("MB", most)
    assert most < 200


def large_sheet(path: Path, count: int) -> None:
    """A sheet as Excel writes it: with its texts beside the rows, all of them different."""
    saved(path, ("Data", []))
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    words = " and some words more" * 5
    texts = ["id", "name", "note"]
    for number in range(count):
        texts += [f"row-{number}", f"Name {number}", f"A note on {number}{words}"]
    lines = (
        f'<row r="{line}">'
        + "".join(
            f'<c r="{letter}{line}" t="s"><v>{3 * (line - 1) + at}</v></c>'
            for at, letter in enumerate("ABC")
        )
        + "</row>"
        for line in range(1, count + 2)
    )
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    sheet = f"<worksheet {main}><sheetData>{''.join(lines)}</sheetData></worksheet>"
    strings = f"<sst {main}>{''.join(f'<si><t>{text}</t></si>' for text in texts)}</sst>"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    known = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
    parts["xl/worksheets/sheet1.xml"] = sheet.encode()
    parts["xl/sharedStrings.xml"] = strings.encode()
    types = parts["[Content_Types].xml"]
    if b"sharedStrings" not in types:
        parts["[Content_Types].xml"] = types.replace(b"</Types>", known.encode())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)
