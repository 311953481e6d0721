"""When a call has to be over, and how its phases are cut to that."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequestError

if TYPE_CHECKING:
    from .request import Progress

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


class _CutBounds(dict[str, float | None]):
    """Bounds of which each is cut to what a deadline leaves when its phase begins.

    httpcore takes a bound with `get` when its phase (pool, connect, write, read) begins.
    """

    def __init__(
        self, bounds: dict[str, float | None], deadline: Deadline, progress: Progress
    ) -> None:
        super().__init__(bounds)
        self._deadline = deadline
        self._progress = progress

    def get(self, phase: str, default: Any = None, /) -> Any:
        bound = super().get(phase, default)
        # A read that ends too early breaks a connection of HTTP/2 with all its streams.
        is_left = self._progress.is_shared and phase == "read"
        return bound if is_left else self._deadline.bound(bound)


@lru_cache
def _cut_body_class(package: ModuleType) -> Any:
    """The class of a request's body that is not sent on when a deadline has passed."""

    class CutBody(package.SyncByteStream):  # type: ignore[misc, name-defined]  # known at run time alone
        """A body whose pieces are bounded together; httpcore bounds each alone."""

        def __init__(self, body: Any, deadline: Deadline) -> None:
            self._body = body
            self._deadline = deadline

        def __iter__(self) -> Iterator[bytes]:
            for piece in self._body:
                if self._deadline.has_passed:
                    raise package.WriteTimeout("the deadline passed")
                yield piece

    return CutBody


def cut(request: Any, deadline: Deadline, progress: Progress) -> None:
    """Let a deadline bound each phase of a sync request over a client of the user's."""
    bounds = request.extensions["timeout"]
    request.extensions["timeout"] = _CutBounds(bounds, deadline, progress)
    package = sys.modules[type(request).__module__.partition(".")[0]]  # httpx or httpx2
    request.stream = _cut_body_class(package)(request.stream, deadline)
