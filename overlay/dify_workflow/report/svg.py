"""The timeline as SVG, light or dark as the viewer is: one picture, or row by row. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cached_property

import attrs

from ..timeline.text import brief, counted, word
from .layout import Layout, Part, Row
from .markup import Attributes, Markup, element, join, style

_WIDTH = 960
_LABEL = 262
"""Where the axis begins."""
_ROOM = 168
"""Width on the right, for the text beside bars."""
_ROW = 26
_INDENT = 16
_HEAD = 42
"""Height of the line above the axis."""
_LETTER = 6.7
"""The approximate width of a letter: this code cannot measure text."""
_LETTERS, _LETTERS_BEHIND = 70, 22
"""The approximate number of letters of notes that fit on the axis, and to the right of it."""

_TONES = {"partial-succeeded": "partial", "exception": "partial"}
"""Statuses that use the colour of another one."""
_SIGNS = {
    "succeeded": "22,52 32,42 44,54 69,29 79,39 44,74",
    "partial": "43,18 57,18 55,60 45,60 45,67 57,67 57,81 43,81 43,67 45,67 45,60",
    "failed": "23,33 33,23 50,40 67,23 77,33 60,50 77,67 67,77 50,60 33,77 23,67 40,50",
    "stopped": "30,30 70,30 70,70 30,70",
    "paused": "30,27 44,27 44,73 56,73 56,27 70,27 70,73 30,73",
    "running": "38,25 76,50 38,75",
    "gap": "43,18 57,18 55,60 45,60 45,67 57,67 57,81 43,81 43,67 45,67 45,60",
    "lost": "25,43 75,43 75,57 25,57",
}
"""The sign in the disc of each tone, as a polygon in a square of 100."""


def tone(status: str) -> str:
    """Return the name of a status's colour. An unknown status has the colour of a lost one."""
    name = _TONES.get(status, status)
    return name if name in _SIGNS else "lost"


def mark(status: str) -> Markup:
    """Return the sign of a status, with its word as the label for screen readers."""
    label = {"class": "mark", "viewBox": "0 0 100 100", "role": "img", "aria-label": word(status)}
    return element("svg", label, *_sign(status))


def summary_of(layout: Layout) -> Iterator[str]:
    """Describe in short how a run ended and what it used."""
    yield word(layout.status)
    yield brief(layout.elapsed)
    yield counted(sum(layout.counts.values()), "node")
    if layout.tokens:
        yield counted(layout.tokens, "token")
    for currency, amount in layout.costs.items():
        yield money(amount, currency)


def money(amount: Decimal, currency: str) -> str:
    """Format an amount with its currency and all its digits."""
    return f"{amount:f} {currency}".strip()


def described(row: Row) -> str:
    """Describe what a row shows beside its title, for screen readers."""
    costs = [money(amount, currency) for currency, amount in row.costs.items()]
    together = ["at the same time as others"] if row.together else []
    return ", ".join([word(row.status), *_notes(row), *costs, *together])


def _notes(row: Row) -> list[str]:
    return [*row.notes, *([counted(row.tokens, "token")] if row.tokens else [])]


@attrs.frozen
class Line:
    """A row and its place in the tree."""

    row: Row
    depth: int = 0
    rails: tuple[int, ...] = ()  # depths of outer rows that ran in parallel with rows below

    @property
    def inside(self) -> Iterator[Line]:
        """The rows inside."""
        continues = self.row.together in {"first", "inner"}
        rails = (*self.rails, self.depth) if continues else self.rails
        return (Line(row, self.depth + 1, rails) for row in self.row.rows)


def lines_of(layout: Layout) -> Iterator[Line]:
    """Return the outermost rows."""
    return (Line(row) for row in layout.rows)


def picture(layout: Layout) -> str:
    """Return the whole timeline as one picture."""
    drawing = Drawing(layout)
    lines = [shown for line in lines_of(layout) for shown in _shown(line)]
    bottom = _ROW * max(len(lines), 1)
    height = _HEAD + _ROW + bottom + (_ROW if layout.bands else _ROW / 2)
    said = "; ".join(f"{line.row.title}: {described(line.row)}" for line in lines)
    paper = {"x": 0.5, "y": 0.5, "width": _WIDTH - 1, "height": height - 1, "rx": 10}
    drawn = element(
        "svg",
        {"xmlns": "http://www.w3.org/2000/svg", **_size(height), "height": height, "role": "img"},
        element("title", {}, f"Workflow run: {', '.join(summary_of(layout))}"),
        element("desc", {}, said),
        Markup(f"<style>{style('picture.css')}</style>"),
        element("rect", {"class": "paper", **paper}),
        _disc(layout.status, 27, 25),
        element(
            "text",
            {"x": 41, "y": 30},
            element("tspan", {"class": "heading"}, "Workflow run"),
            element("tspan", {"class": "soft", "dx": 12}, " · ".join(summary_of(layout))),
        ),
        _at(_HEAD, drawing.axis),
        _at(_HEAD + _ROW, drawing.grid(bottom)),
        *(_at(_HEAD + _ROW * at, drawing.row(line)) for at, line in enumerate(lines, 1)),
        _at(_HEAD + _ROW + bottom, drawing.foot),
    )
    return f"{drawn}\n"


class Drawing:
    """The parts of a timeline. Each is a strip as wide as the picture, and its top is at zero."""

    def __init__(self, layout: Layout) -> None:
        self._bands = layout.bands
        self._ticks = layout.axis.ticks()

    @cached_property
    def axis(self) -> Markup:
        """The times on the axis."""
        texts = [
            _text(tick.text, _x(tick.place), _ROW - 9, "faint mid" if tick.place else "faint")
            for tick in self._ticks
        ]
        return join(*texts)

    @cached_property
    def foot(self) -> Markup:
        """The labels of the times without events, or of the longest if some would overlap."""
        words: list[tuple[float, float]] = []
        shown: list[Markup] = []
        for band in sorted(self._bands, key=lambda band: -band.width):
            left, width, look = _extent(band)
            middle, half = left + width / 2, len(band.text) * _LETTER / 2
            if all(abs(middle - other) > half + room for other, room in words):
                words.append((middle, half))
                text = _text(band.text, middle, 14, "word mid")
                shown.append(element("g", {"class": look}, text))
        return join(*shown)

    def grid(self, height: float) -> Markup:
        """Draw the lines of the ticks, and the times without events."""
        path = "".join(f"M{_x(tick.place):g} 0v{height:g}" for tick in self._ticks)
        bands = [_band(band, height) for band in self._bands]
        return join(element("path", {"class": "tick", "d": path}), *bands)

    def row(self, line: Line) -> Markup:
        """Draw a row: its title, its bar, and the text beside the bar."""
        row, x, middle = line.row, 26 + line.depth * _INDENT, _ROW / 2
        title, kind = _fitting(row, _LABEL - x - 30)
        high = 8 if row.round else 5 if row.rows else 13
        left, end = _x(row.left), _x(row.left + row.width)
        look = " round" if row.round else " outer" if row.rows else ""
        bar = f"bar is-{tone(row.status)}{look}"
        notes = " · ".join(_notes(row))
        place, anchor = max(end, left + 3) + 7, "small"
        room = _LETTERS_BEHIND + (1 - row.left - row.width) * _LETTERS
        if row.left > 1 / 2 and len(notes) > room:
            place, anchor = left - 7, "small end"
        return join(
            *(_bracket("inner", 13 + depth * _INDENT) for depth in line.rails),
            _bracket(row.together, x - 13) if row.together else None,
            _disc(row.status, x + 2, middle),
            _text(title, x + 15, middle + 4, "soft" if row.round else None, whole=row.title),
            _text(kind, _LABEL - 14, middle + 4, "faint end") if kind else None,
            _rect(left, end - left, high, bar),
            *(each for part in row.parts for each in _part(part)),
            _text(notes, place, middle + 4, anchor),
        )

    def strip(self, content: Markup) -> Markup:
        """Wrap a strip as an SVG element of a page."""
        return element("svg", {"class": "strip", **_size(_ROW), "aria-hidden": "true"}, content)

    def row_strip(self, line: Line) -> Markup:
        """Return a row as a strip."""
        return self.strip(join(self._row_grid, self.row(line)))

    @cached_property
    def _row_grid(self) -> Markup:
        return self.grid(_ROW)


def _shown(line: Line) -> Iterator[Line]:
    """Yield a row and the inner rows that are open at first."""
    yield line
    if line.row.is_open:
        for inner in line.inside:
            yield from _shown(inner)


def _fitting(row: Row, room: float) -> tuple[str, str]:
    """Shorten title and kind to the width; the kind is left out first."""
    kind = f"branch {row.branch}" if row.branch else row.kind
    letters = int(room / _LETTER)
    if len(row.title) + len(kind) + 2 > letters:
        kind = ""
    title = row.title if len(row.title) <= letters else f"{row.title[: max(letters - 1, 1)]}…"
    return title, kind


# -------------------------------------------------------------------------------------- shapes


def _size(height: float) -> Attributes:
    return {"width": _WIDTH, "viewBox": f"0 0 {_WIDTH} {height:g}"}


def _x(place: float) -> float:
    return round(_LABEL + place * (_WIDTH - _LABEL - _ROOM), 2)


def _at(y: float, content: Markup) -> Markup:
    return element("g", {"transform": f"translate(0 {y:g})"}, content)


def _text(text: str, x: float, y: float, kind: str | None = None, *, whole: str = "") -> Markup:
    tip = element("title", {}, whole) if whole and whole != text else None
    return element("text", {"class": kind, "x": x, "y": y}, tip, text)


def _rect(x: float, width: float, height: float, kind: str, tip: str = "") -> Markup:
    size = {"width": max(width, 3), "height": height, "rx": min(3, height / 2)}
    shown = element("title", {}, tip) if tip else None
    return element("rect", {"class": kind, "x": x, "y": (_ROW - height) / 2, **size}, shown)


def _part(part: Part) -> Iterator[Markup]:
    left, width = _x(part.left), _x(part.left + part.width) - _x(part.left)
    yield _rect(left, width, 5 if part.kind == "text" else 13, part.kind, part.text)
    if part.kind != "text":
        stripes = f"M{left:g} {_ROW / 2:g}h{max(width, 3):g}"
        yield element("path", {"class": "stripes", "d": stripes})


def _extent(band: Part) -> tuple[float, float, str]:
    left = _x(band.left)
    width = max(_x(band.left + band.width) - left, 2)
    return left, width, f"is-{'gap' if band.kind == 'gap' else 'paused'}"


def _band(band: Part, height: float) -> Markup:
    left, width, look = _extent(band)
    area: Attributes = {"class": "band", "x": left, "width": width, "height": height}
    edges = f"M{left:g} 0v{height:g}M{left + width:g} 0v{height:g}"
    return element(
        "g", {"class": look}, element("rect", area), element("path", {"class": "edge", "d": edges})
    )


def _sign(status: str) -> Sequence[Markup]:
    kind = f"is-{tone(status)}"
    return (
        element("circle", {"class": f"disc {kind}", "cx": 50, "cy": 50, "r": 50}),
        element("polygon", {"class": f"sign {kind}", "points": _SIGNS[tone(status)]}),
    )


def _disc(status: str, x: float, y: float) -> Markup:
    place = f"translate({x - 7:g} {y - 7:g}) scale(0.14)"
    return element("g", {"transform": place}, *_sign(status))


def _bracket(part: str, x: float) -> Markup:
    """Draw a part of the bracket around rows that ran in parallel."""
    middle = _ROW / 2
    path = {
        "first": f"M{x + 6:g} {middle:g}h-3q-3 0 -3 3V{_ROW}",
        "inner": f"M{x:g} 0V{_ROW}",
        "last": f"M{x:g} 0V{middle - 3:g}q0 3 3 3h3",
    }[part]
    return element("path", {"class": "bracket", "d": path})
