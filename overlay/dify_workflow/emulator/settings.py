"""How the emulator behaves in time, and what its server has."""

from __future__ import annotations

import time

import attrs
from attrs.validators import ge, optional


@attrs.define
class Settings:
    """What tests and users can set; a change counts from then on.

    Args:
        ping_interval: Seconds between the pings of a stream.
        linger: Seconds that a stream stays open after the run's last event.
        silence: Seconds without an event after which the server ends a stream.
        workers: Most streamed runs at the same time; None for any number.
        resume_delay: Seconds from the answer to a form until a worker takes up the run.
        clock_shift: Seconds by which the server's clock is ahead; negative where it is behind.
        date_header: Whether answers have a ``Date`` header.

    Raises:
        ValueError: There are less than no workers, or the delay is negative.
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
