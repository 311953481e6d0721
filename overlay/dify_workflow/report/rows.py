"""The rows of a timeline: what stands where, in which words, and what is inside. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import attrs

from .._text import counted
from ..timeline.model import Execution, Instant, Round, Timeline
from .axis import Axis
from .status import word
from .values import brief

PROBLEMS = frozenset({"failed", "exception"})
_MANY = 40
"""What has more rows inside is closed at first."""
_NEVER = 1 << 60

_LETTERS = 70
"""Letters that find room on the axis, about, and behind it."""
_ROOM = 22
_HALF = 0.5


@attrs.frozen
class Part:
    """A part of a bar, or of the whole axis.

    Args:
        kind: What it shows: ``"attempt"``, ``"wait"``, ``"text"``, ``"gap"`` or ``"pause"``.
        left: Where it begins, from 0 to 1 on the axis.
        width: How long it is.
        text: What it says.
    """

    kind: str
    left: float
    width: float
    text: str = ""


@attrs.frozen
class Row:
    """A line of the timeline: a node, or a round of an iteration or a loop.

    Args:
        title: What it is.
        kind: What kind of node; for a round, nothing.
        status: Its state.
        left: Where its bar begins, from 0 to 1 on the axis.
        width: How long its bar is.
        notes: What stands beside the bar.
        tokens: Tokens that it used.
        costs: What it cost, by currency.
        parts: What went on in its time.
        together: Whether it ran at the same time as rows next to it: ``"first"``, ``"inner"`` or
            ``"last"`` of them; empty where it did not.
        branch: Number of its parallel branch, from 1; None where the server does not tell.
        execution: The node's work; None for a round.
        round: The round; None for a node.
        rows: The rows inside.
        size: How many those are, with the ones inside them.
        failures: Nodes that failed: it, and those inside.
        has_problem: Whether it, or something inside, failed or was tried again.
        is_one_of_many: Whether it is a round of so many that what is inside is closed at first,
            unless it has a problem.
    """

    title: str
    kind: str
    status: str
    left: float
    width: float
    notes: tuple[str, ...]
    tokens: int = 0
    costs: dict[str, Decimal] = attrs.field(factory=dict[str, Decimal])
    parts: tuple[Part, ...] = ()
    together: str = ""
    branch: int | None = None
    execution: Execution | None = None
    round: Round | None = None
    rows: tuple[Row, ...] = ()
    size: int = 0
    failures: int = 0
    has_problem: bool = False
    is_one_of_many: bool = False

    def stands_before(self, notes: str) -> bool:
        """Whether there is room for what stands beside the bar only before it.

        Args:
            notes: What stands there.
        """
        behind = _ROOM + (1 - self.left - self.width) * _LETTERS
        return self.left > _HALF and len(notes) > behind

    @property
    def is_open(self) -> bool:
        """Whether what is inside is shown at first."""
        if self.is_one_of_many:
            return self.has_problem
        return self.size <= _MANY


def status_of(node: Execution, timeline: Timeline) -> str:
    """How a node is; of one whose end nobody told, what became of the run says more.

    Args:
        node: The node.
        timeline: Its run.
    """
    if node.status != "running" or not (timeline.end or timeline.is_lost):
        return node.status
    return "stopped" if timeline.status == "stopped" else "lost"


class Rows:
    """Makes rows of nodes, and of the rounds of iterations and loops."""

    def __init__(self, timeline: Timeline, axis: Axis) -> None:
        self._timeline = timeline
        self._axis = axis

    def of(self, nodes: Sequence[Execution]) -> tuple[Row, ...]:
        """The rows of nodes that stand next to each other."""
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
        status = status_of(node, self._timeline)
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
            failures=failures + (status in PROBLEMS),
            has_problem=status in PROBLEMS
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
        status = _roundstatus_of([row.status for row in rows])
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
    """The first and the last event of a round."""
    if not nodes:
        known = node.rounds.get(index)
        order = known.begin.order if known else node.begin.order
        return order, order
    return min(each.begin.order for each in nodes), max(_order(each.end) for each in nodes)


def _groups(spans: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """What overlaps directly or by way of others, as indexes of spans in order of their begin."""
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


def sum_of(costs: Iterable[dict[str, Decimal]]) -> dict[str, Decimal]:
    """The sum of costs, by currency.

    Args:
        costs: What is added up, by currency.
    """
    total: dict[str, Decimal] = {}
    for each in costs:
        for currency, amount in each.items():
            total[currency] = total.get(currency, Decimal(0)) + amount
    return total


def _size(rows: Iterable[Row]) -> int:
    return sum(1 + row.size for row in rows)


def _roundstatus_of(statuses: list[str]) -> str:
    for status in ("failed", "running", "paused", "stopped", "exception"):
        if status in statuses:
            return status
    return "succeeded" if "succeeded" in statuses else "lost"
