"""Where things are shown: data on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from .._inert import inert

_NO_LIMIT = 10_000
"""Columns where there is no terminal: nothing is cut or wrapped in a pipe."""


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at the stream (FORCE_COLOR makes no terminal of a pipe)."""
    return stream.isatty()


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
