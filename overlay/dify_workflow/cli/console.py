"""The terminal: data goes to stdout, everything else to stderr, and no text commands it."""

from __future__ import annotations

import codecs
import logging
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from .._json import JSON
from .._log_output import InertFormatter
from ..timeline.inert import inert, inert_json, inert_line, json_text, one_line

_PLAIN = re.compile(r"[\w@+=:./\\-]+")
"""A word that every shell takes as it is."""
_NO_LIMIT = 10_000
"""Columns where there is no terminal: nothing is cut or wrapped in a pipe."""


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at the stream (FORCE_COLOR makes no terminal of a pipe).

    Args:
        stream: A standard stream; None where it was closed when the program started.
    """
    return stream is not None and stream.isatty()


def can_draw() -> bool:
    """Whether a view can be drawn and drawn over: no pipe is involved, no log line comes between.

    Were stdout a pipe, what reads it might write to the same terminal.
    """
    return is_terminal(sys.stdout) and is_terminal(sys.stderr) and not errors.is_dumb_terminal


def can_ask() -> bool:
    """Whether a person can be asked: questions are shown on stderr, answers read from stdin."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


class InertConsole(Console):
    """A console whose texts never command the terminal, whichever way they came to it."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render something; only rich's own control sequences are left as they are."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(inert(text), style)


def _output() -> Console:
    if is_terminal(sys.stdout):
        return InertConsole(highlight=False)
    return Console(highlight=False, width=_NO_LIMIT)


output = _output()
errors = InertConsole(stderr=True, highlight=False, soft_wrap=True)


def complain(problem: str, hint: str = "") -> None:
    """Say on stderr what is wrong, and what can be done."""
    with suppress(OSError):  # where nobody can be told, the exit code still says it
        errors.print(Text("Error: ", style="bold red") + Text(inert(problem)))
        if hint:
            errors.print(Text(inert(hint), style="dim"))


def say(text: str) -> None:
    """Say something on stderr that is no error."""
    with suppress(OSError):
        errors.print(Text(inert(text)))


def print_line(text: str) -> None:
    """Print a line on stdout, whatever the width: as it is, or inert in a terminal."""
    sys.stdout.write(f"{inert(text) if is_terminal(sys.stdout) else text}\n")


def print_document(text: str) -> None:
    """Print on stdout what would else be a file: in UTF-8 whatever the locale; inert for people."""
    if is_terminal(sys.stdout):
        sys.stdout.write(inert(text))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())


def print_json_line(value: JSON) -> None:
    """Print a value as a line of JSON, which is safe in a terminal and the same value anywhere."""
    sys.stdout.write(f"{shown_json(value)}\n")


def shown_json(value: JSON, indent: int | None = None) -> str:
    """A value as JSON that stdout can hold: as ASCII, where its encoding is none of Unicode."""
    # What an encoding lacks would be written in a way that is no JSON.
    is_ascii = not codecs.lookup(sys.stdout.encoding).name.startswith("utf")
    to_text = inert_json if is_terminal(sys.stdout) else json_text
    return to_text(value, indent, is_ascii=is_ascii)


def cell(text: str) -> str:
    """Text as it stands in a table on stdout: on one line, and inert in a terminal."""
    return inert_line(text) if is_terminal(sys.stdout) else one_line(text)


def value_text(value: JSON) -> str:
    """A value as text: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else shown_json(value)


_same_app: Sequence[str] = ()
"""The options that say which app this command asks, without a key."""


@contextmanager
def of_same_app(options: Sequence[str]) -> Generator[None, None, None]:
    """Let the commands that are shown ask the same app.

    Args:
        options: The options that say which one.
    """
    global _same_app  # noqa: PLW0603  # of the one command that runs
    before, _same_app = _same_app, options
    try:
        yield
    finally:
        _same_app = before


def command(*words: str) -> str:
    """A command to copy into a shell; its last word is an id, which may begin with a dash."""
    *first, last = map(inert_line, (*_same_app, *words))
    return quoted(["dify-workflow", *first, *(["--"] * last.startswith("-")), last])


def quoted(words: Iterable[str], *, is_windows: bool = os.name == "nt") -> str:
    """Words as a line for a shell: of Windows, in which ' is no quote, or another one."""
    if not is_windows:
        return shlex.join(words)
    return " ".join(word if _PLAIN.fullmatch(word) else f'"{word}"' for word in words)


@contextmanager
def on_ctrl_c(handle: Callable[[], object]) -> Generator[None, None, None]:
    """Let Ctrl-C call something; a job in the background ignores Ctrl-C, and goes on to.

    Args:
        handle: Is called between any two steps of the program; it may raise `KeyboardInterrupt`.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda _signal, _frame: handle())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def log_to_stderr() -> None:
    """Write what is logged on stderr, unless the program that calls has set logging up itself."""
    handler = logging.StreamHandler()
    handler.setFormatter(InertFormatter("%(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler])
