"""The code blocks of Markdown files, as programs."""

from __future__ import annotations

import re
from pathlib import Path

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY_PYTHON = re.compile(r"^ *```+ *(?:python|py|pycon)\b(.*)\n(.*)$", re.MULTILINE)
_INCLUDED = re.compile(r'--8<-- "(.*)"')
LOCAL_SERVER = "http://127.0.0.1:8000/v1"
"""The base URL in examples, which stands for the emulator's."""


def blocks(path: Path) -> list[str]:
    """The Python programs of a page."""
    return _BLOCK.findall(path.read_text(encoding="utf-8"))


def included(path: Path) -> list[str]:
    """The files that a page shows in place of a program."""
    return _INCLUDED.findall(path.read_text(encoding="utf-8"))


def unusual(path: Path) -> list[str]:
    """The openings of Python blocks that are neither a program nor one included file."""
    found = _ANY_PYTHON.findall(path.read_text(encoding="utf-8"))
    return [rest or line for rest, line in found if rest and not _INCLUDED.fullmatch(line)]
