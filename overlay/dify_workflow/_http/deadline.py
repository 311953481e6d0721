"""The deadline of a call, and the timeouts of its phases that follow from it."""

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
"""A deadline counts as passed this many seconds early, because clocks have a resolution."""

_SHORTEST = 0.001
"""The shortest timeout for a socket (seconds). 0 would mean: do not wait at all."""

_LONGEST = 1e6
"""The longest timeout that sockets accept on all systems (seconds; eleven days)."""

_FAR = 1e9
"""The longest deadline (seconds; thirty years), so that it can be added to a clock."""


class Deadline:
    """The time by which a call of a method must be over. It starts now.

    Args:
        method: Name of the method, for messages.
        seconds: How long the call may take.
        stops: Whether to stop its run at the deadline.
    """

    __slots__ = ("_end", "method", "seconds", "stops")

    def __init__(self, method: str = "", seconds: float = math.inf, *, stops: bool = False) -> None:
        self.method = method
        self.seconds = seconds
        self.stops = stops
        self._end = time.monotonic() + seconds

    @property
    def is_set(self) -> bool:
        """Whether there is a deadline."""
        return self.seconds < math.inf

    @property
    def left(self) -> float:
        """Seconds until the deadline: infinity if there is none, 0 if it has passed."""
        return max(0.0, self._end - time.monotonic())

    @property
    def has_passed(self) -> bool:
        """Whether the deadline has passed."""
        return self.left <= _TICK

    def bound(self, seconds: float | None = None) -> float | None:
        """The timeout of a wait: `seconds`, or the time until the deadline if that is shorter."""
        left = self.left
        if left == math.inf:
            return seconds
        return max(_SHORTEST, min(left, _LONGEST if seconds is None else seconds))


NO_DEADLINE = Deadline()
"""A deadline that never passes."""


def deadline_in(seconds: float | None, method: str, *, stops: bool = False) -> Deadline:
    """The deadline of a method that is called now.

    Args:
        seconds: How long the call may take; None for no deadline.
        method: Name of the method.
        stops: Whether to stop its run at the deadline.

    Raises:
        InvalidRequestError: It is not a number of seconds, or `stops` is set without a deadline.
    """
    if seconds is None:
        if stops:
            raise InvalidRequestError(
                f"{method}: stop_on_deadline needs a deadline; pass deadline=SECONDS."
            )
        return NO_DEADLINE
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds < math.inf:
        raise InvalidRequestError(
            f"{method}: deadline must be a number of seconds above zero, or None for none, not "
            f"{seconds!r}."
        )
    return Deadline(method, float(min(seconds, _FAR)), stops=stops)


class _CutBounds(dict[str, float | None]):
    """Timeouts that end at the deadline, if it comes first.

    httpcore reads a timeout with `get` when its phase (pool, connect, write, read) begins.
    """

    def __init__(
        self, bounds: dict[str, float | None], deadline: Deadline, progress: Progress
    ) -> None:
        super().__init__(bounds)
        self._deadline = deadline
        self._progress = progress

    def get(self, phase: str, default: Any = None, /) -> Any:
        bound = super().get(phase, default)
        # A read timeout would break a connection of HTTP/2 with all its streams.
        is_left = self._progress.is_shared and phase == "read"
        return bound if is_left else self._deadline.bound(bound)


@lru_cache
def _cut_body_class(package: ModuleType) -> Any:
    """The class of a request body that stops at a deadline, for httpx or httpx2."""

    class CutBody(package.SyncByteStream):  # type: ignore[misc, name-defined]  # known only at run time
        """A body with one deadline for all pieces; httpcore has a timeout for each piece."""

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
    """Apply a deadline to each phase of a sync request that the user's own client sends."""
    bounds = request.extensions["timeout"]
    request.extensions["timeout"] = _CutBounds(bounds, deadline, progress)
    package = sys.modules[type(request).__module__.partition(".")[0]]  # httpx or httpx2
    request.stream = _cut_body_class(package)(request.stream, deadline)
