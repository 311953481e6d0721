"""The cost of a batch compared with a bare httpx loop, and whether its memory grows."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import attrs
import httpx

from dify_workflow import DifyWorkflow
from dify_workflow.batch import run_batch

from .work import CONCURRENCY, KEY, WORK, Cost, Memory, Meter, Names, server


@attrs.frozen
class Scene:
    """A kind of server, and how a bare loop reads its streams.

    Args:
        name: Its description.
        linger: Seconds that the server leaves a stream open after its last event.
        to_end: Whether the loop reads each stream to its end, which keeps the connection for the
            next row. If streams stay open, a loop would not wait for that.
    """

    name: str
    linger: float
    to_end: bool


LINGERING = Scene("streams stay open for 1 s (Dify 1.13 to 1.15, 1.17)", 1.0, to_end=False)
ENDING = Scene("streams end with the run (other versions)", 0.0, to_end=True)


def show_overhead(scene: Scene, count: int, rounds: int, folder: Path) -> None:
    """Print the cost of rows, run in turns by a batch and by a bare loop.

    The batch resumes its journal in each round, and reads the finished rows again.

    Args:
        scene: The kind of server.
        count: Number of rows.
        rounds: Number of rounds for the rows.
        folder: Folder of the journal.
    """
    size = count // rounds
    costs: list[tuple[Cost, Cost]] = []
    memory: list[Memory] = []
    print(f"{count:,} rows of {WORK * 1000:.0f} ms, {CONCURRENCY} at a time; {scene.name}:")
    with server(scene.linger) as ours, server(scene.linger) as theirs:
        bare(theirs, range(CONCURRENCY), scene)
        for number in range(rounds):
            meter = Meter(size)
            batch(ours, size * (number + 1), folder / "overhead")
            costs.append(
                (meter.read(), bare(theirs, range(size * number, size * (number + 1)), scene))
            )
            memory.append(Memory.read())
            _note(number + 1, rounds, costs[-1], memory[-1])
    _show("a bare httpx loop", [bare for _, bare in costs])
    _show("a batch", [batch for batch, _ in costs])
    for what in ("wall", "cpu"):
        ratios = [getattr(batch, what) / getattr(bare, what) for batch, bare in costs]
        clock = "on the clock" if what == "wall" else "of CPU"
        print(
            f"  {statistics.median(ratios):.2f} times as much {clock} "
            f"({min(ratios):.2f} to {max(ratios):.2f} in {rounds} rounds)"
        )
    shown = ", ".join(f"{each.now:.0f}" for each in memory)
    print(f"  memory after each round: {shown} MB", flush=True)


def _note(number: int, rounds: int, costs: tuple[Cost, Cost], memory: Memory) -> None:
    batch, bare = costs
    ratio = batch.wall / bare.wall
    print(
        f"  round {number} of {rounds}: batch {batch}; bare {bare}; {ratio:.2f} times; "
        f"{memory.now:.0f} MB",
        file=sys.stderr,
        flush=True,
    )


def _show(name: str, costs: Sequence[Cost]) -> None:
    cost = Cost(*(statistics.median(each) for each in zip(*map(attrs.astuple, costs), strict=True)))
    print(f"  {name}: {1000 / cost.wall:,.0f} rows/s, {cost}")


def batch(base_url: str, count: int, journal: Path) -> None:
    """Run the rows that are not in the journal yet."""
    with DifyWorkflow(KEY, base_url=base_url) as client:
        summary = run_batch(
            client, Names(count), journal=journal, concurrency=CONCURRENCY, resume=True
        )
    assert summary.counts == {"succeeded": count}, summary


def bare(base_url: str, numbers: range, scene: Scene) -> Cost:
    """Run rows with httpx alone: no journal, no recovery, no checks."""

    async def slot(client: httpx.AsyncClient, left: Iterator[dict[str, str]]) -> None:
        for row in left:
            body = {"inputs": row, "response_mode": "streaming", "user": "bench"}
            headers = {"Authorization": f"Bearer {KEY}"}
            url = f"{base_url}/workflows/run"
            async with client.stream("POST", url, json=body, headers=headers) as response:
                async for line in response.aiter_lines():
                    if line.startswith("data: "):
                        event = json.loads(line.removeprefix("data: "))
                        if event["event"] == "workflow_finished":
                            assert event["data"]["status"] == "succeeded"
                            if not scene.to_end:
                                break

    async def run() -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            left = islice(Names(numbers.stop), numbers.start, None)
            await asyncio.gather(*(slot(client, left) for _ in range(CONCURRENCY)))

    meter = Meter(len(numbers))
    asyncio.run(run())
    return meter.read()
