"""A report as one HTML file that needs nothing else: no script, no font, no image. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .._text import counted
from .._version import __version__
from .details import details_of
from .layout import Layout
from .markup import Markup, element, join, percent, style
from .rows import Part, Row
from .status import LEGEND, mark, tone, word
from .values import block, brief, moment, value_sections, value_text

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Nothing is loaded and no script runs, whatever a value should contain."""
_MANY = 8
"""Rows from which on there is a switch to see only those with problems."""
_CHUNK = 100
"""Rows that a list has at most."""
_WATCHED = "Bars follow the server's clock and when its events arrived."
_READ = (
    "Bars follow the server's clock, which tells whole seconds, its durations, and the order of "
    "events; they may be off by part of a second."
)
_EDGE = 0.1
"""How near to an end of the axis a text beside it would leave the panel."""
_SHORT = 2000
"""Characters up to which the run's own values are open at first."""


def page(layout: Layout) -> str:
    """The whole document.

    Args:
        layout: The run.
    """
    run = layout.timeline
    title = " ".join(["Run", *([run.run_id[:8]] if run.run_id else []), word(layout.status)])
    head = join(
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        Markup(f'<meta name="generator" content="dify-workflow {__version__}">'),
        element("title", {}, title),
        Markup(f"<style>{style('page.css')}</style>"),
    )
    body = join(
        element("main", {}, _summary(layout), _timeline(layout), *_of_the_run(layout)),
        element("footer", {}, *_footer(layout)),
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


# ------------------------------------------------------------------------------------ the summary


def _summary(layout: Layout) -> Markup:
    run = layout.timeline
    look = {"class": f"status is-{tone(layout.status)}"}
    heading = element(
        "h1",
        {},
        "Workflow run ",
        element("span", look, mark(layout.status), word(layout.status)),
    )
    facts = element("dl", {"class": "facts"}, *_pairs(_facts(layout)))
    ids = element("dl", {"class": "facts ids"}, *_pairs(_ids(layout)))
    error = block(run.error, "error") if run.error else None
    return element("header", {"class": "summary"}, heading, error, *_warnings(layout), facts, ids)


def _facts(layout: Layout) -> Iterator[tuple[str, str]]:
    if layout.began is not None:
        yield "Started", moment(layout.began)
    yield "Duration" if layout.timeline.end else "Seen for", brief(layout.elapsed)
    nodes = sum(layout.counts.values())
    yield "Nodes", f"{nodes:,}"
    if layout.tokens:
        yield "Tokens", f"{layout.tokens:,}"
    for currency, amount in layout.costs.items():
        yield "Cost" if len(layout.costs) == 1 else f"Cost in {currency}", money(amount, currency)
    if layout.retries:
        yield "Retries", f"{layout.retries:,}"


def _ids(layout: Layout) -> Iterator[tuple[str, str]]:
    run = layout.timeline
    ids = {"Run": run.run_id, "Task": run.task_id, "Workflow": run.workflow_id}
    yield from ((name, each) for name, each in ids.items() if each)


def money(amount: object, currency: str) -> str:
    """An amount with its currency; no digit is lost."""
    return f"{amount:f} {currency}".strip()


def _pairs(facts: Iterable[tuple[str, str]]) -> Iterator[Markup]:
    for name, text in facts:
        yield element("div", {}, element("dt", {}, name), element("dd", {}, text))


def _warnings(layout: Layout) -> Iterator[Markup]:
    run = layout.timeline
    for gap in run.gaps:
        lost = brief(max((gap.end.time if gap.end else layout.axis.end) - gap.begin.time, 0.0))
        after = brief(max(gap.begin.time - layout.axis.begin, 0.0))
        what = "text, and what iterations and loops told, may be missing"
        if gap is run.gaps[-1] and run.is_lost:
            text = f"The stream was lost after {after}, and how the run went on is not known here"
        else:
            text = f"The stream was lost after {after} and taken up {lost} later: {what}"
        reason = f". {gap.reason}" if gap.reason else "."
        yield element("p", {"class": "note is-gap", "role": "note"}, mark("gap"), f"{text}{reason}")
    if unread := run.events["unreadable"]:
        what = "A message" if unread == 1 else f"{unread:,} messages"
        text = f"{what} of the stream could not be read; the other events below have what came."
        yield element("p", {"class": "note is-gap", "role": "note"}, mark("gap"), text)
    if run.status == "running" and not run.is_lost:
        text = "The run was going on when this report was made."
        yield element("p", {"class": "note", "role": "note"}, text)
    if run.status == "paused":
        text = "The run waits for a person; it may have gone on since."
        yield element("p", {"class": "note is-paused", "role": "note"}, mark("paused"), text)


# ------------------------------------------------------------------------------------ the timeline


def _timeline(layout: Layout) -> Markup:
    if not layout.rows:
        content: Markup = element("p", {"class": "none"}, "No node was seen.")
        return element("section", {"class": "panel"}, element("h2", {}, "Timeline"), content)
    columns = [name for name, is_there in _columns(layout) if is_there]
    width = " ".join("4.5rem" if name == "Tokens" else "6.5rem" for name in columns)
    plot = element(
        "div",
        {"class": "plot", "style": f"--columns: {width}" if columns else None},
        _axis(layout, columns),
        _guides(layout),
        element("div", {"class": "rows"}, *_lists(layout.rows, columns, 0)),
    )
    problems = sum(1 for row in layout.rows if row.has_problem)
    many = sum(1 + row.size for row in layout.rows) >= _MANY
    switch = _switch() if problems and many else None
    head = element("div", {"class": "head"}, element("h2", {}, "Timeline"), _legend(layout), switch)
    return element("section", {"class": "panel timeline", "aria-label": "Timeline"}, head, plot)


def _columns(layout: Layout) -> Iterator[tuple[str, bool]]:
    yield "Tokens", bool(layout.tokens)
    only = next(iter(layout.costs)) if len(layout.costs) == 1 else ""
    yield f"Cost, {only}" if only else "Cost", bool(layout.costs)


def _legend(layout: Layout) -> Markup:
    """How many nodes there are of each status, which says too what the colours mean."""
    known = sorted(layout.counts.items(), key=lambda pair: _RANK.get(pair[0], len(_RANK)))
    items = [
        element("li", {}, mark(status), f"{count:,} {word(status)}") for status, count in known
    ]
    return element("ul", {"class": "legend"}, *items)


_RANK = {status: rank for rank, status in enumerate(LEGEND)}


def _switch() -> Markup:
    box = Markup('<input type="checkbox" id="problems">')
    return element("label", {"class": "switch"}, box, "Only failures and retries")


def _axis(layout: Layout, columns: list[str]) -> Markup:
    ticks = [
        element("span", {"style": f"left:{percent(tick.place)}"}, tick.text)
        for tick in layout.axis.ticks()
    ]
    heads = [element("span", {"class": "column"}, name) for name in columns]
    return element(
        "div",
        {"class": "axis line", "aria-hidden": "true"},
        element("span", {"class": "label"}),
        element("span", {"class": "track"}, *ticks),
        *heads,
    )


def _guides(layout: Layout) -> Markup:
    """The lines of the ticks, and the times in which nothing was told, behind all rows."""
    lines = [element("i", {"style": f"left:{percent(tick.place)}"}) for tick in layout.axis.ticks()]
    bands = [
        element(
            "b",
            {"class": f"{band.kind}{_side(band)}", "style": _place(band.left, band.width)},
            element("span", {}, band.text),
        )
        for band in layout.bands
    ]
    field = element("span", {"class": "field"}, *lines, *bands)
    return element("div", {"class": "guides line"}, field)


def _side(band: Part) -> str:
    """Where the text of a band stands, so that it stays inside the panel."""
    middle = band.left + band.width / 2
    return " at-left" if middle < _EDGE else " at-right" if middle > 1 - _EDGE else ""


def _lists(rows: Sequence[Row], columns: list[str], depth: int) -> Iterator[Markup]:
    """Rows as a list; many of them as several ones, of which a browser draws only those in view."""
    for first in range(0, len(rows), _CHUNK):
        chunk = rows[first : first + _CHUNK]
        look = f"--depth:{depth};--size:{len(chunk)}"
        attributes = {"class": "many" if len(rows) > _CHUNK else None, "style": look}
        yield element("ol", attributes, *[_row(each, columns, depth) for each in chunk])


def _row(row: Row, columns: list[str], depth: int) -> Markup:
    kind = f"branch {row.branch}" if row.branch else row.kind
    if row.branch and row.kind:
        kind = f"{row.kind} · branch {row.branch}"
    label = element(
        "span",
        {"class": "label"},
        mark(row.status),
        element("span", {"class": "title", "title": row.title}, row.title),
        element("span", {"class": "kind"}, kind) if kind else None,
        element("span", {"class": "aside"}, ", at the same time as others")
        if row.together
        else None,
    )
    summary = element("summary", {"class": "line"}, label, _track(row), *_costs(row, columns))
    inside = join(*_lists(row.rows, columns, depth + 1))
    classes = ["row", *(["is-round"] if row.round else [])]
    classes += ["is-problem"] if row.has_problem else []
    classes += [f"together {row.together}"] if row.together else []
    opened = bool(row.rows) and row.is_open
    body = join(details_of(row), inside)
    return element(
        "li",
        {"class": " ".join(classes)},
        element("details", {"open": opened}, summary, body) if body else summary,
    )


def _track(row: Row) -> Markup:
    parts = [
        element(
            "i", {"class": part.kind, "style": _place(part.left, part.width), "title": part.text}
        )
        for part in row.parts
    ]
    bar = element(
        "i",
        {
            "class": f"bar is-{tone(row.status)}{' has-inside' if row.rows else ''}",
            "style": _place(row.left, row.width),
        },
    )
    text = " · ".join(row.notes)
    is_before = row.stands_before(text)
    left = percent(row.left if is_before else row.left + row.width)
    kind = "notes before" if is_before else "notes"
    notes = element("span", {"class": kind, "style": f"left:{left}"}, text)
    return element("span", {"class": "track"}, bar, *parts, notes)


def _place(left: float, width: float) -> str:
    return f"left:{percent(left)};width:{percent(width)}"


def _costs(row: Row, columns: list[str]) -> Iterator[Markup]:
    if "Tokens" in columns:
        text = f"{row.tokens:,}" if row.tokens else ""
        word = element("span", {"class": "aside"}, " tokens") if text else None
        yield element("span", {"class": "column"}, text, word)
    if columns and columns[-1].startswith("Cost"):
        is_named = "," in columns[-1]
        amounts = [money(cost, "" if is_named else name) for name, cost in row.costs.items()]
        yield element("span", {"class": "column"}, " + ".join(amounts))


# ------------------------------------------------------------------------------------ the rest


def _of_the_run(layout: Layout) -> Iterator[Markup]:
    run = layout.timeline
    for heading, value in run.values.items():
        is_short = len(value_text(value)) <= _SHORT
        yield _panel(heading, value_sections({heading: value}), is_open=is_short)
    text = run.text.getvalue()
    if text:
        yield _panel("Streamed text", block(text, "is-text"), is_open=False)
    if run.others:
        items = [element("li", {}, block(value_text(each))) for each in run.others]
        yield _panel(f"Other events ({len(items):,})", element("ol", {}, *items), is_open=False)


def _panel(heading: str, content: Markup, *, is_open: bool) -> Markup:
    summary = element("summary", {}, element("h2", {}, heading))
    return element("details", {"class": "panel fold", "open": is_open}, summary, content)


def _footer(layout: Layout) -> Iterator[Markup]:
    run = layout.timeline
    total = sum(run.events.values())
    names = ", ".join(f"{count:,} {name}" for name, count in run.events.most_common())
    arrived = any(each.arrived is not None for each in run.instants)
    clock = _WATCHED if arrived else _READ
    broken = " Waits for people are drawn shorter." if layout.axis.is_broken else ""
    made = f"Made by dify-workflow {__version__} from {counted(total, 'event')}"
    yield element("p", {}, f"{made}. {clock}{broken}")
    if names:
        yield element(
            "details", {}, element("summary", {}, "Which events"), element("p", {}, names)
        )
