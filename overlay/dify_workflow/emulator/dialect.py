"""What one server does differently from another: by its version, and by its settings."""

from __future__ import annotations

import time

import attrs
from attrs.validators import ge, optional


@attrs.frozen
class StopOutcome:
    """How a run ends that is stopped."""

    status: str
    error: str
    """Status and reason in its stream."""
    detail: str
    """Status in run detail and logs; ``running`` for ever on some versions."""
    detail_error: str | None = None
    """The reason there; None for the same as in the stream."""


_BY_USER = "Stopped by user."
_ABORTED = "Aborted: User requested stop"

_STOPPED = StopOutcome("stopped", _BY_USER, detail="stopped")
_LEFT_RUNNING = StopOutcome("stopped", _BY_USER, detail="running")
_FAILED = StopOutcome("failed", _ABORTED, detail="failed")
_FAILED_IN_STREAM = StopOutcome("failed", _ABORTED, detail="stopped")

SHUTDOWN = StopOutcome(
    "stopped",
    "Aborted: Workflow stopped because the worker is shutting down.",
    detail="stopped",
)
"""What becomes of the runs of a worker that is told to end (SIGTERM)."""


@attrs.frozen
class Dialect:
    """What a version of the server does.

    Here stands what cannot be said as "since a version"; all else asks `since` where it is needed.
    """

    version: str
    queue_stop: StopOutcome
    """How a run ends that is stopped, where the queue of its events sees that first."""
    engine_stop: StopOutcome
    """How it ends where the engine does."""
    stop_winner: str = "queue"
    """Which of the two usually does: ``queue`` or ``engine``."""

    def since(self, *release: int) -> bool:
        """Whether it is this release or a later one, as in ``since(1, 13)``.

        Where nobody knows in which release something changed, the first one stands that can be
        emulated and does it.
        """
        return tuple(map(int, self.version.split("."))) >= release

    @property
    def has_old_engine(self) -> bool:
        """Whether workflows run in the engine of 1.8 and before, which 1.9 has replaced."""
        return not self.since(1, 9)

    @property
    def has_workers(self) -> bool:
        """Whether a worker runs what is streamed, and finds bad inputs itself.

        Its streams begin with a ping. Before, the API process does all of it.
        """
        return self.since(1, 13)

    @property
    def has_form_api(self) -> bool:
        """Whether the API has forms and GET /workflow/{run_id}/events.

        1.13 pauses runs as well, but only a browser can answer there.
        """
        return self.since(1, 14)

    @property
    def no_error(self) -> str | None:
        """What ``error`` is where there is none."""
        return "" if self.since(1, 4, 1) and not self.since(1, 9, 2) else None

    @property
    def lingers(self) -> bool:
        """Whether a stream stays open for a second after its last event."""
        return self.since(1, 13) and not self.since(1, 16)


DIALECTS = {
    "1.0": Dialect("1.0.1", _STOPPED, _STOPPED),
    "1.7": Dialect("1.7.2", _STOPPED, _STOPPED),
    "1.9.1": Dialect("1.9.1", _FAILED, _FAILED, "engine"),
    "1.9": Dialect(
        "1.9.2", attrs.evolve(_STOPPED, detail_error=_ABORTED), _FAILED_IN_STREAM, "engine"
    ),
    "1.10": Dialect("1.10.1", _LEFT_RUNNING, _FAILED_IN_STREAM),
    "1.13": Dialect("1.13.3", _LEFT_RUNNING, _FAILED_IN_STREAM),
    "1.14": Dialect("1.14.2", _LEFT_RUNNING, _FAILED_IN_STREAM),
    "1.15": Dialect("1.15.0", _STOPPED, _FAILED_IN_STREAM),
    "1.16": Dialect(
        "1.16.1",
        attrs.evolve(_STOPPED, detail_error="Aborted: App task was stopped"),
        attrs.evolve(_STOPPED, error=_ABORTED),
    ),
}
"""The versions that can be emulated. No exchange with 1.9.1, 1.10 and 1.15 was recorded: they are
their neighbours but for what is known to differ."""


def dialect_of(version: str) -> Dialect:
    """The dialect of a version.

    Args:
        version: Its first two numbers, such as ``"1.14"``; the third counts only in 1.9.1.

    Raises:
        ValueError: It cannot be emulated.
    """
    dialect = DIALECTS.get(version) or DIALECTS.get(".".join(version.split(".")[:2]))
    if dialect is None:
        raise ValueError(f"server_version must be one of {', '.join(DIALECTS)}, not {version!r}")
    return dialect


@attrs.define
class Settings:
    """How the server behaves in time, and what it has; a change counts from then on.

    `Emulator` says what each of them means.

    Raises:
        ValueError: There are fewer than no workers, or the delay is negative.
    """

    ping_interval: float = 10.0
    linger: float = 1.0
    silence: float = 300.0
    workers: int | None = attrs.field(default=None, validator=optional(ge(0)))
    resume_delay: float = attrs.field(default=0.1, validator=ge(0))
    clock_shift: float = 0.0
    date_header: bool = True

    def now(self) -> float:
        """The time by the server's clock (Unix seconds)."""
        return time.time() + self.clock_shift
