"""The results as pictures: SVG that follows the reader's light or dark colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from .environments import title
from .race import Result

_WIDTH = 760
_LABELS = 330
_BARS = 350
_ROW = 30
_TOP = 64
_STYLE = """
  .ground { fill: #ffffff; stroke: #d0d7de }
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
  .head { font-size: 15px; font-weight: 600 }
  .note { font-size: 12px; fill: #59636e }
  .strong { font-weight: 600 }
  .end { text-anchor: end }
  .line { stroke: #59636e; stroke-width: 1 }
  .one { stroke: #59636e; stroke-dasharray: 3 3 }
  .c0 { fill: #b4bcc6 } .c1 { fill: #1f6feb }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #30363d }
    text { fill: #e6edf3 }
    .value { stroke: #0d1117 }
    .note { fill: #9198a1 }
    .line, .one { stroke: #9198a1 }
    .c0 { fill: #545d68 } .c1 { fill: #4493f8 }
  }
"""


def ratios(results: Sequence[Result]) -> str:
    """Draw a bar for each contestant of a case: its time as a multiple of bare httpx.

    Args:
        results: The results of the case.
    """
    shown = sorted(results, key=lambda result: result.median)
    scale = _BARS / max(max(result.ratios) for result in shown)
    rows = [_ratio_row(result, _TOP + number * _ROW, scale) for number, result in enumerate(shown)]
    one = _LABELS + scale
    height = _TOP + len(rows) * _ROW + 34
    line = f'<line class="one" x1="{one:.1f}" x2="{one:.1f}" y1="{_TOP - 6}" y2="{height - 28}"/>'
    note = "time, as a multiple of bare httpx; bar: median, line: fastest and slowest round"
    return _picture(height, results[0].case.title, note, [line, *rows])


def _ratio_row(result: Result, top: int, scale: float) -> str:
    is_ours = result.has_target
    width, low, high = (
        ratio * scale for ratio in (result.median, min(result.ratios), max(result.ratios))
    )
    middle = top + 10
    label = title(result.contestant).partition(":")[0]
    return (
        f'<text class="end{" strong" if is_ours else ""}" x="{_LABELS - 10}" y="{top + 14}">'
        f"{escape(label)}</text>"
        f'<rect class="{"c1" if is_ours else "c0"}" x="{_LABELS}" y="{top}" '
        f'width="{width:.1f}" height="20" rx="3"/>'
        f'<line class="line" x1="{_LABELS + low:.1f}" x2="{_LABELS + high:.1f}" '
        f'y1="{middle}" y2="{middle}"/>'
        f'<text class="value{" strong" if is_ours else ""}" x="{_LABELS + high + 8:.1f}" '
        f'y="{top + 14}">{result.median:.2f}</text>'
    )


def _picture(height: int, head: str, note: str, shapes: Iterable[str]) -> str:
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    edges = f'x=".5" y=".5" width="{_WIDTH - 1}" height="{height - 1}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(head)}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" {edges} rx="8"/>',
        f'<text class="head" x="24" y="28">{escape(head)}</text>',
        f'<text class="note" x="24" y="46">{escape(note)}</text>',
        *shapes,
        "</svg>\n",
    ]
    return "\n".join(lines)
