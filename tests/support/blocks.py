"""The code blocks of Markdown files, as programs."""

from __future__ import annotations

import re
from pathlib import Path

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY_PYTHON = re.compile(r"^ *```+ *(?:python|py|pycon)\b(.*)$", re.MULTILINE)
_FILE = re.compile(r'^```\w+ title="([^"\n]*)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
LOCAL_SERVER = "http://127.0.0.1:8000/v1"
"""The base URL in examples, which stands for the emulator's."""


def blocks(path: Path) -> list[str]:
    """The Python programs of a page."""
    return _BLOCK.findall(path.read_text(encoding="utf-8"))


def files(path: Path) -> list[tuple[str, str]]:
    """The files that a page shows: the name in the title of each, and the text."""
    return _FILE.findall(path.read_text(encoding="utf-8"))


def unusual(path: Path) -> list[str]:
    """The openings of Python blocks that are neither a program nor a file."""
    named = {f' title="{name}"' for name, _ in files(path)}
    found: list[str] = _ANY_PYTHON.findall(path.read_text(encoding="utf-8"))
    return [opening for opening in found if opening and opening not in named]
