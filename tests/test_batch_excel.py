"""Excel files: read as people see them, and written so that they open well."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from dify_workflow import InvalidRequestError
from dify_workflow.batch import RowsError, check_rows, excel, read_rows, run_batch
from dify_workflow.batch.rows import lines_of
from dify_workflow.emulator import Emulator, Input, NodeError, node, workflow
from support.sheets import saved


def edited(path: Path, part: str, old: bytes, new: bytes) -> Path:
    """An Excel file of which a part is changed, as other programs write it."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    assert old in parts[part]
    parts[part] = parts[part].replace(old, new, 1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return path


def test_cells_are_what_people_see(tmp_path: Path) -> None:
    moment = datetime(2026, 11, 30, 14, 5)  # noqa: DTZ001  # as Excel has it
    values: list[tuple[Any, Any]] = [
        ("Ann", "Ann"),
        (1.0, 1),
        (0.1 + 0.2, 0.3),
        (0.12, 0.12),
        (10**14, 10**14),
        (True, True),
        (date(2026, 11, 30), "2026-11-30"),
        (moment, "2026-11-30T14:05:00"),
        (moment.replace(hour=0, minute=0), "2026-11-30T00:00:00"),
        (time(14, 5), "14:05:00"),
        (timedelta(hours=27, minutes=30), "27:30:00"),
        ("a_x000D_\nb", "a\r\nb"),
        ("_x0041_", "_x0041_"),
        (" x ", " x "),
        (None, None),
    ]
    names = [f"c{number}" for number in range(len(values))]
    path = saved(tmp_path / "a.xlsx", ("Data", [names, [value for value, _ in values]]))
    assert [*next(iter(read_rows(path))).values()] == [expected for _, expected in values]


def test_numbers_of_many_digits_are_whole_and_have_no_exponent(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", ("Data", [["a", "b", "c", "d"], [1, 2, 3, 4]]))
    sheet = "xl/worksheets/sheet1.xml"
    for old, new in (
        (b"<v>1</v>", b"<v>4111111111111110</v>"),
        (b"<v>2</v>", b"<v>4.11111111111111E+15</v>"),
        (b"<v>3</v>", b"<v>1.2345678901234499E+17</v>"),
        (b"<v>4</v>", b"<v>123456789012345680000</v>"),
    ):
        edited(path, sheet, old, new)
    (row,) = read_rows(path)
    assert [repr(value) for value in row.values()] == [
        "4111111111111110",
        "4111111111111110",
        "123456789012345000",
        "1.23456789012346e+20",
    ]
    edited(path, sheet, b"<v>4111111111111110</v>", b"<v>1" + b"0" * 400 + b"</v>")
    with pytest.raises(RowsError, match="too large to convert"):
        list(read_rows(path))


def test_a_formula_may_give_an_empty_text_and_merged_cells_may_be_empty(tmp_path: Path) -> None:
    rows = [["name", "note"], ["Ann", 1], ["Bob", 2], [], ["Eve", 3]]
    path = saved(tmp_path / "a.xlsx", ("Data", rows))
    book = load_workbook(path)
    for place in ("D1:E1", "A4:B4", "D5:D6"):
        book["Data"].merge_cells(place)
    book.save(path)
    sheet = "xl/worksheets/sheet1.xml"
    for line, value in ((2, b"<v></v>"), (3, b"<v/>")):  # as Excel writes =IF(A2="";"";1)
        old = f'<c r="B{line}" t="n"><v>{line - 1}</v>'.encode()
        edited(path, sheet, old, b'<c r="B%d" t="str"><f>IF(A9="","",1)</f>' % line + value)
    assert [(row["name"], row["note"] or None) for row in read_rows(path)] == [
        ("Ann", None),
        ("Bob", None),
        ("Eve", 3),
    ]


def test_the_table_may_begin_anywhere_and_have_gaps(tmp_path: Path) -> None:
    rows = [[], [None], [None, " Name ", "n", None], [None, "Ann", 1], [], [None, "Bob", None, ""]]
    read = list(lines_of(read_rows(saved(tmp_path / "a.xlsx", ("Data", rows)))))
    assert read == [{"Name": "Ann", "n": 1}, {"Name": "Bob", "n": None}]
    assert [row.line for row in read] == [4, 6]


def test_the_first_sheet_that_is_not_hidden_is_read_or_the_one_that_is_named(
    tmp_path: Path,
) -> None:
    sheets = [(name, [["name"], [name]]) for name in ("Lists", "Data", "More")]
    path = saved(tmp_path / "a.xlsx", *sheets, hidden="Lists")
    rows = read_rows(path)
    assert (list(rows), rows.description) == ([{"name": "Data"}], "the sheet 'Data', not 'More'")
    assert list(read_rows(path, sheet="Lists")) == [{"name": "Lists"}]
    with pytest.raises(InvalidRequestError, match="no sheet 'data'; it has 'Lists', 'Data', 'Mor"):
        read_rows(path, sheet="data")
    with pytest.raises(InvalidRequestError, match=r"a\.xlsx: delimiter is only for"):
        read_rows(path, delimiter=";")


def test_hidden_rows_are_read_and_that_is_told(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", ("Data", [["name"], ["Ann"], ["Bob"]]))
    book = load_workbook(path)
    book["Data"].row_dimensions[3].hidden = True
    book.save(path)
    rows = read_rows(path)
    assert rows.description == "the sheet 'Data'; 1 hidden row is read, too"
    assert len(list(rows)) == 2


def test_what_is_wrong_with_cells_is_told_of_all_of_them(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "a.xlsx",
        ("Data", [["name", "x"], ["Ann", "#N/A"], ["=A2"], ["Bob", 1, "?"], ["Eve"], ["x" * 49]]),
    )
    book = load_workbook(path)
    book["Data"].merge_cells("A5:B5")
    book.save(path)
    with (
        Emulator(greet) as emulator,
        emulator.client() as client,
        pytest.raises(RowsError) as caught,
    ):
        check_rows(client, read_rows(path))
    assert caught.value.problems == (
        "row 2: cell B2 has the error #N/A",
        "row 3: cell A3 has a formula whose value is not in the file; open it in Excel and save it",
        "row 4: column C has a value but no name in row 1",
        "row 5: the cells A5:B5 are merged; unmerge them and fill each one",
        "row 6: name takes at most 48 characters, not 49",
    )


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (["a", "b", " a"], "row 1, .*: the columns A and C have the same name 'a'"),
        (["a", "#REF!"], "row 1, .*: cell B1 has the error #REF!"),
        ([], "is empty; its first row must name the columns"),
    ],
)
def test_names_of_columns_that_are_none_are_told(
    tmp_path: Path, header: list[str], problem: str
) -> None:
    with pytest.raises(RowsError, match=problem):
        list(read_rows(saved(tmp_path / "a.xlsx", ("Data", [header, header]))))


def test_a_title_over_the_table_is_told(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", ("Data", [["Customers"], ["name", "n"], ["Ann", 1]]))
    book = load_workbook(path)
    book["Data"].merge_cells("A1:B1")
    book.save(path)
    with pytest.raises(RowsError, match="row 1, which names the columns: the cells A1:B1 are merg"):
        list(read_rows(path))


@workflow(Input("name"), Input("When", "number", required=False))
def greet(inputs: Any) -> Any:
    yield from node("think")
    if inputs["name"] == "Otto":
        raise NodeError("no Ottos")
    return {"text": f"=Hello {inputs['name']}", "when": inputs.get("When")}


def test_a_date_is_a_number_where_the_app_takes_one(tmp_path: Path) -> None:
    rows = [["name", "when", "day"], ["Ann", date(2026, 11, 30), date(2026, 11, 30)]]
    path = saved(tmp_path / "a.xlsx", ("Data", rows))
    with Emulator(greet) as emulator, emulator.client() as client:
        summary = run_batch(client, read_rows(path), journal=tmp_path / "a.journal")
    (row,) = summary.results()
    assert (row["when"], row["day"], row["outputs.when"]) == (46356, "2026-11-30", 46356)


def test_other_files_are_refused_with_what_can_be_done(tmp_path: Path) -> None:
    for ending in ("xls", "xlsm", "ods"):
        with pytest.raises(InvalidRequestError, match=r"open it and save it as \.xlsx"):
            read_rows(tmp_path / f"a.{ending}")
    path = tmp_path / "a.xlsx"
    for data, problem in (
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1...", "has a password or is an old .xls file"),
        (b"name\nAnn\n", "cannot be read as an Excel file"),
        (b"", "cannot be read as an Excel file"),
    ):
        path.write_bytes(data)
        with pytest.raises(RowsError, match=problem):
            read_rows(path)


def test_a_strict_open_xml_spreadsheet_is_named_with_what_can_be_done(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", ("Data", [["name"], ["Ann"]]))
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, data in parts.items():
            for kind in (b"spreadsheetml", b"officeDocument"):
                loose = b"http://schemas.openxmlformats.org/" + kind + b"/2006"
                data = data.replace(loose, b"http://purl.oclc.org/ooxml/" + kind)  # noqa: PLW2901
            file.writestr(name, data)
    with pytest.raises(RowsError, match=r"Strict Open XML spreadsheet, save it as Excel Workbook"):
        read_rows(path)


def test_a_file_that_is_cut_or_spoilt_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", ("Data", [["name"], *([f"{n}" * 9] for n in range(2000))]))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RowsError, match=r"a\.xlsx cannot be read as an Excel file"):
        list(read_rows(path))
    path.write_bytes(whole)
    edited(path, "xl/worksheets/sheet1.xml", b"</sheetData>", b"</nothing>")
    with pytest.raises(RowsError, match=r"a\.xlsx cannot be read as an Excel file"):
        list(read_rows(path))


def test_a_file_that_unpacks_to_far_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "a.xlsx", ("Data", [["name"], ["Ann"]]))
    bomb = io.BytesIO(b"<si>" + b" " * (300 << 20))
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file,
        file.open("xl/more.xml", "w") as part,
    ):
        while block := bomb.read(1 << 20):
            part.write(block)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(RowsError, match=r"too large: it has \d+ MB when unpacked. Save its"):
        read_rows(path)
    monkeypatch.setattr(excel, "_LARGEST_PIECE", 4 << 20)
    path = saved(tmp_path / "b.xlsx", ("Data", [["name"], ["Ann"]]))
    edited(path, "xl/worksheets/sheet1.xml", b"</sheetData>", b" " * (6 << 20) + b"</sheetData>")
    with pytest.raises(RowsError, match=r"b\.xlsx has a row that is too large"):
        read_rows(path)


def test_a_row_of_far_too_many_cells_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", ("Data", [["name"], ["Ann"]]))
    edited(path, "xl/worksheets/sheet1.xml", b"</row></sh", b"<c/>" * (2 << 20) + b"</row></sh")
    with pytest.raises(RowsError, match=r"a\.xlsx has a row that is too large"):
        read_rows(path)


def test_rows_beyond_the_end_of_a_sheet_are_told(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", ("Data", [["name"], ["Ann"]]))
    edited(path, "xl/worksheets/sheet1.xml", b'<row r="2"', b'<row r="1048577"')
    edited(path, "xl/worksheets/sheet1.xml", b'r="A2"', b'r="A1048577"')
    with pytest.raises(RowsError, match="row 1048577: a sheet can have at most 1,048,576 rows"):
        list(read_rows(path))
