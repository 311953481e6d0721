"""How servers differ: by version and by settings."""

from __future__ import annotations

import time

import attrs
from attrs.validators import optional

from .. import _checks as checks


@attrs.frozen
class StopOutcome:
    """How a stopped run ends."""

    status: str
    error: str
    """Status and reason in its stream."""
    detail: str
    """Status in run detail and logs. On some versions it stays ``running`` for ever."""
    detail_error: str | None = None
    """The reason in run detail and logs; None for the same as in the stream."""


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
"""How the runs of a worker end when the worker gets SIGTERM."""


@attrs.frozen
class Dialect:
    """What a version of the server does.

    This class has what "since a version" cannot express. Other code calls `since` directly.
    """

    version: str
    queue_stop: StopOutcome
    """How a stopped run ends if the queue of its events sees the stop first."""
    engine_stop: StopOutcome
    """How it ends if the engine sees it first."""
    stop_winner: str = "queue"
    """Which of the two is usually first: ``queue`` or ``engine``."""

    def since(self, *release: int) -> bool:
        """Whether it is this release or a later one, as in ``since(1, 13)``.

        If the release of a change is unknown, the code names the first release that can be emulated
        and has the change.
        """
        return tuple(map(int, self.version.split("."))) >= release

    @property
    def has_old_engine(self) -> bool:
        """Whether workflows run in the engine of 1.8 and before. 1.9 replaced it."""
        return not self.since(1, 9)

    @property
    def has_workers(self) -> bool:
        """Whether a worker executes streamed runs and checks their inputs.

        Its streams begin with a ping. In earlier versions, the API process does all of it.
        """
        return self.since(1, 13)

    @property
    def has_form_api(self) -> bool:
        """Whether the API has forms and GET /workflow/{run_id}/events.

        1.13 pauses runs as well, but forms can only be answered in a browser.
        """
        return self.since(1, 14)

    @property
    def no_error(self) -> str | None:
        """The value of ``error`` if there is no error."""
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
"""The versions that can be emulated. No exchange with 1.9.1, 1.10 and 1.15 was recorded, so they
differ from their neighbours only where that is known."""


def dialect_of(version: str, *, mends_stops: bool = False) -> Dialect:
    """Return the dialect of a version.

    Args:
        version: Its first two numbers, such as ``"1.14"``; the third matters only in 1.9.1.
        mends_stops: Whether stopped runs become ``stopped`` where it would leave them ``running``.

    Raises:
        TypeError: The version is not text.
        ValueError: The version cannot be emulated.
    """
    checks.check_type("server_version", version, str)
    dialect = DIALECTS.get(version) or DIALECTS.get(".".join(version.split(".")[:2]))
    if dialect is None:
        raise ValueError(f"server_version must be one of {', '.join(DIALECTS)}, not {version!r}")
    if mends_stops and dialect.queue_stop.detail == "running":
        queue_stop = attrs.evolve(dialect.queue_stop, detail="stopped")
        return attrs.evolve(dialect, queue_stop=queue_stop)
    return dialect


_YEARS = 1e9
"""The longest shift of the clock, in seconds: about 30 years."""


@attrs.define
class Settings:
    """Times and resources of the server. A change has effect from then on.

    `Emulator` describes them.

    Raises:
        TypeError: A value has another type.
        ValueError: A number is too small.
    """

    ping_interval: float = attrs.field(default=10.0, validator=checks.number(0.001))
    linger: float = attrs.field(default=1.0, validator=checks.number())
    silence: float = attrs.field(default=300.0, validator=checks.number())
    workers: int | None = attrs.field(
        default=None, validator=optional(checks.number(is_whole=True))
    )
    resume_delay: float = attrs.field(default=0.1, validator=checks.number())
    clock_shift: float = attrs.field(default=0.0, validator=checks.number(-_YEARS, _YEARS))
    date_header: bool = attrs.field(default=True, validator=checks.is_a(bool))

    def now(self) -> float:
        """Return the time by the server's clock (Unix seconds)."""
        return time.time() + self.clock_shift
