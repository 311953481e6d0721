"""The linter of prose: where it looks, and what it says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts import prose


def faults(suffix: str, source: str) -> list[tuple[int, str]]:
    rules = prose.Rules()
    return [
        (first + line, fault)
        for first, text in prose.READERS[suffix](source)
        for line, fault in rules.faults(text)
    ]


@pytest.mark.parametrize(
    ("suffix", "source", "line"),
    [
        (".md", "Title\n\nIt starts\nanew.\n", 4),
        (".md", "| a | it starts anew |\n", 1),
        (".py", '"""A module.\n\nIt starts anew.\n"""\n', 3),
        (".py", "def f():\n    raise ValueError('It starts anew now.')\n", 2),
        (".py", "def f(x):\n    raise ValueError(f'The {x} starts anew.')\n", 2),
        (".py", "x = 1  # it starts anew\n", 1),
        (".py", "# It\n# starts\n# anew\n", 3),
        (".yaml", "a:\n  description: >-\n    One.\n    It starts anew.\n", 4),
        (".yaml", "a: 1  # it starts anew\n", 1),
    ],
)
def test_a_word_is_found_with_its_line_and_what_to_write_instead(
    suffix: str, source: str, line: int
) -> None:
    assert faults(suffix, source) == [(line, "“anew”: write again")]


@pytest.mark.parametrize(
    ("suffix", "source"),
    [
        (".md", "Text.\n\n```python\nanew = 1\n```\n\n`anew` and [a page](anew.md).\n"),
        (".py", '"""A module.\n\nExample::\n\n    starts(anew)\n    again()\n"""\n'),
        (".py", 'def f(anew):\n    """Do it.\n\n    Args:\n        anew: An argument.\n    """\n'),
        (".py", "anew = mend('anew')\n"),
    ],
)
def test_code_is_not_prose(suffix: str, source: str) -> None:
    assert faults(suffix, source) == []


def test_a_long_sentence_is_found_and_a_list_of_short_ones_is_not() -> None:
    words = "word " * 31
    assert faults(".md", f"Short.\n\n{words}end.\n") == [
        (3, "“word word word word word …”: 32 words; write at most 30")
    ]
    assert faults(".md", "- some words\n" * 31) == []


@pytest.mark.parametrize("first", ["Held by tests.", "It works. Shown: a test."])
def test_a_sentence_that_begins_with_its_verb_is_found(first: str) -> None:
    assert len(faults(".md", first)) == 1


def test_the_program_fails_where_there_are_faults(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (prose.ROOT / "scripts").mkdir()
    (prose.ROOT / "scripts" / "prose.toml").write_text(
        'longest_sentence = 30\nnot_prose = []\n[words]\n"mend" = "fix"\n'
    )
    (prose.ROOT / "page.md").write_text("We mend it.\n")
    assert prose.main(["page.md"]) == 1
    assert capsys.readouterr().out == "page.md:1: “mend”: write fix\n"
    (prose.ROOT / "page.md").write_text("We fix it.\n")
    assert prose.main(["page.md"]) == 0
