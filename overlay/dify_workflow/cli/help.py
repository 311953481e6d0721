"""The help of a command as text: what it does, its options in groups, and examples.

Written here and not by the library of the command line, whose versions wrap and cut differently.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from typing import TYPE_CHECKING, TypeAlias

from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    import click

_WIDEST = 100
"""Columns beyond which lines are hard to read."""
_LONGEST_NAME = 26
"""Columns of an option beyond which its text begins on the next line."""
_EXAMPLES = "Examples:\n"
CONNECTION = "Connection"
"""Heading of the options that say which app is asked."""
_DEFAULT = re.compile(r"default: \((.*)\)\]")
Sections: TypeAlias = dict[str, list[tuple[str, str]]]
"""By heading, names and what they mean."""


class HelpfulCommand(TyperCommand):
    """A command whose help shows groups of options, and examples."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help."""
        formatter.write(help_of(self, ctx))


class HelpfulGroup(TyperGroup):
    """A command with others inside; its help shows them in groups, none of them cut."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help."""
        formatter.write(help_of(self, ctx))


def help_of(command: click.Command, ctx: click.Context) -> str:
    """The whole help of a command."""
    width = _width()
    about, examples = _about(command)
    sections = [*_sections(_commands(command), width), *_sections(_options(command, ctx), width)]
    blocks = [_usage(command, ctx), *(_wrapped(each, width) for each in about), *sections]
    if examples:
        blocks.append("\n".join(["Examples:", *(f"  {line}".rstrip() for line in examples)]))
    return "\n\n".join(blocks) + "\n"


def overview_of(command: click.Command, ctx: click.Context) -> str:
    """What the program can do, on one screen."""
    width = _width()
    (what, *_), _ = _about(command)
    sections = _sections(_commands(command), width)
    more = f"{ctx.command_path} --help tells the options; COMMAND --help has examples."
    return "\n".join([_usage(command, ctx), "", _wrapped(what, width), *sections, "", more]) + "\n"


def _width() -> int:
    return min(shutil.get_terminal_size().columns, _WIDEST) - 1


def _about(command: click.Command) -> tuple[list[str], list[str]]:
    """What a command says of itself: its paragraphs, and the lines of its examples."""
    text, _, examples = (command.help or "").partition(_EXAMPLES)
    return text.strip().split("\n\n"), textwrap.dedent(examples).strip().splitlines()


def _usage(command: click.Command, ctx: click.Context) -> str:
    return " ".join(["Usage:", ctx.command_path, *command.collect_usage_pieces(ctx)])


def _options(command: click.Command, ctx: click.Context) -> Sections:
    """The arguments and options that have something to say; those of all commands come last."""
    sections: Sections = {}
    for param in command.get_params(ctx):
        if record := param.get_help_record(ctx):
            own = getattr(param, "rich_help_panel", None) or "Options"
            heading = "Arguments" if param.param_type_name == "argument" else own
            name, text = record
            sections.setdefault(heading, []).append((name, _DEFAULT.sub(r"default: \1]", text)))
    if shared := sections.pop(CONNECTION, None):
        sections[CONNECTION] = shared
    return sections


def _commands(command: click.Command) -> Sections:
    """The commands inside, each with its first paragraph."""
    sections: Sections = {}
    for name, inner in getattr(command, "commands", {}).items():
        (what, *_), _ = _about(inner)
        heading = getattr(inner, "rich_help_panel", None) or "Commands"
        sections.setdefault(heading, []).append((name, " ".join(what.split())))
    return sections


def _sections(sections: Sections, width: int) -> list[str]:
    """Names and what they mean in two columns, below their headings."""
    names = [len(name) for records in sections.values() for name, _ in records]
    column = max((size for size in names if size <= _LONGEST_NAME), default=0)
    shown: list[str] = []
    for heading, records in sections.items():
        lines = [f"{heading}:"]
        for name, text in records:
            wrapped = textwrap.wrap(text, width - column - 4) or [""]
            beside = wrapped.pop(0) if len(name) <= column else ""
            lines.append(f"  {name:{column}}  {beside}".rstrip())
            lines += [f"{'':{column + 4}}{line}" for line in wrapped]
        shown.append("\n".join(lines))
    return shown


def _wrapped(paragraph: str, width: int) -> str:
    return textwrap.fill(" ".join(paragraph.split()), width)
