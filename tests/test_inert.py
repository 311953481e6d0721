"""Text of a server made inert: nothing of it commands a terminal. Pure."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_workflow.timeline.inert import (
    headline,
    inert,
    inert_json,
    inert_line,
    json_text,
    one_line,
)

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\nof lines", "plain\ttext\nof lines"),
        ("line\r\nline", "line\nline"),
        ("over\rwritten", r"over\x0dwritten"),
        ("\x1b]0;owned\x07\x00\x7f", r"\x1b]0;owned\x07\x00\x7f"),
        ("\x9b2J\x85", r"\x9b2J\x85"),
        (BIDI, r"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("漢字 ☃ é \N{FAMILY} 👩\u200d👩 عربي", "漢字 ☃ é \N{FAMILY} 👩\u200d👩 عربي"),
    ],
)
def test_what_would_command_a_terminal_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert inert(text) == shown


def commands(text: str) -> set[str]:
    """Characters that a terminal obeys, by what Unicode says of them."""
    turning = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
    return {
        each
        for each in text
        if (unicodedata.category(each) in {"Cc", "Zl", "Zp"} and each not in "\n\t")
        or unicodedata.bidirectional(each) in turning
        or each in "\u200e\u200f\u061c"
    }


@given(st.text(st.characters() | st.sampled_from(f"\x1b\x9b\r\u2028{BIDI}")))
def test_of_no_text_anything_is_left_that_commands(text: str) -> None:
    assert not commands(inert(text))
    assert not commands(inert_line(text))
    assert "\n" not in inert_line(text)
    assert inert(inert(text)) == inert(text)


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text())), st.sampled_from([None, 2]))
def test_json_for_a_terminal_is_inert_and_the_same_value(
    value: dict[str, object], indent: int | None
) -> None:
    shown = inert_json(value, indent)
    assert not commands(shown)
    assert json.loads(shown) == value


def test_json_elsewhere_has_its_characters_as_they_are() -> None:
    assert json_text({"a": "\x9b\u202e☃"}) == '{"a": "\x9b\u202e☃"}'
    assert json_text({"a": "\x9b☃"}, is_ascii=True) == r'{"a": "\u009b\u2603"}'


def test_a_line_is_one_line() -> None:
    assert inert_line(" a\nb\t\u2028c\x1b ") == r"a b c\x1b"
    assert one_line(" a\nb\tc\x1b ") == "a b c\x1b"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("", ""),
        ("one\ntwo", "one"),
        ("Traceback (most recent call last):\n  File\nValueError: two!\n", "ValueError: two!"),
        ("one\x1b[2J", r"one\x1b[2J"),
    ],
)
def test_the_headline_of_an_error_says_most(message: str, shown: str) -> None:
    assert headline(message) == shown
