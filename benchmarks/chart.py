"""The results as pictures: SVG that follows the reader's light or dark colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from .cases import BARE, SYNC
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
  .c0 { fill: #b4bcc6 } .c1 { fill: #1f6feb } .c2 { fill: #8250df } .c3 { fill: #bf8700 }
  .c4 { fill: #1a7f5a }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #30363d }
    text { fill: #e6edf3 }
    .value { stroke: #0d1117 }
    .note { fill: #9198a1 }
    .line, .one { stroke: #9198a1 }
    .c0 { fill: #545d68 } .c1 { fill: #4493f8 } .c2 { fill: #ab7df8 } .c3 { fill: #d29922 }
    .c4 { fill: #3fb98a }
  }
"""


class Part(NamedTuple):
    """A part of a stacked bar.

    Args:
        name: What it stands for.
        size: In microseconds an event.
    """

    name: str
    size: float


def ratios(results: Sequence[Result]) -> str:
    """A bar for each contestant of a case: its time as a multiple of bare httpx.

    Args:
        results: Of the case, and of the one that reads texts; layers of this client are left out.
    """
    shown = sorted(
        (result for result in results if not result.contestant.startswith("layer_")),
        key=lambda result: result.median,
    )
    scale = _BARS / max(max(result.ratios) for result in shown)
    rows = [_ratio_row(result, _TOP + number * _ROW, scale) for number, result in enumerate(shown)]
    one = _LABELS + scale
    height = _TOP + len(rows) * _ROW + 34
    line = f'<line class="one" x1="{one:.1f}" x2="{one:.1f}" y1="{_TOP - 6}" y2="{height - 28}"/>'
    note = "time, as a multiple of bare httpx; bar: median, line: fastest and slowest round"
    return _picture(height, results[0].case.title, note, [line, *rows])


def _ratio_row(result: Result, top: int, scale: float) -> str:
    is_ours = result.contestant == SYNC
    width, low, high = (
        ratio * scale for ratio in (result.median, min(result.ratios), max(result.ratios))
    )
    middle = top + 10
    label = title(result.contestant).partition(":")[0].partition(", ")[0]
    if result.case.name == "text":
        label += ", texts read"
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


def layers(results: Iterable[Result]) -> str:
    """Where the time of an event goes, as stacked bars: measured by cutting the client short.

    Args:
        results: Of the cases ``words``, ``text`` and ``blocks``.
    """
    ratio = {(result.case.name, result.contestant): result.median for result in results}
    one = {result.case.name: result.microseconds for result in results if result.contestant == BARE}
    # Ratios are of one round each; times of two cases would differ by how busy the machine was.
    costs = {
        (case, name): value * one[case] for (case, name), value in ratio.items() if case in one
    }
    model = (ratio["text", SYNC] - ratio["words", SYNC]) * one["words"]
    bars = {
        "an HTTP chunk each": _parts(costs, "words"),
        "the same, reading event.data.text": [
            *_parts(costs, "words"),
            Part("JSON and model", max(0.0, model)),
        ],
        "HTTP chunks of 64 kB": _parts(costs, "blocks"),
    }
    scale = _BARS / max(sum(part.size for part in parts) for parts in bars.values())
    shapes = [
        shape
        for number, (name, parts) in enumerate(bars.items())
        for shape in _stack(name, parts, _TOP + number * _ROW, scale)
    ]
    bottom = _TOP + len(bars) * _ROW + 22
    shapes += _legend([part.name for part in bars["the same, reading event.data.text"]], bottom)
    note = "microseconds for a text chunk of 300 bytes, by part"
    return _picture(bottom + 26, "Where the time of an event goes", note, shapes)


def _parts(costs: dict[tuple[str, str], float], case: str) -> list[Part]:
    """What each layer adds to those below it."""
    names = {
        "layer_transport": "transport (httpx)",
        "layer_sse": "server-sent events",
        SYNC: "typed events",
    }
    parts: list[Part] = []
    below = 0.0
    for contestant, name in names.items():
        parts.append(Part(name, max(0.0, costs[case, contestant] - below)))
        below = max(below, costs[case, contestant])
    return parts


def _stack(name: str, parts: Sequence[Part], top: int, scale: float) -> Iterator[str]:
    yield f'<text class="end" x="{_LABELS - 10}" y="{top + 14}">{escape(name)}</text>'
    left = float(_LABELS)
    for number, part in enumerate(parts):
        width = part.size * scale
        yield (
            f'<rect class="c{number}" x="{left:.1f}" y="{top}" width="{width:.1f}" height="20">'
            f"<title>{escape(part.name)}: {part.size:.2f} µs</title></rect>"
        )
        left += width
    total = sum(part.size for part in parts)
    yield f'<text x="{left + 8:.1f}" y="{top + 14}">{total:.1f}</text>'


def _legend(names: Sequence[str], top: int) -> Iterator[str]:
    left = 24
    for number, name in enumerate(names):
        yield f'<rect class="c{number}" x="{left}" y="{top - 10}" width="12" height="12" rx="2"/>'
        yield f'<text class="note" x="{left + 18}" y="{top}">{escape(name)}</text>'
        left += 46 + 7 * len(name)


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
