"""Puts results where readers find them: the pictures, the figures and the table under docs/."""

from __future__ import annotations

from collections.abc import Sequence

from .cases import SYNC
from .chart import layers, ratios
from .environments import ROOT
from .race import Result
from .table import markdown, written

_DOCS = ROOT / "docs"
_PAGE = _DOCS / "performance.md"
_BEGIN, _END = "<!-- results -->\n", "<!-- end of results -->\n"


def publish(results: Sequence[Result]) -> None:
    """Write docs/performance.md anew, and what it shows.

    Args:
        results: Of all cases.
    """
    # The peers decode every event: beside ours stands what it takes when all texts are read, too.
    shown = [
        result
        for result in results
        if result.case.name == "words" or (result.case.name, result.contestant) == ("text", SYNC)
    ]
    _write("performance.svg", ratios(shown))
    _write("performance-layers.svg", layers(results))
    _write("performance.json", written(results))
    head, _, rest = _PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    _write(_PAGE.name, f"{head}{_BEGIN}\n{markdown(results)}\n\n{_END}{tail}")


def _write(name: str, text: str) -> None:
    (_DOCS / name).write_text(text, encoding="utf-8")
