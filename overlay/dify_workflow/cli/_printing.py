"""What commands print on stdout, and commands that are printed."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from .._json import JSON
from .._text import inert, inert_line, json_text
from ._consoles import is_terminal, output


def print_line(text: str) -> None:
    """Print a line on stdout as it is, whatever the width."""
    sys.stdout.write(f"{text}\n")


def show_values(values: Mapping[str, JSON]) -> None:
    """Show values by their names on stdout: wrapped in a terminal, else a line each."""
    if not is_terminal(sys.stdout):
        width = max(map(len, values), default=0)
        for name, value in values.items():
            print_line(f"{inert_line(name):{width}}  {inert_line(_shown(value).plain)}")
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(Text(inert_line(name)), _shown(value, is_wide=output.width < len(str(value))))
    output.print(table)


def command(*words: str) -> str:
    """A command to copy into a shell; its last word is an id, which may begin with a dash."""
    *first, last = map(inert_line, words)
    return shlex.join(["dify-workflow", *first, *(["--"] * last.startswith("-")), last])


def _shown(value: JSON, *, is_wide: bool = False) -> Text:
    if isinstance(value, Text):
        return value
    if isinstance(value, str):
        return Text(inert(value).rstrip("\n"))
    return Text(json_text(value, indent=2 if is_wide else None))
