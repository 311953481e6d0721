"""The CSV that is written can be read by every CSV reader."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_workflow.output import CSVWriter, without_formula

cells = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\r\n",;\t \x00'))


@given(st.lists(st.lists(cells, min_size=1, max_size=4), max_size=5))
def test_cells_are_read_as_they_were_written(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    writer = CSVWriter(file)
    for row in rows:
        writer.row(row)
    read = csv.reader(io.StringIO(file.getvalue(), newline=""), strict=True)
    assert list(read) == rows


def test_lines_end_in_a_line_feed() -> None:
    file = io.StringIO(newline="")
    CSVWriter(file).row(["a", "b\r\nc\r", 1, 1.5, None])
    assert file.getvalue() == 'a,"b\r\nc\r",1,1.5,\n'


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\ta", "\ra", "\na", "="])
def test_a_text_that_would_be_a_formula_gets_a_quote(text: str) -> None:
    assert without_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", " =1", "'=1", "1-1"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert without_formula(text) == text
