"""Runs the tools of the development environment, even if it is not activated."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ._spec import ROOT


def run(*command: str) -> None:
    """Run a tool that is installed beside this Python, as the generator runs its formatter."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "PATH": path})
