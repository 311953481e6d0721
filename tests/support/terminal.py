"""A program in a pseudo-terminal: what a person sees there, and what they type."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

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


class Terminal:
    """A terminal with a Python program in it.

    Args:
        arguments: Arguments of the Python interpreter.
        environment: Environment of the program.
        columns: Width of the terminal.
        lines: Height of the terminal.
        streams: Where the program's ``stdin``, ``stdout`` or ``stderr`` goes instead.
    """

    def __init__(
        self,
        arguments: list[str],
        environment: dict[str, str],
        *,
        columns: int = 80,
        lines: int = 24,
        **streams: IO[bytes] | int,
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=10_000)
        self.written = b""
        self._stream = pyte.ByteStream(self.screen)
        self._controller, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _LAUNCHER, str(inside), *arguments],
            env={"TERM": "xterm-256color", **environment},
            start_new_session=True,
            pass_fds=[inside],
            **{"stdin": inside, "stdout": inside, "stderr": inside, **streams},  # type: ignore[call-overload]  # names of streams
        )
        os.close(inside)

    @property
    def shown(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip("\n")

    @property
    def unwrapped(self) -> str:
        """The same, with lines that were too long in one piece."""
        return re.sub(rf"^(.{{{self.screen.columns}}})\n", r"\1", self.shown, flags=re.MULTILINE)

    @property
    def everything(self) -> str:
        """What stands on the screen and what was scrolled out of it."""
        above = [_text(line, self.screen.columns) for line in self.screen.history.top]
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
        while not all(part(self.shown) if callable(part) else part in self.shown for part in what):
            left = deadline - time.monotonic()
            assert left > 0, f"{what!r} was not seen:\n{self.everything}"
            assert self._read(left), f"{what!r} was not seen before the end:\n{self.everything}"
        return self.shown

    def end(self) -> int:
        """Wait for the end of the program; its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(max(0.0, deadline - time.monotonic())):
            assert time.monotonic() < deadline, f"it did not end:\n{self.everything}"
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """End the program and the terminal, whatever they are doing."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
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


def _text(line: dict[int, Char], columns: int) -> str:
    return "".join(line[column].data for column in range(columns)).rstrip()


@contextmanager
def terminal(
    arguments: list[str], environment: dict[str, str], **options: int | IO[bytes]
) -> Iterator[Terminal]:
    opened = Terminal(arguments, environment, **options)  # type: ignore[arg-type]  # as its own
    try:
        yield opened
    finally:
        opened.close()
