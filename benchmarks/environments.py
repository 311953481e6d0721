"""The Python of each contestant: its own if requirements/benchmarks/ has a file for it."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONTESTANTS = Path(__file__).parent / "contestants"
_VENVS = ROOT / "build" / "benchmarks" / "venvs"


def title(contestant: str) -> str:
    """Return the contestant's description, the first line of its file."""
    text = (CONTESTANTS / f"{contestant}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or contestant).splitlines()[0]


@cache
def python(contestant: str) -> str:
    """Return the Python for a contestant, and create its environment if it is missing."""
    requirements = ROOT / "requirements" / "benchmarks" / f"{contestant}.txt"
    if not requirements.exists():
        return sys.executable
    venv = _VENVS / contestant
    executable = venv / "bin" / "python"
    installed = venv / "installed.txt"
    if not installed.exists() or installed.read_bytes() != requirements.read_bytes():
        print(f"Installing {title(contestant)} …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        pip = [str(executable), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--requirement", str(requirements)], check=True)
        installed.write_bytes(requirements.read_bytes())
    return str(executable)
