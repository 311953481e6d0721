"""What commands print on stdout, and commands that are printed."""

from __future__ import annotations

import codecs
import shlex
import sys
from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from .._inert import inert, inert_json, inert_line, json_text, one_line
from .._json import JSON, JSONObject, is_object
from .console import is_terminal, output


def print_line(text: str) -> None:
    """Print a line on stdout, whatever the width: as it is, or inert in a terminal."""
    sys.stdout.write(f"{inert(text) if is_terminal(sys.stdout) else text}\n")


def print_json_line(value: JSON) -> None:
    """Print a value as a line of JSON, which is safe in a terminal and the same value anywhere."""
    if is_terminal(sys.stdout):
        text = inert_json(value)
    else:  # in another encoding, what it lacks would be written in a way that is no JSON
        is_unicode = codecs.lookup(sys.stdout.encoding).name.startswith("utf")
        text = json_text(value, is_ascii=not is_unicode)
    sys.stdout.write(f"{text}\n")


def cell(text: str) -> str:
    """Text as it stands in a table on stdout: on one line, and inert in a terminal."""
    return inert_line(text) if is_terminal(sys.stdout) else one_line(text)


def show_values(values: Mapping[str, JSON]) -> None:
    """Show values by their names on stdout: wrapped in a terminal, else a line each."""
    if not is_terminal(sys.stdout):
        width = max(map(len, values), default=0)
        for name, value in values.items():
            print_line(f"{one_line(name):{width}}  {one_line(_plain(value))}")
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(Text(inert_line(name)), _shown(value))
    output.print(table)


def by_name(outputs: JSON) -> JSONObject:
    """The outputs of a run by their names; a server may send something else than an object."""
    return outputs if is_object(outputs) else {"outputs": outputs}


def command(*words: str) -> str:
    """A command to copy into a shell; its last word is an id, which may begin with a dash."""
    *first, last = map(inert_line, words)
    return shlex.join(["dify-workflow", *first, *(["--"] * last.startswith("-")), last])


def _plain(value: JSON) -> str:
    if isinstance(value, Text):
        return value.plain
    return value if isinstance(value, str) else json_text(value)


def _shown(value: JSON) -> Text:
    if isinstance(value, Text):
        return value
    if isinstance(value, str):
        return Text(inert(value).rstrip("\n"))
    is_wide = output.width < len(str(value))
    return Text(inert_json(value, indent=2 if is_wide else None))
