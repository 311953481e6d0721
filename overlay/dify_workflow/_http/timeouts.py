"""How long each phase of a request may take: connecting, sending, waiting for bytes.

`Deadline` bounds all of a call; here each phase is cut to what the deadline leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import httpx

from .._deadline import Deadline
from .libraries import CALL_TIMEOUT, Progress, package_of
from .options import NotGiven

if TYPE_CHECKING:
    from .request import Call

_STREAM_TIMEOUT = httpx.Timeout(connect=5.0, read=35.0, write=30.0, pool=30.0)
"""Servers ping every 10 s, so 35 s of silence are three pings missed."""

_HTTPX_TIMEOUT = httpx.Timeout(5.0)
"""What httpx has by default: a client with it was not set up for streams, so it does not count."""


def bounds_of(client: Any, call: Call[Any]) -> dict[str, float | None]:
    """The call's own bounds, else those of the user's httpx client, else the ones for its kind."""
    timeout: Any = call.options.timeout
    if isinstance(timeout, NotGiven):
        timeout = client.timeout
        if timeout.as_dict() in (_HTTPX_TIMEOUT.as_dict(), CALL_TIMEOUT.as_dict()):
            is_stream = call.operation.answer == "events"
            timeout = _STREAM_TIMEOUT if is_stream else CALL_TIMEOUT
    bounds = timeout if hasattr(timeout, "as_dict") else httpx.Timeout(timeout)
    return dict(bounds.as_dict())


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
    request.stream = _cut_body_class(package_of(request))(request.stream, deadline)
