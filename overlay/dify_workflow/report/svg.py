"""The timeline alone, as an SVG picture that is light or dark as its viewer is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .._text import counted
from .layout import Layout
from .markup import Attributes, Markup, element, style
from .rows import Part, Row
from .status import SHAPES, tone, word
from .values import brief

_STYLE = "picture.css"
_WIDTH = 960
_LABEL = 262
"""Where the axis begins."""
_ROOM = 168
"""Room on the right, for what stands beside bars."""
_ROW = 26
_TOP = 68
_INDENT = 16
_EM = 6.7
"""Width of a letter, about: pictures cannot measure text."""


def picture(layout: Layout) -> str:
    """The whole picture.

    Args:
        layout: The run.
    """
    rows = list(_lines(layout.rows, 0))
    bottom = _TOP + _ROW * max(len(rows), 1)
    height = bottom + (26 if layout.bands else 12)
    summary = ", ".join(_summary(layout))
    size: Attributes = {"width": _WIDTH, "height": height, "viewBox": f"0 0 {_WIDTH} {height}"}
    drawn = element(
        "svg",
        {"xmlns": "http://www.w3.org/2000/svg", **size, "role": "img"},
        element("title", {}, f"Workflow run: {summary}"),
        element("desc", {}, "; ".join(_told(row) for row, _ in rows)),
        Markup(f"<style>{style(_STYLE)}</style>"),
        element("defs", {}, _stripes("attempt", "failed"), _stripes("wait", "paused")),
        element(
            "rect",
            {
                "class": "paper",
                "x": 0.5,
                "y": 0.5,
                "width": _WIDTH - 1,
                "height": height - 1,
                "rx": 10,
            },
        ),
        *_head(layout),
        *_grid(layout, bottom),
        *(part for at, (row, depth) in enumerate(rows) for part in _row(row, depth, at)),
    )
    return f"{drawn}\n"


def _lines(rows: Sequence[Row], depth: int) -> Iterator[tuple[Row, int]]:
    """The rows that are shown; what a closed one has inside, its notes count."""
    for row in rows:
        yield row, depth
        if row.is_open:
            yield from _lines(row.rows, depth + 1)


def _summary(layout: Layout) -> Iterator[str]:
    yield word(layout.status)
    yield brief(layout.elapsed)
    yield counted(sum(layout.counts.values()), "node")
    if layout.tokens:
        yield counted(layout.tokens, "token")
    for currency, amount in layout.costs.items():
        yield f"{amount:f} {currency}".strip()


def _told(row: Row) -> str:
    together = ", at the same time as others" if row.together else ""
    return f"{row.title}: {word(row.status)}, {', '.join(row.notes)}{together}"


def _head(layout: Layout) -> Iterator[Markup]:
    yield _disc(layout.status, 27, 25)
    facts = element("tspan", {"class": "soft", "dx": 12}, " · ".join(_summary(layout)))
    title = element("tspan", {"class": "head"}, "Workflow run")
    yield element("text", {"x": 41, "y": 30}, title, facts)


def _grid(layout: Layout, bottom: float) -> Iterator[Markup]:
    for tick in layout.axis.ticks():
        x = _x(tick.place)
        yield _line(x, _TOP - 4, bottom, "tick")
        yield _text(tick.text, x, _TOP - 9, "faint mid" if tick.place else "faint")
    for band in layout.bands:
        x, width = _x(band.left), max(_x(band.left + band.width) - _x(band.left), 2)
        parts = [
            _rect(x, _TOP - 4, width, bottom - _TOP + 4, "band", radius=0),
            _line(x, _TOP - 4, bottom, "edge"),
            _line(x + width, _TOP - 4, bottom, "edge"),
            _text(band.text, x + width / 2, bottom + 14, "word mid"),
        ]
        kind = "gap" if band.kind == "gap" else "paused"
        yield element("g", {"class": f"is-{kind}"}, *parts)


def _row(row: Row, depth: int, at: int) -> Iterator[Markup]:
    middle = _TOP + _ROW * at + _ROW / 2
    x = 26 + depth * _INDENT
    if row.together:
        inside = sum(1 for _ in _lines(row.rows, 0)) if row.is_open else 0
        yield _bracket(row.together, x - 13, middle, inside)
    yield _disc(row.status, x + 2, middle)
    title, kind = _fitting(row, _LABEL - x - 30)
    yield _text(title, x + 15, middle + 4, "soft" if row.round else None)
    if kind:
        yield _text(kind, _LABEL - 14, middle + 4, "faint end")
    high = 8 if row.round else 5 if row.rows else 13
    left, end = _x(row.left), _x(row.left + row.width)
    look = " round" if row.round else " inside" if row.rows else ""
    yield _rect(left, middle - high / 2, end - left, high, f"bar is-{tone(row.status)}{look}")
    yield from _parts(row.parts, middle)
    notes = " · ".join([*row.notes, *([counted(row.tokens, "token")] if row.tokens else [])])
    is_before = row.stands_before(notes)
    place, anchor = (left - 7, "small end") if is_before else (max(end, left + 3) + 7, "small")
    yield _text(notes, place, middle + 4, anchor)


def _parts(parts: Sequence[Part], middle: float) -> Iterator[Markup]:
    for part in parts:
        high = 5 if part.kind == "text" else 13
        width = _x(part.left + part.width) - _x(part.left)
        yield _rect(_x(part.left), middle - high / 2, width, high, part.kind)


def _fitting(row: Row, room: float) -> tuple[str, str]:
    """Title and kind as far as there is room for them; the title comes first."""
    kind = f"branch {row.branch}" if row.branch else row.kind
    letters = int(room / _EM)
    if len(row.title) + len(kind) + 2 > letters:
        kind = ""
    title = row.title if len(row.title) <= letters else f"{row.title[: max(letters - 1, 1)]}…"
    return title, kind


# -------------------------------------------------------------------------------------- the shapes


def _x(place: float) -> float:
    return round(_LABEL + place * (_WIDTH - _LABEL - _ROOM), 2)


def _text(text: str, x: float, y: float, kind: str | None = None) -> Markup:
    return element("text", {"class": kind, "x": x, "y": y}, text)


def _rect(x: float, y: float, width: float, height: float, kind: str, *, radius: int = 3) -> Markup:
    size = {"x": x, "y": y, "width": max(width, 3), "height": height, "rx": min(radius, height / 2)}
    return element("rect", {"class": kind, **size})


def _line(x: float, top: float, bottom: float, kind: str) -> Markup:
    return element("line", {"class": kind, "x1": x, "x2": x, "y1": top, "y2": bottom})


def _disc(status: str, x: float, y: float) -> Markup:
    kind = f"is-{tone(status)}"
    return element(
        "g",
        {"transform": f"translate({x - 7:g} {y - 7:g}) scale(0.14)", "class": kind},
        element("circle", {"class": f"disc {kind}", "cx": 50, "cy": 50, "r": 50}),
        element("polygon", {"class": f"sign {kind}", "points": SHAPES[tone(status)]}),
    )


def _bracket(place: str, x: float, middle: float, inside: int) -> Markup:
    """The part of a bracket around rows that ran at the same time.

    Args:
        place: Which part.
        x: Where it is.
        middle: The middle of the row.
        inside: How many rows inside this one are shown below it.
    """
    top, bottom = middle - _ROW / 2, middle + _ROW / 2 + _ROW * inside
    path = {
        "first": f"M{x + 6:g} {middle:g}h-3q-3 0 -3 3V{bottom:g}",
        "inner": f"M{x:g} {top:g}V{bottom:g}",
        "last": f"M{x:g} {top:g}V{middle - 3:g}q0 3 3 3h3",
    }[place]
    return element("path", {"class": "bracket", "d": path})


def _stripes(name: str, colour: str) -> Markup:
    size: Attributes = {"width": 7, "height": 7, "patternUnits": "userSpaceOnUse"}
    return element(
        "pattern",
        {"id": name, **size, "patternTransform": "rotate(45)", "class": f"is-{colour}"},
        element("rect", {"class": "fill", "width": 7, "height": 7}),
        element("rect", {"class": "pale", "width": 2.5, "height": 7}),
    )
