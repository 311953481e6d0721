"""The cases: what is measured, compared with what, and the target of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

PEERS = ("httpx_sse", "dify_client", "dify_oapi2", "dify_client_python", "pydify")
LIVE_PEERS = ("aiohttp_bare", "httpx2_bare_async", "dify_client_python", "openai_decoder")
"""Contestants with async code."""

LIVE_STREAMS = 50
"""Number of live streams that a contestant reads at once."""

LIVE_RATE = 50
"""Events a second of each stream."""

SYNC, ASYNC, AIOHTTP = "dify_workflow", "dify_workflow_async", "dify_workflow_aiohttp"
BARE, BARE_ASYNC = "httpx_bare", "httpx_bare_async"
RELAY, RELAY_AIOHTTP, BARE_RELAY = (
    "dify_workflow_relay",
    "dify_workflow_relay_aiohttp",
    "httpx_relay",
)
DECODED = "httpx_orjson"
FLOOR, LIVE_FLOOR = "raw_socket", "asyncio_raw"


@dataclass(frozen=True)
class Unit:
    """A unit for figures that are not compared with another contestant.

    Args:
        size: Its size in seconds or bytes.
        name: Its name in the table.
    """

    size: float
    name: str


@dataclass(frozen=True)
class Case:
    """A case. The table has a line for each of its contestants.

    Args:
        name: Its name on the command line.
        title: Its name in tables.
        method: The contestants' method.
        contestants: Files of ``contestants/``.
        against: The contestant whose time counts as 1, or a unit.
        target: The upper limit for this client.
        targets: Other limits, by contestant.
        scene: The scene that the server plays.
        amount: The amount of it; ``--scale`` reduces it.
        repeat: Number of calls in one process; the median is used.
        rounds: Largest number of rounds, each in a new process.
        times: Factor for the number of rounds of this client and of what it is compared with. It is
            larger for short laps, on which other load has more effect.
        measure: Whether to measure time, CPU time, or the growth of peak memory.
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
        """The unit of the figures."""
        return self.against.name if isinstance(self.against, Unit) else "×"

    def only(self, contestants: Collection[str]) -> Self:
        """Return the case with only these contestants."""
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
        "relay",
        "examples/relay with 100 live streams, the processor's time, against one on bare httpx",
        "relay",
        (RELAY, RELAY_AIOHTTP, BARE_RELAY),
        BARE_RELAY,
        1.0,
        {RELAY_AIOHTTP: 0.65},
        scene="live",
        amount=100,
        measure="cpu",
        warm_up="live/5",
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
