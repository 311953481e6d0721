"""The Python code blocks of Markdown files, as programs."""

from __future__ import annotations

import re
from pathlib import Path

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LOCAL_SERVER = "http://127.0.0.1:8000/v1"
"""The base URL in examples, which stands for the emulator's."""


def blocks(path: Path) -> list[str]:
    return _BLOCK.findall(path.read_text(encoding="utf-8"))
