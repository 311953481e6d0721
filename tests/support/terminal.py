"""A program in a pseudo-terminal: what a user sees and types there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Protocol

import pyte
from pyte.screens import Char

from support.waiting import PATIENCE

_LAUNCHER = (
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(int(sys.argv[1]), termios.TIOCSCTTY, 0)\n"
    "os.close(int(sys.argv[1]))\n"
    "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
)
"""Makes the terminal the one whose Ctrl-C the program gets, and becomes the program."""


class Process(Protocol):
    """A process that was started, such as a `subprocess.Popen`."""

    def kill(self) -> None: ...

    def wait(self, timeout: float | None = None) -> int: ...


class Terminal:
    """A terminal with a program in it.

    Args:
        start: Starts the program with the terminal's inner end, and its stdin, stdout and stderr.
        columns: Width of the terminal.
        lines: Height of the terminal.
        streams: Where the program's ``stdin``, ``stdout`` or ``stderr`` goes instead.
    """

    def __init__(
        self,
        start: Callable[[int, list[int]], Process],
        *,
        columns: int = 80,
        lines: int = 24,
        **streams: IO[bytes],
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=10_000)
        self.written = b""
        self._stream = pyte.ByteStream(self.screen)
        self._controller, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        names = ("stdin", "stdout", "stderr")
        self.process = start(
            inside, [streams[name].fileno() if name in streams else inside for name in names]
        )
        os.close(inside)

    @property
    def shown(self) -> str:
        """What stands on the screen."""
        buffer, lines = self.screen.buffer, self.screen.lines
        return "\n".join(_text(buffer[number]) for number in range(lines)).rstrip("\n")

    @property
    def unwrapped(self) -> str:
        """The same, with lines that were too long in one piece."""
        return re.sub(rf"^(.{{{self.screen.columns}}})\n", r"\1", self.shown, flags=re.MULTILINE)

    @property
    def everything(self) -> str:
        """What stands on the screen and what was scrolled out of it."""
        above = [_text(line) for line in self.screen.history.top]
        return "\n".join([*above, self.shown])

    def type(self, keys: str) -> None:
        """Type keys; a line ends with ``\\n``."""
        os.write(self._controller, keys.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.type("\x03")

    def see(self, *what: str | Callable[[str], bool]) -> str:
        """Wait until all of this is to be seen at once; what stands on the screen then.

        Args:
            what: Texts, or what says of a screen whether it is the one.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            shown = self.shown
            if all(part(shown) if callable(part) else part in shown for part in what):
                return shown
            left = deadline - time.monotonic()
            assert left > 0, f"{what!r} was not seen:\n{self.everything}"
            assert self._read(left), f"{what!r} was not seen before the end:\n{self.everything}"

    def end(self) -> int:
        """Wait for the end of the program; its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(max(0.0, deadline - time.monotonic())):
            assert time.monotonic() < deadline, f"it did not end:\n{self.everything}"
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """End the program and the terminal, whatever they are doing."""
        self.process.kill()
        self.process.wait()
        os.close(self._controller)

    def _read(self, timeout: float) -> bool:
        """Take what the program writes; False where it is gone."""
        if not select.select([self._controller], [], [], timeout)[0]:
            return True
        data = b""
        with suppress(OSError):  # Linux says so that nobody has the terminal open any more
            data = os.read(self._controller, 65536)
        self.written += data
        self._stream.feed(data)
        return bool(data)


def _text(line: dict[int, Char]) -> str:
    """What stands on a line, of which most columns may be empty."""
    return "".join(line[column].data for column in range(max(line, default=-1) + 1)).rstrip()


@contextmanager
def terminal(
    start: Callable[[int, list[int]], Process], **options: int | IO[bytes]
) -> Iterator[Terminal]:
    opened = Terminal(start, **options)  # type: ignore[arg-type]  # as its own
    try:
        yield opened
    finally:
        opened.close()


def python(
    arguments: list[str], environment: dict[str, str]
) -> Callable[[int, list[int]], Process]:
    """What starts Python with these arguments in a terminal."""

    def start(inside: int, streams: list[int]) -> Process:
        stdin, stdout, stderr = streams
        return subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _LAUNCHER, str(inside), *arguments],
            env={"TERM": "xterm-256color", **environment},
            start_new_session=True,
            pass_fds=[inside],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )

    return start
