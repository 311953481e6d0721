"""Writes the help of every command into docs/cli.md; with ``--check``, compares it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from typer.testing import CliRunner

from dify_workflow.cli import app

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
PROGRAM = "dify-workflow"
_BLOCK = re.compile(r"^```text\n\$ dify-workflow(.*?) --help\n.*?^```$", re.MULTILINE | re.DOTALL)


def main(*, is_check: bool) -> int:
    """Write the page, or compare it, and return the exit code."""
    page = PAGE.read_text(encoding="utf-8")
    if missing := set(_commands()) - {block[1].strip() for block in _BLOCK.finditer(page)}:
        print(f"{PAGE.name} has no block for the help of: {', '.join(sorted(missing))}")
        return 1
    written = _BLOCK.sub(lambda block: _block(block[1].split()), page)
    if not is_check:
        PAGE.write_text(written, encoding="utf-8")
    elif written != page:
        print(f"{PAGE.name} differs from the program's help; run `make cli-page`")
        return 1
    return 0


def _commands() -> Iterator[str]:
    """Return every command of the program; an empty one for the program itself."""
    yield ""
    program = typer.main.get_command(app)
    for name, command in getattr(program, "commands", {}).items():
        yield name
        yield from (f"{name} {inner}" for inner in getattr(command, "commands", ()))


def _block(command: list[str]) -> str:
    """Return the help of a command, for a terminal of 80 columns."""
    arguments = [*command, "--help"]
    columns = {"COLUMNS": "80"}
    shown = CliRunner().invoke(
        app, arguments, prog_name=PROGRAM, env=columns, catch_exceptions=False
    )
    return f"```text\n$ {' '.join([PROGRAM, *arguments])}\n{shown.output.strip()}\n```"


if __name__ == "__main__":
    sys.exit(main(is_check="--check" in sys.argv))
