"""A day of a workflow on the embedded server, through the command line.

It is run, waits for a person, is answered and goes on; then the log is shown. Starts
``dify-workflow emulate`` as a process of its own on a free port and stops it at the end.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "dify_workflow"]
KEY = "app-report"
PAUSED = 4


def main() -> int:
    """Run the demo; the exit code of the first command that ends otherwise than it should."""
    with emulator() as base_url:
        environment = {**os.environ, "DIFY_BASE_URL": base_url, "DIFY_API_KEY": KEY}

        def show(*arguments: str) -> int:
            print(f"\n$ dify-workflow {shlex.join(arguments)}", flush=True)
            return subprocess.run([*COMMAND, *arguments], env=environment, check=False).returncode

        def ask(*arguments: str) -> Any:
            done = subprocess.run(
                [*COMMAND, *arguments], env=environment, check=False, stdout=subprocess.PIPE
            )
            return json.loads(done.stdout)

        code = show("run", "-i", "topic=boxes")
        if code != PAUSED:
            return code or 1
        run_id = ask("logs", "--limit", "1", "--jsonl")["workflow_run"]["id"]
        token = ask("resume", "--json", run_id)["paused"]["forms"][0]["token"]
        answer = ("--action", "publish", "-i", "note=Well done.")
        return (
            show("form", "submit", *answer, "--", token)
            or show("resume", run_id)
            or show("logs", "--limit", "5")
        )


@contextmanager
def emulator() -> Iterator[str]:
    """An emulator in a process of its own; its base URL."""
    process = subprocess.Popen(
        [*COMMAND, "emulate", "demo_workflows:report"],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        name, _, base_url = process.stdout.readline().strip().partition("=")
        assert name == "DIFY_BASE_URL", "the emulator did not start"
        yield base_url
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
