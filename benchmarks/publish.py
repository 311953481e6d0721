"""Publishes results under docs/: the pictures, the figures and the table."""

from __future__ import annotations

from collections.abc import Sequence

from .chart import ratios
from .environments import ROOT
from .race import Result
from .table import markdown, streams, written

_DOCS = ROOT / "docs"
_PAGE = _DOCS / "performance.md"


def publish(results: Sequence[Result]) -> None:
    """Write docs/performance.md, and its pictures and figures.

    Args:
        results: The results of all cases.
    """
    for case, name in (("live", "performance.svg"), ("words", "performance-burst.svg")):
        _write(name, ratios([result for result in results if result.case.name == case]))
    _write("performance.json", written(results))
    page = _PAGE.read_text(encoding="utf-8")
    for name, table in (("streams", streams(results)), ("results", markdown(results))):
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        head, _, rest = page.partition(begin)
        _, _, tail = rest.partition(end)
        page = f"{head}{begin}\n{table}\n\n{end}{tail}"
    _write(_PAGE.name, page)


def _write(name: str, text: str) -> None:
    (_DOCS / name).write_text(text, encoding="utf-8")
