"""The help of the commands: it fits, nothing of it is cut, and it says how to begin."""

from __future__ import annotations

import os
import pty
import struct
import subprocess
import termios
from collections.abc import Iterator
from fcntl import ioctl

import pytest
import typer

from dify_workflow.cli import app
from support.cli import COMMAND, call, environment


def commands() -> Iterator[tuple[str, ...]]:
    """Every command that has none inside."""
    program = typer.main.get_command(app)
    for name, command in program.commands.items():  # type: ignore[attr-defined]
        inside = getattr(command, "commands", None)
        yield from ((name, inner) for inner in inside) if inside else ((name,),)


def test_alone_it_fits_a_screen_and_names_every_command() -> None:
    inside, outside = pty.openpty()
    ioctl(outside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    done = subprocess.run(
        COMMAND, stdin=outside, stdout=outside, stderr=outside, env=environment("", ""), check=True
    )
    os.close(outside)
    lines = os.read(inside, 100_000).decode().splitlines()
    os.close(inside)
    assert done.returncode == 0
    assert len(lines) < 24
    assert max(map(len, lines)) < 80
    listed = {line.split()[0] for line in lines if line.startswith("  ")}
    assert {name for name, *_ in commands()} <= listed


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("command", [(), ("form",), ("profile",), *commands()])
def test_every_page_fits_the_terminal_and_cuts_nothing(
    command: tuple[str, ...], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    done = call(*command, "--help", base_url="")
    text, _, examples = done.out.partition("Examples:\n")
    assert done.code == 0
    assert "..." not in text.replace("[ARGS]...", "")
    assert max(map(len, text.splitlines())) < max(columns, 64)
    if columns == 80:
        assert max(map(len, done.out.splitlines())) < 80
    shown = examples.splitlines()
    assert shown
    assert all(line.startswith("  ") for line in shown)
    assert any(f"dify-workflow {' '.join(command)}".strip() in line for line in shown)


def words(text: str) -> set[str]:
    """Each part of a compound counts: a line may end at a hyphen."""
    return set(text.replace("-", " ").split())


@pytest.mark.parametrize("command", [(), ("form",), ("profile",), *commands()])
def test_in_80_columns_the_help_breaks_no_word(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    wide = call(*command, "--help", base_url="").out
    monkeypatch.setenv("COLUMNS", "80")
    assert words(call(*command, "--help", base_url="").out) == words(wide)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "-i", "name=Ann"),
        ("run", "--inputs", "a-file-that-is-not-there-and-has-a-rather-long-name.json"),
        ("run", "--profile", "none", "-i", "name=Ann"),
        ("run", "--deadline", "soon"),
        ("run", "--no-such-option-for-this-command-of-the-program", "and-its-value"),
        ("info", "not-an-id"),
        ("stop", "6f1c2b34-0f5e-4d56-9f7a-0a5b7b1f2c3d"),
        ("logs", "--after", "yesterday-at-noon"),
        ("logs", "--limit", "100000"),
        ("batch", "rows-that-are-not-there.csv"),
        ("report", "events-that-are-not-there.jsonl"),
        ("types", "--output", "types.py", "--from-dsl", "an-export-that-is-not-there.yml"),
        ("no-such-command",),
    ],
    ids=" ".join,
)
def test_in_80_columns_an_error_breaks_no_word(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    wide = call(*arguments, base_url="http://127.0.0.1:9/v1")
    monkeypatch.setenv("COLUMNS", "80")
    narrow = call(*arguments, base_url="http://127.0.0.1:9/v1")
    assert wide.code
    assert words(narrow.said) == words(wide.said)


def test_options_stand_in_groups_those_of_all_commands_last() -> None:
    lines = call("run", "--help", base_url="").out.splitlines()
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Inputs:", "Options:", "Output:", "Connection:", "Examples:"]
    connection = lines[lines.index("Connection:") : lines.index("Examples:")]
    assert [line.split()[0] for line in connection if line.startswith("  -")] == [
        "--profile",
        "--api-key",
        "--base-url",
        "--timeout",
        "-v,",
    ]


def test_the_help_and_the_page_have_the_same_exit_codes() -> None:
    text = " ".join(call("--help", base_url="").out.split())
    for code in ("0 the run", "1 The run", "2 Wrong", "3 The API", "4 The run", "5 The outcome"):
        assert code in text
    assert "70 A bug" in text
    assert "130 Interrupted" in text


@pytest.mark.parametrize(
    ("typed", "meant"), [(("profiles",), "profile"), (("form", "sumbit"), "submit")]
)
def test_what_a_wrong_command_may_have_meant_is_said_once(
    typed: tuple[str, ...], meant: str
) -> None:
    done = call(*typed, base_url="")
    assert done.code == 2
    assert done.err.count(f"Did you mean '{meant}'?") == 1
    assert done.err.count("Did you mean") == 1
