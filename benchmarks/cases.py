"""What is measured, against what, and what it may cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

PEERS = ("httpx_sse", "dify_client", "dify_oapi2", "dify_client_python", "pydify")
LIVE_PEERS = ("aiohttp_bare", "httpx2_bare_async", "dify_client_python", "openai_decoder")
"""Those that have async."""

LIVE_STREAMS = 50
"""Live streams that a contestant reads at once."""

LIVE_RATE = 50
"""Events a second of each."""

SYNC, ASYNC, AIOHTTP = "dify_workflow", "dify_workflow_async", "dify_workflow_aiohttp"
BARE, BARE_ASYNC = "httpx_bare", "httpx_bare_async"
DECODED = "httpx_orjson"
FLOOR, LIVE_FLOOR = "raw_socket", "asyncio_raw"


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
        targets: The same for single contestants, where it is another one.
        scene: What the server plays.
        amount: How much of it; ``--scale`` makes it less.
        repeat: How often in one process; the median counts.
        rounds: How often at most, in processes of their own.
        times: How many rounds for each that is asked for, of this client and what it is compared
            with: more where laps are short, and a hiccup of the machine counts for much.
        measure: Whether time counts, the processor's time, or how much the peak of memory grows.
        warm_up: Scene that is played before.
        quick: Whether ``make bench-quick`` measures it.
    """

    name: str
    title: str
    method: str
    contestants: tuple[str, ...]
    against: str | Unit
    target: float
    targets: Mapping[str, float] = field(default_factory=dict[str, float])
    scene: str = "words"
    amount: int = 100
    repeat: int = 1
    rounds: int = 100
    times: int = 1
    measure: Literal["seconds", "cpu", "memory"] = "seconds"
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
        "live",
        "a relay: 50 live streams of 50 texts a second, the processor's time",
        "live",
        (ASYNC, AIOHTTP, BARE_ASYNC, LIVE_FLOOR, *LIVE_PEERS),
        BARE_ASYNC,
        1.08,
        {AIOHTTP: 0.5},
        scene="live",
        amount=100,
        measure="cpu",
        warm_up="live/5",
        quick=True,
    ),
    Case(
        "words",
        "a burst: 100,000 texts of 300 bytes, an HTTP chunk each, each text read",
        "stream",
        (SYNC, BARE, DECODED, FLOOR, *PEERS),
        BARE,
        0.6,
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
        0.7,
        amount=100_000,
        quick=True,
        times=2,
    ),
    Case(
        "nodes",
        "10,000 finished nodes of 4.7 kB, an HTTP chunk each, the outputs read",
        "stream",
        (SYNC, BARE, DECODED),
        BARE,
        1.15,
        scene="nodes",
        amount=10_000,
        quick=True,
        times=3,
    ),
    Case(
        "large",
        "one event of 20 MB",
        "stream",
        (SYNC, BARE, DECODED),
        BARE,
        3.0,
        scene="large",
        amount=20_000_000,
        times=3,
    ),
    Case(
        "large-memory",
        "memory for one event of 20 MB, at its peak",
        "stream",
        (SYNC, ASYNC),
        Unit(20_000_000, "× its size"),
        2.2,
        scene="large",
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
        scene="slow",
        amount=200,
        times=3,
    ),
    Case(
        "import",
        "import dify_workflow, against import httpx, attrs",
        "import",
        (SYNC, "imports"),
        "imports",
        1.6,
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
        "open",
        "memory of an open stream, of 200 at once",
        "hold",
        (ASYNC, AIOHTTP, BARE_ASYNC, "aiohttp_bare"),
        Unit(200_000, "kB"),
        50.0,
        scene="open",
        amount=3_000,
        rounds=3,
        measure="memory",
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
