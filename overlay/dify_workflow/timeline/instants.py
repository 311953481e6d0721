"""When things happened, as well as it can be known. Pure.

Servers tell times in whole seconds, and durations to the microsecond (DIFY.md section 4). Who
watches a stream live also knows when each event arrived, by a clock that may differ from the
server's; in a file of events that is not known.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

_TICK = 1.0
"""Seconds within which a time of the server lies."""


@attrs.define(eq=False)
class Instant:
    """A moment of a run.

    Args:
        order: Which event told of it.
        stamp: The server's time, in whole Unix seconds; None where it told none.
        arrived: When the event arrived, in seconds by the clock of whoever watched; None where
            nobody did.
        after: A moment that was not later.
        seconds: How long after that one it was, as the server says.
        time: When it was, in seconds by the server's clock; set by `settle`.
    """

    order: int
    stamp: float | None = None
    arrived: float | None = None
    after: Instant | None = None
    seconds: float = 0.0
    time: float = 0.0

    @property
    def least(self) -> float:
        """The time before which it cannot have been."""
        return self.after.time + self.seconds if self.after else float("-inf")


def settle(instants: Iterable[Instant]) -> None:
    """Set the time of every moment of a run.

    Args:
        instants: All of them, in any order.
    """
    ordered = sorted(instants, key=lambda instant: instant.order)
    if any(instant.arrived is not None for instant in ordered):
        _settle_by_arrival(ordered)
    else:
        _settle_by_stamps(ordered)


def ahead(instants: Iterable[Instant]) -> float:
    """Seconds by which the watcher's clock is ahead of the server's, as far as arrivals tell.

    What arrived first after its stamp tells how far the two are apart, at most.

    Args:
        instants: All moments of the run.
    """
    return min(
        (each.arrived - each.stamp for each in instants if each.arrived and each.stamp), default=0.0
    )


def _settle_by_arrival(ordered: list[Instant]) -> None:
    lead = ahead(ordered)
    now = 0.0
    for each in ordered:
        seen = None if each.arrived is None else each.arrived - lead
        if seen is None or (each.stamp is not None and seen > each.stamp + _TICK):
            # Told late, by the replay of a stream that was lost: nobody saw it.
            seen = _unseen(each, now)
        each.time = max(seen, each.after.time) if each.after else seen
        now = each.time


def _unseen(instant: Instant, now: float) -> float:
    """When something was, as the server says; else just after what was told before it."""
    if instant.stamp is None:
        return now
    least = instant.least if instant.after else now
    return min(max(least, instant.stamp), instant.stamp + _TICK)


def _settle_by_stamps(ordered: list[Instant]) -> None:
    """Nothing is later than it has to be, by durations, stamps and the order of events.

    Where in its second the run began is not told: so that no duration crosses into the next one
    too early or too late, it is the least fraction with which the stamps agree.
    """
    base = next((each.stamp for each in ordered if each.stamp is not None), 0.0)
    _run_through(ordered, base)
    late = [each.stamp - each.time for each in ordered if each.stamp is not None]
    offset = max((each for each in late if each < _TICK), default=0.0)
    _run_through(ordered, base + max(offset, 0.0), stamped=True)


def _run_through(ordered: list[Instant], begin: float, *, stamped: bool = False) -> None:
    now = begin
    for each in ordered:
        stamp = each.stamp if stamped and each.stamp is not None else begin
        now = each.time = max(now, each.least, stamp)
