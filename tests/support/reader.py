"""A reader of a page, who enters its commands in a shell and saves its programs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Self

from support.waiting import PATIENCE

_BLOCK = re.compile(r"^( *)```(sh|python|text)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SAVE_AS = re.compile(r"[Ss]ave this as `([^`]+)`")
_SHOWS = re.compile(r"\n\n[^\n]+:\n\n")
"""What stands between a block and what comes out of it: a sentence such as "It prints:"."""

_PORT = re.compile(r"--port (\d+)")
_LISTENS = re.compile(r"http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Step:
    """What a page has its reader do.

    Args:
        command: What is typed.
        program: What is saved before, as the file that the command runs.
        shown: What the page says comes out, where it does.
    """

    command: str
    program: str | None = None
    shown: str | None = None


def steps(page: str) -> Iterator[Step]:
    """The steps of a page, in their order.

    Args:
        page: Text of the page.
    """
    found = list(_BLOCK.finditer(page))
    above = [0, *(block.end() for block in found)]
    for i, block in enumerate(found):
        indent, language, text = block.groups()
        if language == "text":
            continue
        made = (
            _commands(text, indent)
            if language == "sh"
            else [_saved(page[above[i] : block.start()], text)]
        )
        after = found[i + 1] if i + 1 < len(found) else None
        if after and after[2] == "text" and _SHOWS.fullmatch(page, block.end(), after.start()):
            made[-1] = replace(made[-1], shown=after[3])
        yield from made


def _commands(text: str, indent: str) -> list[Step]:
    """The commands of a block; one that goes on in the next line is one."""
    lines = "\n".join(line.removeprefix(indent) for line in text.splitlines())
    return [Step(line) for line in re.split(r"(?<!\\)\n", lines) if line]


def _saved(prose: str, program: str) -> Step:
    """A program, under the name that the text above gives it."""
    name = (_SAVE_AS.findall(prose) or ["program.py"])[-1]
    return Step(f"python {name}", program)


class Reader:
    """Someone with a shell in a folder, in which what is typed stays in force.

    Servers are started in terminals of their own, on free ports, which then stand in place of the
    page's.

    Args:
        folder: Where the shell starts.
        environment: Its variables.
        instead: Texts that stand in place of those of the page.
    """

    def __init__(
        self, folder: Path, environment: dict[str, str], instead: dict[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._instead = dict(instead or {})
        self._servers = ExitStack()
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        self.type("set -o pipefail")
        return self

    def __exit__(self, *_: object) -> None:
        with self._shell:
            self._servers.close()
            os.killpg(self._shell.pid, signal.SIGKILL)

    def follow(self, step: Step) -> str:
        """Do what a page says, and look whether it is as it says; what came out."""
        if step.program is not None:
            name = step.command.removeprefix("python ")
            (self._folder / name).write_text(self._here(step.program), encoding="utf-8")
        if _PORT.search(step.command):
            self.serve(step.command)
            return ""
        output = self.type(step.command)
        assert step.shown in {None, output}, f"{step.command}\n{output}"
        return output

    def type(self, command: str) -> str:
        """Type a command, which must succeed; what came out."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        end = uuid.uuid4().hex
        self._shell.stdin.write(f"{{ {self._here(command)}\n}} </dev/null\necho {end}$?\n")
        self._shell.stdin.flush()
        output = ""
        for line in self._shell.stdout:
            said, is_end, code = line.partition(end)
            output += said
            if is_end:
                assert code == "0\n", f"{command}\n{output}"
                return output
        raise AssertionError(f"The shell is gone after {command}\n{output}")

    def serve(self, command: str) -> None:
        """Start a server in another terminal, with the variables of this one, until the end."""
        variables = dict(each.split("=", 1) for each in self.type("env -0").split("\0") if each)
        command = self._here(command)
        port = _PORT.search(command)
        assert port is not None
        free = command.replace(port[0], "--port 0")
        actual = self._servers.enter_context(_serving(free, self._folder, variables))
        self._instead[f"127.0.0.1:{port[1]}"] = f"127.0.0.1:{actual}"

    def _here(self, text: str) -> str:
        for theirs, ours in self._instead.items():
            text = text.replace(theirs, ours)
        return text


@contextmanager
def _serving(command: str, folder: Path, variables: dict[str, str]) -> Iterator[str]:
    """A server that listens, until Ctrl-C; its port."""
    server = subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-c", command],
        cwd=folder,
        env={**variables, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with server, ThreadPoolExecutor(1) as aside:
        assert server.stdout is not None
        try:
            port = _port_of(server.stdout)
            aside.submit(server.stdout.read)  # lest it waits for someone to read what it says
            yield port
        finally:
            os.killpg(server.pid, signal.SIGINT)
            try:
                server.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                raise
    assert server.returncode == 0, f"Ctrl-C ended it with {server.returncode}: {command}"


def _port_of(output: IO[str]) -> str:
    """The port of a server that has said how to end it, which is what servers say last."""
    said = ""
    for line in output:
        said += line
        if re.search("ctrl.c", line, re.IGNORECASE):
            return _LISTENS.findall(said)[-1]
    raise AssertionError(f"It does not serve: {said}")
