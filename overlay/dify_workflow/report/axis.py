"""The time axis, on which long waits for people are drawn shorter. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import attrs

from ..timeline.text import duration

_TICKS = 6
"""The approximate number of ticks."""
_APART = 0.07
"""The smallest distance between two ticks, as a share of the axis."""
_LETTER = 0.0127
"""The approximate width of a letter of a label, as a share of the axis."""
_LONG = 0.25
"""A wait longer than this share of the time without waits is shortened."""
_SHORT = 0.12
"""The share of the axis that a shortened wait gets."""
_STEPS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400),
)
"""Round numbers of seconds."""


@attrs.frozen
class Tick:
    """A time on the axis."""

    place: float  # from 0 to 1
    text: str  # the time since the run began, or since the last wait

    def is_clear_of(self, earlier: Tick) -> bool:
        """Whether the labels of both can be read beside each other."""
        letters = (len(earlier.text) * (2 if earlier.place == 0 else 1) + len(self.text)) / 2 + 1
        return self.place - earlier.place >= max(_APART, letters * _LETTER)


@attrs.frozen
class _Piece:
    """A part of the axis between two times, and the width it is drawn with."""

    begin: float
    end: float
    room: float
    is_wait: bool


class Axis:
    """Maps a time to its place on the axis.

    Args:
        begin: The first time, in seconds.
        end: The last one.
        waits: Start and end of each time in which the run waited for people, in order.
    """

    def __init__(self, begin: float, end: float, waits: Iterable[tuple[float, float]] = ()) -> None:
        self.begin, self.end = begin, max(end, begin + 0.001)
        waits = [(since, until) for since, until in waits if begin <= since < until <= self.end]
        active = self.end - self.begin - sum(until - since for since, until in waits)
        self._pieces = list(_pieces(self.begin, self.end, waits, max(active, 0.001)))
        if all(piece.is_wait for piece in self._pieces):  # there is nothing else to show
            self._pieces = list(_pieces(self.begin, self.end, (), 1.0))
        self._room = sum(piece.room for piece in self._pieces)

    def place(self, time: float) -> float:
        """Return the place of a time, from 0 to 1."""
        done = 0.0
        for piece in self._pieces:
            if time < piece.end:
                share = max(time - piece.begin, 0.0) / (piece.end - piece.begin)
                return (done + share * piece.room) / self._room
            done += piece.room
        return 1.0

    @property
    def is_broken(self) -> bool:
        """Whether a wait is shortened."""
        return any(piece.is_wait for piece in self._pieces)

    def ticks(self) -> Sequence[Tick]:
        """Return round times, far enough apart to read their labels."""
        active = sum(piece.room for piece in self._pieces if not piece.is_wait)
        step = _step(active / _TICKS)
        found: list[Tick] = []
        for piece in self._pieces:
            if piece.is_wait:
                continue
            since = piece.begin - self.begin
            for count in range(int((piece.end - piece.begin) / step) + 1):
                place = self.place(piece.begin + count * step)
                text = "0 s" if not (since or count) else _tick_text(since, count * step, step)
                tick = Tick(place, text)
                if not found or tick.is_clear_of(found[-1]):
                    found.append(tick)
        return [tick for tick in found if tick.place <= 1 - _APART / 2] or found[:1]


def _pieces(
    begin: float, end: float, waits: Iterable[tuple[float, float]], active: float
) -> Iterable[_Piece]:
    at = begin
    for since, until in waits:
        if until - since <= _LONG * active or since < at:
            continue
        if since > at:
            yield _Piece(at, since, since - at, is_wait=False)
        yield _Piece(since, until, _SHORT * active, is_wait=True)
        at = until
    if at < end:
        yield _Piece(at, end, end - at, is_wait=False)


def _step(least: float) -> float:
    """Return the next round number of seconds."""
    found = next((step for step in _STEPS if step >= least), None)
    return found or math.ceil(least / 86400) * 86400


def _tick_text(since: float, passed: float, step: float) -> str:
    """Return the time since the run began or, after a wait, the time since the wait ended."""
    if since and not passed:
        return duration(since)
    sign = "+" if since else ""
    if step < 1:
        short = f"{passed * 1000:.0f} ms" if passed < 1 else f"{passed:.3f}".rstrip("0") + " s"
        return sign + short.replace(". s", " s")
    seconds = f"{passed:g} s" if passed < 60 else duration(passed)  # noqa: PLR2004  # a minute
    return sign + seconds
