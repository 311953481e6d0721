"""A report as one self-contained HTML file: no script, no font, no image. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .._json import JSON, JSONObject, is_list
from .._version import __version__
from ..timeline.facts import Facts
from ..timeline.model import Execution, Form
from ..timeline.text import STATUSES, brief, counted, moment, word
from .layout import Layout, Row
from .markup import Markup, block, element, join, style, value_sections, value_text
from .svg import Drawing, Line, described, lines_of, mark, money, tone

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Loads nothing and runs no script, whatever the values contain."""
_MANY = 8
"""From this number of rows on, a switch shows only rows with problems."""
_CHUNK = 100
"""The largest number of rows in one list."""
_WATCHED = "Bars follow the server's clock and when its events arrived."
_READ = (
    "Bars follow the server's clock, which has whole seconds, its durations, and the order of "
    "events; they may be off by part of a second."
)
_DEEPEST_STEP = 8
"""The largest depth at which steps of an agent are indented."""
_SHORT = 2000
"""Values of the run with up to this many characters are open at first."""


def page(layout: Layout) -> str:
    """Return the whole document."""
    run = layout.timeline
    title = " ".join(["Run", *([run.run_id[:8]] if run.run_id else []), word(layout.status)])
    head = join(
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        Markup(f'<meta name="generator" content="dify-workflow {__version__}">'),
        element("title", {}, title),
        Markup(f"<style>{style('page.css')}{style('picture.css')}</style>"),
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


def _pairs(facts: Iterable[tuple[str, str]]) -> Iterator[Markup]:
    for name, text in facts:
        yield element("div", {}, element("dt", {}, name), element("dd", {}, text))


def _warnings(layout: Layout) -> Iterator[Markup]:
    run = layout.timeline
    for gap in run.gaps:
        lost = brief(max((gap.end.time if gap.end else layout.axis.end) - gap.begin.time, 0.0))
        after = brief(max(gap.begin.time - layout.axis.begin, 0.0))
        what = "text and events of iterations and loops may be missing"
        if gap is run.gaps[-1] and run.is_lost:
            text = f"The stream was lost after {after}, and the rest of the run is unknown"
        else:
            text = f"The stream was lost after {after} and resumed {lost} later: {what}"
        reason = f". {gap.reason}" if gap.reason else "."
        yield element("p", {"class": "note is-gap", "role": "note"}, mark("gap"), f"{text}{reason}")
    if unread := run.events["unreadable"]:
        what = "A message" if unread == 1 else f"{unread:,} messages"
        text = f"{what} of the stream could not be read; see the other events below."
        yield element("p", {"class": "note is-gap", "role": "note"}, mark("gap"), text)
    if run.status == "running" and not run.is_lost:
        text = "The run was still running when this report was made."
        yield element("p", {"class": "note", "role": "note"}, text)
    if run.status == "paused":
        text = "The run waits for a person; it may have continued since."
        yield element("p", {"class": "note is-paused", "role": "note"}, mark("paused"), text)


# ------------------------------------------------------------------------------------ the timeline


def _timeline(layout: Layout) -> Markup:
    if not layout.rows:
        content: Markup = element("p", {"class": "none"}, "There are no events of nodes.")
        return element("section", {"class": "panel"}, element("h2", {}, "Timeline"), content)
    drawing = Drawing(layout)
    rows = _lists(list(lines_of(layout)), drawing)
    plot = element(
        "div",
        {"class": "plot"},
        element("div", {"class": "axis"}, drawing.strip(drawing.axis)),
        element("div", {"class": "rows"}, *rows),
        drawing.strip(drawing.foot) if layout.bands else None,
    )
    problems = any(row.has_problem for row in layout.rows)
    many = sum(1 + row.size for row in layout.rows) >= _MANY
    switch = _switch() if problems and many else None
    head = element("div", {"class": "head"}, element("h2", {}, "Timeline"), _legend(layout), switch)
    return element("section", {"class": "panel timeline", "aria-label": "Timeline"}, head, plot)


def _legend(layout: Layout) -> Markup:
    """Return the number of nodes of each status, which also explains the colours."""
    rank = {status: rank for rank, status in enumerate(STATUSES)}
    known = sorted(layout.counts.items(), key=lambda pair: rank.get(pair[0], len(rank)))
    items = [
        element("li", {}, mark(status), f"{count:,} {word(status)}") for status, count in known
    ]
    return element("ul", {"class": "legend"}, *items)


def _switch() -> Markup:
    box = Markup('<input type="checkbox" id="problems">')
    return element("label", {"class": "switch"}, box, "Only failures and retries")


def _lists(lines: Sequence[Line], drawing: Drawing) -> Iterator[Markup]:
    """Yield rows as a list. Many rows become several lists: a browser draws only those in view."""
    for first in range(0, len(lines), _CHUNK):
        chunk = lines[first : first + _CHUNK]
        look = {"class": "many", "style": f"--size:{len(chunk)}"} if len(lines) > _CHUNK else {}
        yield element("ol", look, *[_row(each, drawing) for each in chunk])


def _row(line: Line, drawing: Drawing) -> Markup:
    row = line.row
    title = element("span", {"class": "title"}, row.title)
    said = element("span", {"class": "aside"}, title, f": {described(row)}")
    shown = join(said, drawing.row_strip(line))
    body = join(_details_of(row), *_lists(list(line.inside), drawing))
    if body:
        is_open = bool(row.rows) and row.is_open
        shown = element("details", {"open": is_open}, element("summary", {}, shown), body)
    return element("li", {"class": "row is-problem" if row.has_problem else "row"}, shown)


# ------------------------------------------------------------------------------------ the details


def _details_of(row: Row) -> Markup | None:
    """Return what a row shows when it is open; None if there is nothing."""
    if row.round is not None:
        if row.round.before is None:
            return None
        return _box(value_sections({"Result of the one before": row.round.before}))
    if row.execution is None:
        return None
    details = join(*_of(row.execution))
    if row.execution.is_container:
        # The nodes inside come first; inputs and outputs take one more click.
        details = element("details", {}, element("summary", {}, "Inputs and outputs"), details)
    return _box(details)


def _box(*children: Markup) -> Markup:
    return element("div", {"class": "detail"}, *children)


def _of(node: Execution) -> Iterator[Markup]:
    ids = f", execution {node.id}" if node.id != node.node_id else ""
    cost = f", cost {money(node.price, node.currency)}" if node.price else ""
    yield element("p", {"class": "ids"}, f"Node {node.node_id}{ids}{cost}")
    if node.error:
        yield _section("Error", block(node.error, "error"))
    if node.attempts:
        yield _section("Failed attempts", _attempts(node))
    for form in node.forms.values():
        yield _form(form)
    if node.steps:
        yield _section("Steps", _steps(node.steps))
    if node.reasoning:
        yield _section("Reasoning", block(node.reasoning.getvalue(), "is-text"))
    if node.streamed:
        first = brief(max(node.streamed.begin.time - node.begin.time, 0.0))
        pieces = counted(node.streamed.pieces, "piece")
        sizes = f"{counted(node.streamed.characters, 'character')} in {pieces}"
        yield element("p", {"class": "ids"}, f"Streamed {sizes}, the first after {first}")
    yield value_sections(node.values, node.truncated)


def _section(heading: str, content: Markup) -> Markup:
    return element("section", {}, element("h3", {}, heading), content)


def _attempts(node: Execution) -> Markup:
    items = [
        element(
            "li",
            {},
            f"{brief(attempt.elapsed)}: " if attempt.elapsed is not None else None,
            element("code", {}, attempt.error or "no error was reported"),
        )
        for attempt in node.attempts
    ]
    return element("ol", {"class": "attempts"}, *items)


def _form(form: Form) -> Markup:
    end = form.end.time if form.end else None
    if end is None:
        state = "Waits for a person"
        if form.expires:
            state += f" until {moment(form.expires)}"
    else:
        state = f"Waited {brief(end - form.begin.time)} for a person"
    answer = f": {form.answer}" if form.answer else ""
    asked = {"Fields": _names(form.fields), "Actions": _names(form.actions)}
    lines = [f"{name}: {', '.join(names)}" for name, names in asked.items() if names]
    return element(
        "section",
        {"class": "form"},
        element("h3", {}, f"{state}{answer}"),
        block(form.content, "is-text") if form.content else None,
        *(element("p", {"class": "ids"}, line) for line in lines),
        value_sections({"Filled in": form.values} if form.values else {}),
    )


def _names(parts: JSON) -> list[str]:
    """Return the labels of the fields or the actions of a form."""
    found = [Facts(part) for part in parts] if is_list(parts) else []
    keys = ("title", "label", "output_variable_name", "id")
    return [next((name for key in keys if (name := each.text(key))), "?") for each in found]


def _steps(steps: dict[str, JSONObject]) -> Markup:
    """Return the steps of an agent, in order; inner steps are indented."""
    return element("ol", {"class": "steps"}, *[_step(each, steps) for each in steps])


def _step(identifier: str, steps: dict[str, JSONObject]) -> Markup:
    facts = Facts(steps[identifier])
    error = facts.text("error")
    content = join(
        block(error, "error") if error else None, value_sections(facts.values("data", "metadata"))
    )
    label = f"{facts.text('label') or identifier} · {facts.text('status') or 'unknown'}"
    summary = element("summary", {}, label)
    shown = element("details", {}, summary, content) if content else label
    return element("li", {"style": f"--step:{_depth(facts, steps)}"}, shown)


def _depth(facts: Facts, steps: dict[str, JSONObject]) -> int:
    """Return how many steps are around one. Circles and greater depths stop at the limit."""
    for depth in range(_DEEPEST_STEP):
        above = facts.text("parent_id")
        if above is None or above not in steps:
            return depth
        facts = Facts(steps[above])
    return _DEEPEST_STEP


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
