"""The help of a command as text: what it does, its options in groups, and examples.

It is not made by typer, because versions of typer and click wrap and cut text differently.
"""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeAlias,
    get_args,
    get_origin,
    get_type_hints,
)

from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    import click

_WIDEST = 100
"""Maximum number of columns: longer lines are hard to read."""
_LONGEST_NAME = 26
"""The text of an option whose name has more columns begins on the next line."""
_EXAMPLES = "Examples:\n"
_BARE_INPUT = re.compile(r"unexpected extra arguments? \(([\w-]+)=")
"""An argument such as ``name=x``, which is the form of inputs in httpie."""
CONNECTION = "Connection"
"""Heading of the options that set app and server."""
Sections: TypeAlias = dict[str, list[tuple[str, str]]]
"""By heading: names and their meanings."""


class HelpfulCommand(TyperCommand):
    """A command whose help shows groups of options, and examples."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse arguments; for NAME=VALUE without -i, the error says how inputs are given."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            raised: Any = error
            given = _BARE_INPUT.search(str(getattr(raised, "message", "")))
            if given and any("-i" in param.opts for param in self.params):
                raised.message += f". Inputs are given with -i, such as -i {given[1]}=VALUE."
            raise

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help."""
        formatter.write(help_of(self, ctx))


class HelpfulGroup(TyperGroup):
    """A command with subcommands; its help shows them in groups, with their full first sentence."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help."""
        formatter.write(help_of(self, ctx))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find a command; for a wrong name, the error has one suggestion.

        typer up to 0.25 adds it to the message, and click from 8.4 on adds it again.
        """
        try:
            return super().resolve_command(ctx, args)
        except Exception as error:
            raised: Any = error
            if getattr(raised, "possibilities", None):  # click adds these to the message later
                raised.message = raised.message.partition(" Did you mean ")[0]
            raise


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
    more = f"{ctx.command_path} --help shows the options; COMMAND --help has examples."
    return "\n".join([_usage(command, ctx), "", _wrapped(what, width), *sections, "", more]) + "\n"


def _width() -> int:
    return min(shutil.get_terminal_size().columns, _WIDEST) - 1


def _about(command: click.Command) -> tuple[list[str], list[str]]:
    """The description of a command: its paragraphs, and the lines of its examples."""
    text, _, examples = (command.help or "").partition(_EXAMPLES)
    return text.strip().split("\n\n"), textwrap.dedent(examples).strip().splitlines()


def _nothing() -> None:
    """The callback of a group without options."""


def _usage(command: click.Command, ctx: click.Context) -> str:
    arguments = [
        _name(param) if param.required or _name(param).startswith("[") else f"[{_name(param)}]"
        for param in command.params
        if param.param_type_name == "argument"
    ]
    inside = ["COMMAND [ARGS]..."] if hasattr(command, "commands") else []
    return " ".join(["Usage:", ctx.command_path, "[OPTIONS]", *arguments, *inside])


def _options(command: click.Command, ctx: click.Context) -> Sections:
    """The arguments and options, by heading; options that all commands have come last."""
    sections: Sections = {}
    hints = get_type_hints(inspect.unwrap(command.callback or _nothing), include_extras=True)
    for param in command.get_params(ctx):
        hint = hints.get(param.name)
        if param.param_type_name == "argument":
            text = _help_of_argument(hint)
            heading = "Arguments"
        else:
            text = _meaning(param)
            heading = getattr(param, "rich_help_panel", None) or "Options"
        if text:
            sections.setdefault(heading, []).append((_name(param, hint), text))
    if shared := sections.pop(CONNECTION, None):
        sections[CONNECTION] = shared
    return sections


def _help_of_argument(hint: Any) -> str:
    """The help in the annotation: with click 8.5 and newer, typer up to 0.25 loses it."""
    return next((info.help for info in getattr(hint, "__metadata__", ()) if info.help), "")


def _name(param: Any, hint: Any = None) -> str:
    """The name of an argument, or of an option with its value."""
    if param.param_type_name == "argument":
        return str(param.metavar or param.name.upper())
    names = ", ".join(sorted(param.opts, key=len))
    if param.is_flag:
        return names
    return f"{names} {param.metavar or f'[{_choices(hint)}]'}"


def _choices(hint: Any) -> str:
    """The texts of a Literal anywhere in an annotation."""
    if get_origin(hint) is Literal:
        return "|".join(get_args(hint))
    return "".join(map(_choices, get_args(hint)))


def _meaning(param: Any) -> str:
    """The help of an argument or option, its environment variable, and its default."""
    facts = [f"or {param.envvar}"] if isinstance(param.envvar, str) else []
    if isinstance(param.show_default, str):
        facts.append(f"default: {param.show_default}")
    elif param.show_default and param.default is not None and not getattr(param, "is_flag", False):
        facts.append(f"default: {param.default}")
    return f"{param.help or ''}  [{'; '.join(facts)}]".strip() if facts else param.help or ""


def _commands(command: click.Command) -> Sections:
    """The subcommands, each with its first paragraph."""
    sections: Sections = {}
    for name, inner in getattr(command, "commands", {}).items():
        (what, *_), _ = _about(inner)
        heading = getattr(inner, "rich_help_panel", None) or "Commands"
        sections.setdefault(heading, []).append((name, " ".join(what.split())))
    return sections


def _sections(sections: Sections, width: int) -> list[str]:
    """Names and their meanings in two columns, below their headings."""
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
    r"""A paragraph in lines of this width; lines after a ``\b`` are kept."""
    mark, _, lines = paragraph.partition("\n")
    if mark == r"\b":
        return textwrap.indent(lines, "  ")
    return textwrap.fill(" ".join(paragraph.split()), width)
