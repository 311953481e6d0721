"""CSV files as people have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dify_workflow import InvalidRequestError
from dify_workflow.batch import RowsError, check_rows, read_rows, run_batch
from dify_workflow.batch.rows import lines_of
from dify_workflow.emulator import Emulator, Input, workflow

GERMAN = "Name;Größe\nÄnne;1,75\n"
FRENCH = "name,note\nÉloïse,été à Nîmes\nZoé,CRÉÉE\n"
CHINESE = "姓名,备注\n张三,你好，世界\n李四,“测试”\n"


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        (GERMAN, "utf-8", "UTF-8, cells separated by semicolons"),
        (GERMAN, "utf-8-sig", "UTF-8, cells separated by semicolons"),
        (
            GERMAN,
            "cp1252",
            "cp1252 (Western European), as in 'Größe', cells separated by semicolons",
        ),
        (FRENCH, "cp1252", "cp1252 (Western European), as in 'Éloïse', cells separated by commas"),
        (CHINESE, "gbk", "GBK (Chinese), as in '姓名', cells separated by commas"),
        (CHINESE, "utf-8", "UTF-8, cells separated by commas"),
        (GERMAN.replace(";", "\t"), "utf-16", "UTF-16, cells separated by tabs"),
        (GERMAN.replace(";", "\t"), "utf-16-le", "UTF-16, cells separated by tabs"),
        (GERMAN.replace(";", "\t"), "utf-16-be", "UTF-16, cells separated by tabs"),
        ("name\nAnn\n", "ascii", "UTF-8, cells separated by commas"),
        ("name|note\nAnn|a, b\nBob|c; d, e\n", "ascii", "UTF-8, cells separated by |"),
    ],
)
def test_encoding_and_delimiter_are_detected_and_told(
    tmp_path: Path, text: str, encoding: str, said: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(text.encode(encoding))
    rows = read_rows(file)
    assert rows.description == said
    separator = {"semicolons": ";", "tabs": "\t", "|": "|"}.get(said.rpartition(" ")[2], ",")
    header, *lines = [line.split(separator) for line in text.splitlines()]
    assert list(rows) == [dict(zip(header, line, strict=True)) for line in lines]


@pytest.mark.slow
def test_a_late_letter_that_is_not_utf_8_is_found(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"name\n" + b"Ann\n" * 500_000 + "Zoé\n".encode("cp1252"))
    assert list(read_rows(file))[-1] == {"name": "Zoé"}


def test_what_is_given_overrules_what_is_detected(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes("имя|n\nАня|1\n".encode("cp1251"))
    rows = read_rows(file, delimiter="|", encoding="windows-1251")
    assert list(rows) == [{"имя": "Аня", "n": "1"}]
    assert rows.description == "cp1251, cells separated by |"
    file.write_bytes(b"a\tb,c\n1\t2\n")
    assert list(read_rows(file, delimiter="tab")) == [{"a": "1", "b,c": "2"}]
    with pytest.raises(InvalidRequestError, match="There is no encoding 'klingon'"):
        read_rows(file, encoding="klingon")
    with pytest.raises(InvalidRequestError, match="A delimiter must be one character, or tab"):
        read_rows(file, delimiter="::")
    file.write_bytes(b"a\n\xe9\n")
    with pytest.raises(RowsError, match=r"rows\.csv is not UTF-8 .*: give its encoding"):
        list(read_rows(file, encoding="utf-8"))


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;"])
def test_the_first_line_of_excel_says_the_delimiter(tmp_path: Path, first: str) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(f"{first}\r\na,b;n\r\nx;1\r\n", encoding="utf-8", newline="")
    assert list(read_rows(file)) == [{"a,b": "x", "n": "1"}]


def test_in_a_tsv_file_tabs_separate_cells_also_where_commas_could(tmp_path: Path) -> None:
    file = tmp_path / "rows.tsv"
    file.write_text("a,b\tc\n1, 2\t3\n", encoding="utf-8")
    assert list(read_rows(file)) == [{"a,b": "1, 2", "c": "3"}]


def test_a_title_over_the_table_does_not_mislead_and_is_told(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("Customers\n\nname;n\nAnn;1\n", encoding="utf-8")
    assert read_rows(file).description == "UTF-8, cells separated by semicolons"
    with pytest.raises(RowsError, match="row 3: column B has a value but no name in row 1"):
        list(read_rows(file))


def test_lines_may_end_in_carriage_returns_and_cells_have_nul(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"sep=;\rname;n\rAnn\x00;1\rBob;2\r")
    assert list(read_rows(file)) == [{"name": "Ann\x00", "n": "1"}, {"name": "Bob", "n": "2"}]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'name,n\n"a\nb",1\n"Ann,2\nBob,3\n',
            'row 3: a quote (") opens a cell, and no quote closes',
        ),
        ('name,n\n"a\nb",1\n"5" pipe,2\n', 'row 3: there is text after the quote (")'),
        ("PK\x03\x04...", "rows.csv is not CSV. It may be an Excel file: rename it to .xlsx."),
    ],
)
def test_a_file_that_is_no_csv_is_told_in_words_for_people(
    tmp_path: Path, text: str, problem: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RowsError) as caught:
        list(read_rows(file))
    assert problem in str(caught.value)


def test_quoted_delimiters_and_ends_of_lines_do_not_mislead(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b'text;n\r\n"a, b, c\r\n\r\nd, e";1\r\n"x"";""";2\r\n')
    rows = list(lines_of(read_rows(file)))
    assert rows == [{"text": "a, b, c\r\n\r\nd, e", "n": "1"}, {"text": 'x";"', "n": "2"}]
    assert [row.line for row in rows] == [2, 3], "as a spreadsheet counts"


def test_rows_and_columns_without_anything_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"\n,,\n name ,n,,\n\nAnn,1,,\n , ,,\nBob,2\n,,,\nEve,3,,x\n")
    read = list(lines_of(read_rows(file)))
    assert [(row.line, dict(row)) for row in read] == [
        (5, {"name": "Ann", "n": "1"}),
        (7, {"name": "Bob", "n": "2"}),
        (9, {"name": "Eve", "n": "3"}),
    ]
    assert [row.problem for row in read] == [
        None,
        "it has 2 cells under 4 columns: a delimiter is missing, or a line end has no quotes",
        "column D has a value but no name in row 3",
    ]
    with pytest.raises(RowsError, match=r"rows\.csv, row 7: it has 2 cells under 4 columns"):
        list(read_rows(file))


def test_a_column_that_may_be_meant_for_an_input_that_needs_no_value_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "rows.csv"
    with Emulator(sizes) as emulator, emulator.client() as client:
        for header in ("name,sizes,team", "name,size,team"):
            file.write_text(f"{header}\nAnn,1,red\n", encoding="utf-8")
            run_batch(client, read_rows(file), journal=tmp_path / f"{header}.journal")
    assert caplog.messages == ["run_batch: There is no column 'Size': did you mean 'sizes'?"]


@workflow(Input("name"), Input("Size", "number", required=False))
def sizes(_inputs: Any) -> Any:
    yield from ()
    return {}


def test_columns_match_without_regard_to_case_and_outer_spaces(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(" NAME ;size;ID;Team\nAnn;1;a;red\n", encoding="utf-8")
    with Emulator(sizes) as emulator, emulator.client() as client:
        check = check_rows(client, read_rows(file))
        assert check.inputs == {"name": "text-input", "Size": "number"}
        assert (check.unused, check.missing) == (("Team",), ())
        file.write_text("NAME;size;ID\nAnn;1,5;a\nBob;x;a\n", encoding="utf-8")
        with pytest.raises(RowsError) as caught:
            check_rows(client, read_rows(file))
        file.write_text("Name,NAME\nAnn,Bob\n", encoding="utf-8")
        with pytest.raises(RowsError, match="'Name' and 'NAME' could both be name"):
            check_rows(client, read_rows(file))
    assert caught.value.problems == (
        "row 2 (a): Size must be a number, not '1,5' (column 'size')",
        "row 3 (a): the id 'a' occurs twice (the column id identifies the rows)",
    )
    assert str(caught.value).startswith("Rows of rows.csv are invalid; nothing was run:\n  row 2")
