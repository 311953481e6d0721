"""The nodes of a run as spans: where they stand, when they were, and what is told of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from ..timeline.model import Execution, Instant, Timeline
from ._times import Times
from .attributes import Attributes, of_node, present

_NANOSECONDS = 1_000_000_000


@attrs.frozen
class Happening:
    """An event within a span.

    Args:
        name: Its name.
        time: When it was, in Unix nanoseconds.
        attributes: What is told of it.
    """

    name: str
    time: int
    attributes: Attributes


@attrs.frozen
class NodeSpan:
    """A node at work.

    Args:
        name: Name of the span.
        begin: When it began, in Unix nanoseconds.
        end: When it ended.
        attributes: What is told of it.
        error: What it says, where it failed; None where it did not.
        happenings: What happened in it.
        inside: The nodes that ran in it, where it is an iteration or a loop.
    """

    name: str
    begin: int
    end: int
    attributes: Attributes
    error: str | None
    happenings: tuple[Happening, ...]
    inside: tuple[NodeSpan, ...]


class NodeSpans:
    """Turns the timeline of a run into spans.

    None sticks out of what it is in.

    Args:
        timeline: The run.
        begin: When its span began, in seconds by this machine's clock.
        end: When it ends.
        content: Whether inputs, outputs and error texts are shown.
        is_followed: Whether the run was begun before, by somebody else: of nodes that ended before
            this, it is not known when they ran.
    """

    def __init__(
        self, timeline: Timeline, begin: float, end: float, *, content: bool, is_followed: bool
    ) -> None:
        self._timeline = timeline
        self._times = Times(timeline, end)
        self._begin, self._end = begin, end
        self._content = content
        self._is_followed = is_followed

    def spans(self) -> tuple[NodeSpan, ...]:
        """The spans of all nodes that stand in no other one."""
        return self._within(self._timeline.executions, self._begin, self._end)

    def happenings(self) -> tuple[Happening, ...]:
        """What happened to the run and its stream."""
        run = self._timeline
        found = [
            self._happening(
                "dify.stream.gap",
                gap.begin,
                {"dify.stream.gap.seconds": _length(gap.begin, gap.end)},
            )
            for gap in run.gaps
        ]
        for pause in run.pauses:
            found.append(self._happening("dify.run.paused", pause.begin))
            if pause.end is not None:
                found.append(self._happening("dify.run.resumed", pause.end))
        return tuple(found)

    def _within(self, nodes: Iterable[Execution], begin: float, end: float) -> tuple[NodeSpan, ...]:
        return tuple(self._span(node, begin, end) for node in nodes if self._is_known(node))

    def _is_known(self, node: Execution) -> bool:
        """Whether it was seen at work."""
        seen = (node.begin.arrived, node.end and node.end.arrived)
        return not self._is_followed or any(each is not None for each in seen)

    def _span(self, node: Execution, least: float, most: float) -> NodeSpan:
        begin, end = (min(max(each, least), most) for each in self._times.of(node))
        attributes = of_node(node, content=self._content)
        if node.end is not None and node.end.arrived is None:
            attributes["dify.node.told_late"] = True
        failed = "error.type" in attributes
        return NodeSpan(
            f"{node.kind} {node.title}".strip(),
            round(begin * _NANOSECONDS),
            round(end * _NANOSECONDS),
            attributes,
            (node.error or "" if self._content else "") if failed else None,
            tuple(self._of_node(node)),
            self._within(node.inside, begin, end),
        )

    def _of_node(self, node: Execution) -> Iterable[Happening]:
        for attempt in node.attempts:
            known = {
                "dify.node.retry.number": attempt.number,
                "dify.node.retry.error": attempt.error if self._content else None,
            }
            yield self._happening("dify.node.retry", attempt.end, present(known))
        for form in node.forms.values():
            yield self._happening("dify.human_input.required", form.begin)
            if form.end is not None:
                yield self._happening("dify.human_input.closed", form.end)

    def _happening(
        self, name: str, instant: Instant, attributes: Attributes | None = None
    ) -> Happening:
        time = round(self._times.local(instant) * _NANOSECONDS)
        return Happening(name, time, attributes or {})


def _length(begin: Instant, end: Instant | None) -> float:
    return 0.0 if end is None else round(max(end.time - begin.time, 0.0), 6)
