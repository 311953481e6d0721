"""How long a lost run is looked for, and how fast."""

from __future__ import annotations

import attrs

LOST_RUN_TIMEOUT = 300.0
"""Seconds without a sign of life after which a run is given up; servers end silent streams then."""

MAX_REATTACH = 5
"""How often a stream is opened again without anything new, where the server itself answers."""


@attrs.frozen(eq=False, repr=False)
class Pace:
    """How fast a lost run is looked for, all in seconds; tests set a faster one.

    Args:
        first_backoff: Bound of the wait before a stream is taken up for the second time; it doubles
            with each further one.
        longest_backoff: Bound of every such wait.
        first_look: Wait between the first two looks at a run whose events cannot be had; it grows
            by half with each further one.
        longest_look: Bound of every such wait.
        doubt: Silence, but for pings, after which a run is looked up while its stream is open.
        stop: How long a stop may take to show; afterwards a run that is still running will never
            say so (Dify 1.10.1 to 1.14).
        record: How long a server before 1.9.2 may take to write down how a run ended.
        search: How long a run whose id never came is looked for in the log: who waits for an
            outcome should learn soon that it is not known.
        longest_search_wait: Bound of the waits between two looks at the log.
    """

    first_backoff: float = 0.25
    longest_backoff: float = 5.0
    first_look: float = 1.0
    longest_look: float = 10.0
    doubt: float = 5.0
    stop: float = 3.0
    record: float = 2.0
    search: float = 15.0
    longest_search_wait: float = 8.0


_USUAL_PACE = Pace()


class Patience:
    """How long a lost run is looked for.

    Args:
        max_reattach: How often its stream is taken up again without anything new.
        lost_run_timeout: Seconds without a sign of life after which it is given up; None for ever.
        pace: How fast that goes.
    """

    def __init__(
        self,
        max_reattach: int = MAX_REATTACH,
        lost_run_timeout: float | None = LOST_RUN_TIMEOUT,
        pace: Pace = _USUAL_PACE,
    ) -> None:
        self.max_reattach = max_reattach
        self.lost_run_timeout = lost_run_timeout
        self.pace = pace
