"""Writes the help of every command into docs/cli.md, where its blocks stand."""

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


def main() -> None:
    """Write the page anew."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def written(page: str) -> str:
    """The page with the help of the program as it is."""
    return _BLOCK.sub(lambda block: _block(block[1].split()), page)


def described(page: str) -> list[str]:
    """The commands whose help stands in the page."""
    return [block[1].strip() for block in _BLOCK.finditer(page)]


def commands() -> Iterator[str]:
    """Every command of the program; an empty one for the program itself."""
    yield ""
    program = typer.main.get_command(app)
    for name, command in program.commands.items():  # type: ignore[attr-defined]  # a group
        yield name
        yield from (f"{name} {inner}" for inner in getattr(command, "commands", ()))


def _block(command: list[str]) -> str:
    shown = CliRunner().invoke(
        app, [*command, "--help"], prog_name=PROGRAM, catch_exceptions=False
    )
    called = " ".join([PROGRAM, *command])
    return f"```text\n$ {called} --help\n{shown.output.strip()}\n```"


if __name__ == "__main__":
    sys.exit(main())
