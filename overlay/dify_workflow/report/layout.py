"""A run laid out: its rows, the axis that they stand on, and what it came to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

import attrs

from ..timeline.model import Execution, Span, Timeline, settle, with_inner
from .axis import Axis
from .rows import Part, Row, Rows, status_of, sum_of
from .values import brief


@attrs.frozen
class Layout:
    """The rows of a run and what they stand on.

    Args:
        timeline: The run.
        axis: The axis of time.
        rows: The rows.
        bands: Where the stream was lost, or the run waited for people.
        status: How the run is: `Timeline.status`, but ``"lost"`` where its end was not told.
        began: When the run began, in Unix seconds; None where nothing tells.
        elapsed: How long it took, in seconds.
        counts: How many nodes there are of each status.
        tokens: Tokens that the run used.
        costs: What it cost, by currency.
        retries: Attempts that failed and were tried again.
    """

    timeline: Timeline
    axis: Axis
    rows: tuple[Row, ...]
    bands: tuple[Part, ...]
    status: str
    began: float | None
    elapsed: float
    counts: dict[str, int]
    tokens: int
    costs: dict[str, Decimal]
    retries: int


def lay_out(timeline: Timeline) -> Layout:
    """Lay out a run.

    Args:
        timeline: The run.
    """
    instants = timeline.instants
    settle(instants)
    nodes = list(with_inner(timeline.executions))
    _tighten(nodes)
    times = [instant.time for instant in instants] or [0.0]
    begin = timeline.begin.time if timeline.begin else min(times)
    waits = [(each.begin.time, each.end.time) for each in timeline.pauses if each.end]
    axis = Axis(min(begin, *times), max(times), waits)
    counts: dict[str, int] = {}
    for node in nodes:
        status = status_of(node, timeline)
        counts[status] = counts.get(status, 0) + 1
    rows = Rows(timeline, axis).of(timeline.executions)
    is_dated = any(each.stamp or each.arrived for each in instants)
    seen = sum(row.tokens for row in rows)
    tokens = seen if timeline.tokens is None else timeline.tokens
    return Layout(
        timeline,
        axis,
        rows,
        tuple(_bands(timeline, axis)),
        "lost" if timeline.is_lost and timeline.end is None else timeline.status,
        axis.begin if is_dated else None,
        _elapsed(timeline, axis),
        counts,
        tokens,
        sum_of(row.costs for row in rows),
        sum(len(node.attempts) for node in nodes),
    )


def _tighten(nodes: Iterable[Execution]) -> None:
    """Where it is told better when a node ended than when it began, its duration tells the latter.

    That duration leaves out how long a node waited for people.
    """
    for node in nodes:
        is_whole = not (node.forms or node.attempts or node.is_container)
        if node.end and node.elapsed is not None and is_whole:
            node.begin.time = max(node.begin.time, node.end.time - node.elapsed)


def _elapsed(timeline: Timeline, axis: Axis) -> float:
    """The run's own duration, where it tells one that has no waits left out."""
    if timeline.elapsed is not None and not timeline.pauses:
        return timeline.elapsed
    return axis.end - axis.begin


def _bands(timeline: Timeline, axis: Axis) -> Iterator[Part]:
    for kind, spans, what in (
        ("pause", timeline.pauses, "waited for a person"),
        ("gap", timeline.gaps, "stream lost"),
    ):
        for span in spans:
            left, width, seconds = _extent(span, axis)
            if kind == "gap" or span.end is not None:
                is_last = timeline.is_lost and span is timeline.gaps[-1]
                yield Part(kind, left, width, what if is_last else f"{what}, {brief(seconds)}")


def _extent(span: Span, axis: Axis) -> tuple[float, float, float]:
    begin = span.begin.time
    end = max(span.end.time if span.end else axis.end, begin)
    left = axis.place(begin)
    return left, axis.place(end) - left, end - begin
