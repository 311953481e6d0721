"""The layout of a run: its rows, their time axis, and its totals. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import attrs

from ..models.run import sum_of
from ..timeline.model import Execution, Instant, Round, Span, Timeline, settle, with_inner
from ..timeline.text import brief, counted, word
from .axis import Axis

_PROBLEMS = frozenset({"failed", "exception"})
_MANY = 40
"""A row with more rows inside is closed at first."""
_NEVER = 1 << 60


@attrs.frozen
class Part:
    """A part of a bar, or of the whole axis."""

    kind: str  # "attempt", "wait", "text", "gap" or "pause"
    left: float  # from 0 to 1 on the axis
    width: float
    text: str = ""


@attrs.frozen
class Row:
    """A line of the timeline: a node, or a round of an iteration or a loop."""

    title: str
    kind: str  # empty for a round
    status: str
    left: float  # left edge of its bar, from 0 to 1 on the axis
    width: float
    notes: tuple[str, ...]  # text beside the bar
    tokens: int = 0
    costs: dict[str, Decimal] = attrs.field(factory=dict[str, Decimal])  # by currency
    parts: tuple[Part, ...] = ()  # what happened during the bar
    together: str = ""  # parallel to the next rows: "first", "inner" or "last" of them
    branch: int | None = None  # number of its parallel branch, from 1
    execution: Execution | None = None  # None for a round
    round: Round | None = None  # None for a node
    rows: tuple[Row, ...] = ()
    size: int = 0  # number of rows inside, at every depth
    failures: int = 0  # failed nodes: this one and those inside
    has_problem: bool = False  # this row, or one inside, failed or was retried
    is_one_of_many: bool = False  # a round that is closed at first unless it has a problem

    @property
    def is_open(self) -> bool:
        """Whether the rows inside are shown at first."""
        if self.is_one_of_many:
            return self.has_problem
        return self.size <= _MANY


def _status_of(node: Execution, timeline: Timeline) -> str:
    """Return the status of a node. If its end was not reported, the status of the run decides."""
    if node.status != "running" or not (timeline.end or timeline.is_lost):
        return node.status
    return "stopped" if timeline.status == "stopped" else "lost"


class _Rows:
    """Makes the rows of nodes, and of the rounds of iterations and loops."""

    def __init__(self, timeline: Timeline, axis: Axis) -> None:
        self._timeline = timeline
        self._axis = axis

    def of(self, nodes: Sequence[Execution]) -> tuple[Row, ...]:
        """Return the rows of nodes at the same depth."""
        ordered = sorted(nodes, key=lambda node: node.begin.order)
        spans = [(node.begin.order, _order(node.end)) for node in ordered]
        rows: list[Row] = []
        for group in _groups(spans):
            members = [ordered[index] for index in group]
            first = list(dict.fromkeys(node.branch for node in members if node.branch))
            number = {branch: at for at, branch in enumerate(first, 1)} if len(first) > 1 else {}
            members.sort(key=lambda node: number.get(node.branch or "", 0))
            made = [self._node(node, number.get(node.branch or "")) for node in members]
            rows += _together(made)
        return tuple(rows)

    def _node(self, node: Execution, branch: int | None) -> Row:
        status = _status_of(node, self._timeline)
        end = node.end.time if node.end else self._axis.end
        left, width = self._bar(node.begin.time, end)
        rows = self._rounds(node) if node.is_container else ()
        failures = sum(row.failures for row in rows)
        notes = [*_notes(node, status, end - node.begin.time)]
        notes += [f"{failures:,} failed inside"] if failures else []
        return Row(
            node.title,
            node.kind,
            status,
            left,
            width,
            tuple(notes),
            node.tokens or sum(row.tokens for row in rows),
            {node.currency: node.price} if node.price else sum_of(row.costs for row in rows),
            tuple(self._parts(node)),
            branch=branch,
            execution=node,
            rows=rows,
            size=_size(rows),
            failures=failures + (status in _PROBLEMS),
            has_problem=status in _PROBLEMS
            or bool(node.attempts)
            or any(row.has_problem for row in rows),
        )

    def _rounds(self, node: Execution) -> tuple[Row, ...]:
        inside: dict[int, list[Execution]] = {index: [] for index in node.rounds}
        for each in node.inside:
            inside.setdefault(each.round or 0, []).append(each)
        found = sorted((_extent_of(inside[index], node, index), index) for index in inside)
        made: list[Row] = []
        for group in _groups([span for span, _ in found]):
            indexes = sorted(found[at][1] for at in group)
            made += _together([self._round(node, index, inside[index]) for index in indexes])
        if _size(made) > _MANY:
            made = [attrs.evolve(row, is_one_of_many=True) for row in made]
        return tuple(made)

    def _round(self, node: Execution, index: int, nodes: list[Execution]) -> Row:
        known = node.rounds.get(index)
        begin = min((each.begin.time for each in nodes), default=None)
        if begin is None:
            begin = known.begin.time if known else node.begin.time
        ends = [each.end.time if each.end else self._axis.end for each in nodes]
        seconds = known.duration if known else None
        end = max(ends, default=begin + (seconds or 0.0))
        rows = self.of(nodes)
        status = _status_of_round([row.status for row in rows])
        left, width = self._bar(begin, end)
        notes = [brief(seconds if seconds is not None else end - begin)] if nodes else []
        notes += [] if nodes else ["no node was seen in it"]
        return Row(
            f"{'Round' if node.kind == 'loop' else 'Item'} {index + 1}",
            "",
            status,
            left,
            width,
            tuple(notes + ([word(status)] if status not in {"succeeded", "lost"} else [])),
            sum(row.tokens for row in rows),
            sum_of(row.costs for row in rows),
            round=known or Round(index, node.begin),
            rows=rows,
            size=_size(rows),
            failures=sum(row.failures for row in rows),
            has_problem=any(row.has_problem for row in rows),
        )

    def _bar(self, begin: float, end: float) -> tuple[float, float]:
        left = self._axis.place(begin)
        return left, max(self._axis.place(end) - left, 0.0)

    def _parts(self, node: Execution) -> Iterator[Part]:
        begin = node.begin.time
        if node.streamed:
            left, width = self._bar(node.streamed.begin.time, node.streamed.end.time)
            yield Part("text", left, width, "streamed text")
        for attempt in node.attempts:
            left, width = self._bar(begin, attempt.end.time)
            yield Part("attempt", left, width, f"attempt {attempt.number} failed")
            begin = attempt.end.time
        for form in node.forms.values():
            end = form.end.time if form.end else self._axis.end
            left, width = self._bar(form.begin.time, end)
            yield Part("wait", left, width, "waited for a person")


def _notes(node: Execution, status: str, seconds: float) -> Iterator[str]:
    if node.end is None:
        yield word(status)
    else:
        yield brief(seconds if node.forms or node.elapsed is None else node.elapsed)
    if node.is_container and (node.rounds or node.inside):
        rounds = {*node.rounds, *(each.round or 0 for each in node.inside)}
        yield counted(len(rounds), "round" if node.kind == "loop" else "item")
    if node.attempts:
        yield counted(len(node.attempts), "retry")
    if node.end is not None and status not in {"succeeded", "lost"}:
        yield word(status)


def _order(end: Instant | None) -> int:
    return end.order if end else _NEVER


def _extent_of(nodes: list[Execution], node: Execution, index: int) -> tuple[int, int]:
    """Return the numbers of the first and the last event of a round."""
    if not nodes:
        known = node.rounds.get(index)
        order = known.begin.order if known else node.begin.order
        return order, order
    return min(each.begin.order for each in nodes), max(_order(each.end) for each in nodes)


def _groups(spans: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Group spans that overlap, directly or through others, as indexes in order of their start."""
    group: list[int] = []
    last = -1
    for index, (begin, end) in enumerate(spans):
        if group and begin > last:
            yield group
            group = []
        group.append(index)
        last = max(last, end)
    if group:
        yield group


def _together(rows: list[Row]) -> list[Row]:
    if len(rows) == 1:
        return rows
    places = ["first", *["inner"] * (len(rows) - 2), "last"]
    return [attrs.evolve(row, together=place) for row, place in zip(rows, places, strict=True)]


def _size(rows: Iterable[Row]) -> int:
    return sum(1 + row.size for row in rows)


def _status_of_round(statuses: list[str]) -> str:
    for status in ("failed", "running", "paused", "stopped", "exception"):
        if status in statuses:
            return status
    return "succeeded" if "succeeded" in statuses else "lost"


@attrs.frozen
class Layout:
    """The rows of a run, its axis and its totals."""

    timeline: Timeline
    axis: Axis
    rows: tuple[Row, ...]
    bands: tuple[Part, ...]  # times without events
    status: str  # "lost" if its end was not reported
    began: float | None  # Unix seconds; None if no event has a time
    elapsed: float  # seconds
    counts: dict[str, int]  # nodes by status
    tokens: int
    costs: dict[str, Decimal]  # by currency
    retries: int  # failed attempts


def lay_out(timeline: Timeline) -> Layout:
    """Compute the layout of a run."""
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
        status = _status_of(node, timeline)
        counts[status] = counts.get(status, 0) + 1
    rows = _Rows(timeline, axis).of(timeline.executions)
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
    """Where the end of a node is known more exactly than its start, compute the start from the end.

    The node's duration does not include how long it waited for people, so nodes with forms stay.
    """
    for node in nodes:
        if node.end and node.lasted is not None:
            node.begin.time = max(node.begin.time, node.end.time - node.lasted)


def _elapsed(timeline: Timeline, axis: Axis) -> float:
    """Return the run's own duration or, if the run waited for people, the length of the axis."""
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
