"""The main job on the embedded server, through the command line: run, look up, list.

Starts ``dify-workflow emulate`` as a process of its own on a free port and stops it at the end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

COMMAND = [sys.executable, "-m", "dify_workflow"]
KEY = "app-story"


def main() -> int:
    """Run the demo; the exit code of the first command that fails, else 0."""
    with emulator() as base_url:
        environment = {**os.environ, "DIFY_BASE_URL": base_url, "DIFY_API_KEY": KEY}

        def show(*arguments: str) -> int:
            print(f"\n$ dify-workflow {' '.join(arguments)}", flush=True)
            return subprocess.run([*COMMAND, *arguments], env=environment, check=False).returncode

        listed = [*COMMAND, "logs", "--limit", "1", "--jsonl"]
        code = show("run", "--input", "topic=boxes")
        done = subprocess.run(listed, env=environment, check=True, capture_output=True)
        newest = done.stdout
        run_id = json.loads(newest)["workflow_run"]["id"]
        return code or show("info", run_id) or show("logs", "--limit", "5")


@contextmanager
def emulator() -> Iterator[str]:
    """An emulator in a process of its own; its base URL."""
    process = subprocess.Popen(
        [*COMMAND, "emulate"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
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
