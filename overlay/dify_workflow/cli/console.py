"""The terminal: data goes to stdout, everything else to stderr, and no text can control it."""

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
"""A word that needs no quotes in any shell."""
_NO_LIMIT = 10_000
"""Columns if there is no terminal: nothing is cut or wrapped in a pipe."""


def is_terminal(stream: TextIO | None) -> bool:
    """Whether the stream is a terminal. With FORCE_COLOR, a pipe is still a pipe.

    Args:
        stream: A standard stream; None if it was closed when the program started.
    """
    return stream is not None and stream.isatty()


def can_draw() -> bool:
    """Whether a view can be drawn and updated: stdout and stderr are terminals.

    If stdout were a pipe, its reader could write to the same terminal.
    """
    return is_terminal(sys.stdout) and is_terminal(sys.stderr) and not errors.is_dumb_terminal


def can_ask() -> bool:
    """Whether a person can be asked: questions go to stderr, answers come from stdin."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


class InertConsole(Console):
    """A console whose texts can never control the terminal."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render something; only rich's own control sequences are kept."""
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
    """Write on stderr what is wrong, and what can be done."""
    with suppress(OSError):  # if stderr cannot be written, the exit code still shows the failure
        errors.print(Text("Error: ", style="bold red") + Text(inert(problem)))
        if hint:
            errors.print(Text(inert(hint), style="dim"))


def say(text: str) -> None:
    """Write a message on stderr that is not an error."""
    with suppress(OSError):
        errors.print(Text(inert(text)))


def print_line(text: str) -> None:
    """Print a line on stdout without wrapping it: unchanged, or escaped in a terminal."""
    sys.stdout.write(f"{inert(text) if is_terminal(sys.stdout) else text}\n")


def print_document(text: str) -> None:
    """Print a file's text on stdout: in UTF-8 in any locale, or escaped in a terminal."""
    if is_terminal(sys.stdout):
        sys.stdout.write(inert(text))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())


def print_json_line(value: JSON) -> None:
    """Print a value as a line of JSON, which is safe in a terminal and keeps the value."""
    sys.stdout.write(f"{shown_json(value)}\n")


def shown_json(value: JSON, indent: int | None = None) -> str:
    """A value as JSON that stdout can encode: as ASCII, unless its encoding is a Unicode one."""
    # Characters that the encoding lacks would be written in a way that is invalid in JSON.
    is_ascii = not codecs.lookup(sys.stdout.encoding).name.startswith("utf")
    to_text = inert_json if is_terminal(sys.stdout) else json_text
    return to_text(value, indent, is_ascii=is_ascii)


def cell(text: str) -> str:
    """Text for a table on stdout: on one line, and escaped in a terminal."""
    return inert_line(text) if is_terminal(sys.stdout) else one_line(text)


def value_text(value: JSON) -> str:
    """A value as text: a string unchanged, anything else as JSON."""
    return value if isinstance(value, str) else shown_json(value)


_same_app: Sequence[str] = ()
"""The options that name the app of this command, without a key."""


@contextmanager
def of_same_app(options: Sequence[str]) -> Generator[None, None, None]:
    """Make the commands that are shown use the same app.

    Args:
        options: The options that name the app.
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
    """Words as a line for a shell. On Windows it uses double quotes, because ' does not quote."""
    if not is_windows:
        return shlex.join(words)
    return " ".join(word if _PLAIN.fullmatch(word) else f'"{word}"' for word in words)


@contextmanager
def on_ctrl_c(handle: Callable[[], object]) -> Generator[None, None, None]:
    """Call a function at Ctrl-C. A job in the background still ignores Ctrl-C.

    Args:
        handle: Called between any two steps of the program; it may raise `KeyboardInterrupt`.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda _signal, _frame: handle())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def log_to_stderr() -> None:
    """Write log messages to stderr, unless the calling program has set up logging."""
    handler = logging.StreamHandler()
    handler.setFormatter(InertFormatter("%(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler])
