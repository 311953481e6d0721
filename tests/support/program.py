"""The command line in processes of its own, which share imported modules."""

from __future__ import annotations

import atexit
import fcntl
import os
import runpy
import signal
import sys
import termios
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Self

from support.forks import PROCESSES, ensure_running

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


class _Handed:
    """A file descriptor that is handed to another process, where it is a number again."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[object, ...]:
        return _received, (DupFd(self._number),)


def _received(handle: DupFd) -> int:  # type: ignore[valid-type]  # a function that makes one
    return handle.detach()  # type: ignore[attr-defined, no-any-return]


class Program:
    """``python -m dify_workflow`` with these arguments.

    Args:
        arguments: Its arguments.
        environment: Its environment.
        streams: File descriptors of its stdin, stdout and stderr; None for one that is closed.
        terminal: The terminal whose Ctrl-C it gets, if any.
        cwd: Where it runs; by default here.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        streams: Sequence[int | None],
        *,
        terminal: int | None = None,
        cwd: Path | None = None,
    ) -> None:
        handed = [None if stream is None else _Handed(stream) for stream in streams]
        controlling = None if terminal is None else _Handed(terminal)
        ensure_running()
        self._process = PROCESSES.Process(
            target=_run,
            args=(arguments, environment, handed, controlling, cwd or Path.cwd()),
            daemon=True,  # ends with the tests
        )
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal to it, unless it has ended."""
        if self._process.exitcode is None:
            assert self._process.pid is not None
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; its exit code."""
        self._process.join(timeout)
        assert self._process.exitcode is not None, "it did not end"
        return self._process.exitcode


class PipedProgram(Program):
    """The same with pipes behind its stdout and stderr, and nothing behind its stdin.

    Args:
        arguments: Its arguments.
        environment: Its environment.
        cwd: Where it runs; by default here.
        closed: Names of standard streams that are closed.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        cwd: Path | None = None,
        closed: Container[str] = (),
    ) -> None:
        read_out, out = os.pipe()
        read_errors, errors = os.pipe()
        self.stdout = os.fdopen(read_out)
        self.stderr = os.fdopen(read_errors)
        given = {"stdin": os.open(os.devnull, os.O_RDONLY), "stdout": out, "stderr": errors}
        streams = [None if name in closed else number for name, number in given.items()]
        super().__init__(arguments, environment, streams, cwd=cwd)
        for number in given.values():
            os.close(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.stderr.close()
        self._process.join()

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it still writes on stdout and stderr, to its end."""
        with self, ThreadPoolExecutor() as pool:
            reading = [pool.submit(file.read) for file in (self.stdout, self.stderr)]
            if wait(reading, timeout).not_done:
                self.kill()
            out, errors = (each.result() for each in reading)
        return out, errors


def _run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    streams: Sequence[int | None],
    terminal: int | None,
    cwd: Path,
) -> None:
    """Become the program, as a new interpreter would."""
    os.setsid()
    for number, stream in enumerate(streams):
        if stream is None:
            os.close(number)
        else:
            os.dup2(stream, number)
            os.close(stream)
    if terminal is not None:
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        os.close(terminal)
    encoding = environment.get("PYTHONIOENCODING")
    for number, (name, mode) in enumerate(_MODES.items()):
        file = None
        if streams[number] is not None:
            file = os.fdopen(number, mode, encoding=encoding, closefd=False)
        if file is not None and name == "stderr":
            file.reconfigure(errors="backslashreplace", line_buffering=True)
        setattr(sys, name, file)
        setattr(sys, f"__{name}__", file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["dify-workflow", *arguments]
    try:
        runpy.run_module("dify_workflow", run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
