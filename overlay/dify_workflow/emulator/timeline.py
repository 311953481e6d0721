"""The timeline of a run on the page: its stored nodes, drawn as in reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .._json import JSONObject
from ..report.layout import lay_out
from ..report.svg import Drawing, Line, described, lines_of
from ..timeline.model import Attempt, Execution, Form, Instant, Timeline

_GOES_ON = {"running", "paused"}


def timeline_of(run: JSONObject, nodes: Iterable[JSONObject]) -> JSONObject:
    """Return the timeline of a run, row by row, as SVG.

    Args:
        run: The run as the page shows it.
        nodes: Its stored nodes, in the order in which they began.
    """
    timeline, numbers = Timeline(status=run["status"]), dict[str, int]()
    timeline.begin = _instant(timeline, run["created"])
    known: dict[str, Execution] = {}
    for data in nodes:
        numbers[data["id"]] = data["position"]
        known[data["id"]] = node = _node(timeline, data, is_active=run["is_active"])
        node.around = known.get(data["parent"])
        (node.around.inside if node.around else timeline.executions).append(node)
    if run["is_active"]:
        _instant(timeline, run["now"])
    elif run["finished"] is not None:
        timeline.end = _instant(timeline, run["finished"])
    else:
        timeline.is_lost = True
    timeline.instants.sort(key=lambda instant: instant.arrived or 0.0)
    for order, instant in enumerate(timeline.instants):
        instant.order = order
    layout = lay_out(timeline)
    drawing = Drawing(layout)
    rows = list(_rows(lines_of(layout), "", drawing, numbers))
    return {"axis": drawing.strip(drawing.axis), "rows": rows}


def _instant(timeline: Timeline, time: float) -> Instant:
    instant = Instant(0, arrived=time)
    timeline.instants.append(instant)
    return instant


def _node(timeline: Timeline, data: JSONObject, *, is_active: bool) -> Execution:
    begin = _instant(timeline, data["began"])
    node = Execution(data["id"], data["node_id"], data["title"], data["node_type"], begin)
    node.round, node.status = data["round"], data["status"]
    for number, (at, error) in enumerate(data["retries"], 1):
        node.attempts.append(Attempt(number, _instant(timeline, at), error, None))
    if node.status not in _GOES_ON:
        node.end = _instant(timeline, data["ended"])
        node.elapsed = data["ended"] - data["began"]
    elif not is_active:
        node.status = "running"  # without an end
    if node.kind == "human-input":
        node.forms[node.id] = Form(begin, "", None, None, None, node.end)
    return node


def _rows(
    lines: Iterable[Line], around: str, drawing: Drawing, numbers: dict[str, int]
) -> Iterator[JSONObject]:
    for line in lines:
        row = line.row
        key = row.execution.id if row.execution else f"{around} {row.title}"
        yield {
            "key": key,
            "node": numbers[key] if row.execution else None,
            "title": row.title,
            "said": described(row),
            "depth": line.depth,
            "size": row.size,
            "is_open": row.is_open,
            "svg": drawing.row_strip(line),
        }
        yield from _rows(line.inside, key, drawing, numbers)
