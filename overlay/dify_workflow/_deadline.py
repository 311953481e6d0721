"""When a call has to be over."""

from __future__ import annotations

import math
import time

from .errors import InvalidRequestError

_TICK = 0.01
"""Seconds by which a wait may end early, since clocks have steps; so near, a deadline has passed.
"""

_SHORTEST = 0.001
"""Shortest wait in seconds that is a wait: a socket takes 0 for not waiting at all."""

_LONGEST = 1e6
"""Longest wait in seconds that sockets take everywhere (eleven days)."""

_FAR = 1e9
"""Seconds after which nobody waits any more (thirty years), in numbers that clocks can add to."""


class Deadline:
    """When the call of a method has to be over; the clock runs from here on.

    Args:
        method: Name of the method, for messages.
        seconds: How long it may take.
        stops: Whether its run is stopped then.
    """

    __slots__ = ("_end", "method", "seconds", "stops")

    def __init__(self, method: str = "", seconds: float = math.inf, *, stops: bool = False) -> None:
        self.method = method
        self.seconds = seconds
        self.stops = stops
        self._end = time.monotonic() + seconds

    @property
    def is_set(self) -> bool:
        """Whether there is one at all."""
        return self.seconds < math.inf

    @property
    def left(self) -> float:
        """Seconds until then: infinite where there is none, 0 where it has passed."""
        return max(0.0, self._end - time.monotonic())

    @property
    def has_passed(self) -> bool:
        """Whether it is over."""
        return self.left <= _TICK

    def bound(self, seconds: float | None = None) -> float | None:
        """A wait of at most so many seconds that ends with the deadline; None for no bound."""
        left = self.left
        if left == math.inf:
            return seconds
        return max(_SHORTEST, min(left, _LONGEST if seconds is None else seconds))


NO_DEADLINE = Deadline()
"""Never passes."""


def deadline_in(seconds: float | None, method: str, *, stops: bool = False) -> Deadline:
    """The deadline of a method that was called just now.

    Args:
        seconds: How long it may take; None for as long as it takes.
        method: Its name.
        stops: Whether its run is stopped then.

    Raises:
        InvalidRequestError: That is no number of seconds, or there is nothing to stop a run at.
    """
    if seconds is None:
        if stops:
            raise InvalidRequestError(f"{method}: stop_on_deadline needs a deadline.")
        return NO_DEADLINE
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds < math.inf:
        raise InvalidRequestError(
            f"{method}: deadline must be seconds above zero, or None for none, not {seconds!r}."
        )
    return Deadline(method, float(min(seconds, _FAR)), stops=stops)
