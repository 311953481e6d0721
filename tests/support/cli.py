"""The command line as a process: in pipes, or in a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import AbstractContextManager
from typing import Any

from support.terminal import Terminal, terminal

MODULE = ["-m", "dify_workflow"]
KEY = "app-S3cr3t"
"""A key that no output may show."""


class Result:
    """What a command left behind; it never shows a traceback or a key."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr
        assert "Traceback" not in self.err, self.err
        assert KEY not in self.out + self.err

    @property
    def said(self) -> str:
        """What stands on stderr, on one line."""
        return " ".join(self.err.split())


def environment(base_url: str, key: str, **others: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    return {**inherited, "DIFY_BASE_URL": base_url, "DIFY_API_KEY": key, **others}


def invoke(
    *arguments: str,
    base_url: str = "",
    key: str = "app-echo",
    stdin: str | None = None,
    **options: Any,
) -> Result:
    """Run a command in pipes, to its end."""
    return Result(
        subprocess.run(
            [sys.executable, *MODULE, *arguments],
            env=environment(base_url, key),
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            **options,
        )
    )


def started(*arguments: str, base_url: str, key: str = "app-echo") -> subprocess.Popen[str]:
    """Start a command in pipes."""
    return subprocess.Popen(
        [sys.executable, *MODULE, *arguments],
        env=environment(base_url, key),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def in_terminal(
    *arguments: str,
    base_url: str,
    key: str = "app-echo",
    variables: dict[str, str] | None = None,
    **options: Any,
) -> AbstractContextManager[Terminal]:
    """Start a command in a terminal."""
    names = environment(base_url, key, **(variables or {}))
    return terminal([*MODULE, *arguments], names, **options)
