"""How far httpcore has got with a request, and how long each of its steps may still take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from ._deadline import Deadline


class Phases(dict[str, float | None]):
    """The bounds of a request's phases (pool, connect, write, read), which notes what was begun.

    httpcore takes a bound with `get` when its phase begins.

    Args:
        bounds: Seconds by phase; None for no bound.
    """

    def __init__(self, bounds: Mapping[str, float | None]) -> None:
        super().__init__(bounds)
        self._begun: set[str] = set()

    def get(self, phase: str, default: Any = None, /) -> Any:
        self._begun.add(phase)
        return super().get(phase, default)

    @property
    def may_be_sent(self) -> bool:
        """Whether the request may have left; transports of the user's own do not show it."""
        return not self._begun or not self._begun <= {"pool", "connect"}


class CutPhases(Phases):
    """Bounds of which each is cut to what a deadline leaves when its phase begins.

    Threads cannot be cancelled as tasks can, so this is how a deadline reaches into a request.

    Args:
        bounds: Seconds by phase; None for no bound.
        deadline: When the request has to be over.
    """

    def __init__(self, bounds: Mapping[str, float | None], deadline: Deadline) -> None:
        super().__init__(bounds)
        self._deadline = deadline
        self._is_shared = False

    def get(self, phase: str, default: Any = None, /) -> Any:
        bound = super().get(phase, default)
        # A read that ends too early breaks a connection of HTTP/2 with all its streams.
        return bound if self._is_shared and phase == "read" else self._deadline.bound(bound)

    def trace(self, step: str, _details: Mapping[str, Any]) -> None:
        """Take what httpcore's extension "trace" tells of each step."""
        self._is_shared = self._is_shared or step.startswith("http2.")


class CutBody(httpx.SyncByteStream):
    """The body of a request, which is not sent on when a deadline has passed.

    httpcore bounds each piece, and not their sum.

    Args:
        body: The body itself.
        deadline: When the request has to be over.
    """

    def __init__(self, body: httpx.SyncByteStream, deadline: Deadline) -> None:
        self._body = body
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._body:
            if self._deadline.has_passed:
                raise httpx.WriteTimeout("the deadline passed")
            yield piece


def cut(request: httpx.Request, deadline: Deadline) -> None:
    """Let a deadline bound every step of a request that a thread sends.

    Not bounded are name resolution and, each on its own, further addresses of a host and the TLS
    handshake: what they take comes on top, at most the bound for connecting each.
    """
    if not deadline.is_set:
        return
    phases = CutPhases(request.extensions["timeout"], deadline)
    request.extensions["timeout"] = phases
    request.extensions["trace"] = phases.trace
    assert isinstance(request.stream, httpx.SyncByteStream)
    request.stream = CutBody(request.stream, deadline)


def watch(request: httpx.Request) -> Phases:
    """Note how far a request gets that a task sends, and may be cancelled in."""
    phases = request.extensions["timeout"] = Phases(request.extensions["timeout"])
    return phases
