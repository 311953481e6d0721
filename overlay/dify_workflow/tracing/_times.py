"""When the nodes of a run were at work, by this machine's clock. Pure.

Events say it twice: by when they arrive, which is late where whoever reads the stream is slow, and
by the server's times, which are whole seconds with exact durations (DIFY.md section 4).
"""

from __future__ import annotations

from ..timeline.model import Execution, Instant, Timeline, ahead, settle


class Times:
    """Says when each node began and ended.

    That is when its events arrived; where one arrived late by the server's clock, it is the second
    that the server names. A node that worked in one go lasts as long as the server says, and none
    begins before one that was told to have ended before it.

    Args:
        timeline: The run.
        end: When watching it ended, in Unix seconds.
    """

    def __init__(self, timeline: Timeline, end: float) -> None:
        settle(timeline.instants)
        self._ahead = ahead(timeline.instants)
        self._end = end
        self._known: dict[int, tuple[float, float]] = {}
        self._place(_all(timeline.executions))

    def of(self, node: Execution) -> tuple[float, float]:
        """When a node began and ended, in Unix seconds."""
        return self._known[id(node)]

    def local(self, instant: Instant) -> float:
        """When something was, in Unix seconds."""
        return instant.time + self._ahead

    def _place(self, nodes: list[Execution]) -> None:
        """Place the nodes, in the order in which their beginnings and ends were told."""
        told = [(node.begin.order, False, at) for at, node in enumerate(nodes)]
        told += [(node.end.order, True, at) for at, node in enumerate(nodes) if node.end]
        now = 0.0
        for _, is_end, at in sorted(told):
            node = nodes[at]
            if is_end:
                now = max(now, self.of(node)[1])
            else:
                self._known[id(node)] = begin, _ = self._span(node, now)
                now = begin

    def _span(self, node: Execution, least: float) -> tuple[float, float]:
        begin = self.local(node.begin)
        end = self._end if node.end is None else self.local(node.end)
        is_one_go = not (node.is_container or node.attempts or node.forms)
        if node.end is None or node.elapsed is None or not is_one_go:
            begin = max(begin, least)
            return begin, max(begin, end)
        latest = end - node.elapsed  # that it began, if its end was not told late
        was_seen = node.begin.arrived is not None or node.end.arrived is None
        begin = max(min(begin, latest) if was_seen else latest, least)
        return begin, begin + node.elapsed


def _all(nodes: list[Execution]) -> list[Execution]:
    return [each for node in nodes for each in (node, *_all(node.inside))]
