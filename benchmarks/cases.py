"""What is measured, against what, and what it may cost."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal, Self

PEERS = ("httpx_sse", "dify_client", "dify_oapi2", "dify_client_python", "pydify")
LAYERS = ("layer_transport", "layer_sse")
"""This client's own way down, cut off earlier: what each part of it takes."""

SYNC, ASYNC = "dify_workflow", "dify_workflow_async"
BARE, BARE_ASYNC = "httpx_bare", "httpx_bare_async"
FLOOR = "raw_socket"


@dataclass(frozen=True)
class Unit:
    """What a figure without a contestant to compare with is divided by.

    Args:
        size: In seconds or bytes.
        name: As the table shows it.
    """

    size: float
    name: str


@dataclass(frozen=True)
class Case:
    """A line of the table for each contestant.

    Args:
        name: To choose it with.
        title: What people read.
        method: Which method of the contestants.
        contestants: Files of ``contestants/``.
        against: The contestant whose time is 1, or a unit.
        target: What this client may be, at most.
        scene: What the server plays.
        amount: How much of it; ``--scale`` makes it less.
        repeat: How often in one process; the median counts.
        rounds: How often at most, in processes of their own.
        times: How many rounds for each that is asked for, of this client and what it is compared
            with: more where laps are short, and a hiccup of the machine counts for much.
        measure: Whether time counts, or how much the peak of memory grows.
        warm_up: Scene that is played before.
        quick: Whether ``make bench-quick`` measures it.
    """

    name: str
    title: str
    method: str
    contestants: tuple[str, ...]
    against: str | Unit
    target: float
    scene: str = "words"
    amount: int = 100
    repeat: int = 1
    rounds: int = 100
    times: int = 1
    measure: Literal["seconds", "memory"] = "seconds"
    warm_up: str = "words/100"
    quick: bool = False

    @property
    def units(self) -> str:
        """What the figures are multiples of."""
        return self.against.name if isinstance(self.against, Unit) else "×"

    def only(self, contestants: Collection[str]) -> Self:
        """The case for those of its contestants that are among these."""
        return replace(self, contestants=tuple(c for c in self.contestants if c in contestants))


CASES = (
    Case(
        "words",
        "100,000 text chunks of 300 bytes, an HTTP chunk each",
        "stream",
        (SYNC, BARE, FLOOR, *LAYERS, *PEERS),
        BARE,
        1.3,
        amount=100_000,
        quick=True,
        times=2,
    ),
    Case(
        "words-async",
        "the same, async",
        "stream",
        (ASYNC, BARE_ASYNC),
        BARE_ASYNC,
        1.3,
        amount=100_000,
        quick=True,
        times=2,
    ),
    Case(
        "text",
        "the same, reading event.data.text of each",
        "text",
        (SYNC, BARE),
        BARE,
        1.6,
        amount=100_000,
        quick=True,
        times=2,
    ),
    Case(
        "text-async",
        "the same, async",
        "text",
        (ASYNC, BARE_ASYNC),
        BARE_ASYNC,
        1.6,
        amount=100_000,
        times=2,
    ),
    Case(
        "blocks",
        "100,000 text chunks of 300 bytes in HTTP chunks of 64 kB",
        "stream",
        (SYNC, BARE, FLOOR, *LAYERS, *PEERS),
        BARE,
        3.0,
        "blocks",
        amount=100_000,
        quick=True,
        times=2,
    ),
    Case(
        "nodes",
        "10,000 finished nodes of 4.7 kB, an HTTP chunk each",
        "stream",
        (SYNC, BARE),
        BARE,
        1.3,
        "nodes",
        amount=10_000,
        quick=True,
        times=3,
    ),
    Case(
        "large",
        "one event of 20 MB",
        "stream",
        (SYNC, BARE),
        BARE,
        2.5,
        "large",
        amount=20_000_000,
        times=5,
    ),
    Case(
        "large-memory",
        "memory for one event of 20 MB, at its peak",
        "stream",
        (SYNC, ASYNC),
        Unit(20_000_000, "× its size"),
        4.0,
        "large",
        amount=20_000_000,
        rounds=1,
        measure="memory",
    ),
    Case("info", "info() over a kept connection", "info", (SYNC, BARE), BARE, 1.15, repeat=500),
    Case(
        "info-async",
        "the same, async",
        "info",
        (ASYNC, BARE_ASYNC),
        BARE_ASYNC,
        1.15,
        repeat=500,
    ),
    Case(
        "blocking",
        "a blocking run over a kept connection",
        "blocking",
        (SYNC, BARE),
        BARE,
        1.15,
        repeat=500,
        quick=True,
    ),
    Case(
        "first-event",
        "time to the first event, over a kept connection",
        "first_event",
        (SYNC, BARE),
        BARE,
        1.15,
        "words",
        amount=10,
        repeat=500,
        quick=True,
    ),
    Case(
        "runs",
        "200 runs of 0.2 s at once",
        "runs",
        (ASYNC, BARE_ASYNC),
        BARE_ASYNC,
        1.15,
        "slow",
        amount=200,
        times=3,
    ),
    Case(
        "long-runs",
        "200 runs of 7 s at once",
        "runs",
        (ASYNC, BARE_ASYNC),
        BARE_ASYNC,
        1.15,
        "slow",
        amount=7_000,
    ),
    Case(
        "import",
        "import dify_workflow, against import httpx, attrs",
        "import",
        (SYNC, "imports"),
        "imports",
        1.25,
        quick=True,
        times=3,
    ),
    Case(
        "construction",
        "the first DifyWorkflow(…) of a process",
        "open",
        (SYNC, ASYNC),
        Unit(0.001, "ms"),
        1.0,
        quick=True,
    ),
    Case(
        "memory",
        "growth of memory over 1,000,000 events",
        "stream",
        (SYNC, ASYNC),
        Unit(1_000_000, "MB"),
        2.0,
        amount=1_000_000,
        rounds=1,
        measure="memory",
        warm_up="words/20000",
    ),
)
