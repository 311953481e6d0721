"""The rows, the server that runs them, and the measurement of their cost."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import attrs

from dify_workflow.emulator import Emulator, Input, node, workflow

CONCURRENCY = 16
KEY = "app-work"
WORK = 0.01
"""Seconds of a run."""


@attrs.frozen
class Names(Iterable[dict[str, str]]):
    """A number of rows, made on demand."""

    count: int

    def __iter__(self) -> Iterator[dict[str, str]]:
        return ({"name": f"Name {number}"} for number in range(self.count))


@attrs.frozen
class Cost:
    """The cost of one row: milliseconds of time, and of this process's CPU time."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} ms a row, {self.cpu:.2f} ms of CPU"


class Meter:
    """Measures the cost of running a number of rows, from its creation on."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._began, self._used = time.perf_counter(), time.process_time()

    def read(self) -> Cost:
        """Return the cost so far."""
        wall, cpu = time.perf_counter() - self._began, time.process_time() - self._used
        return Cost(wall / self._count * 1000, cpu / self._count * 1000)


@attrs.frozen
class Memory:
    """Memory of this process in MB: at present, and the highest."""

    now: float
    peak: float

    @classmethod
    def read(cls) -> Self:
        """Measure it."""
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        status = Path("/proc/self/status").read_text(encoding="ascii")
        (peak,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
        return cls(pages * resource.getpagesize() / 1e6, int(peak.split()[1]) * 1024 / 1e6)


@contextmanager
def server(linger: float = 1.0) -> Iterator[str]:
    """Yield the base URL of a server in its own process.

    Args:
        linger: Seconds that it leaves a stream open after its last event, like Dify 1.13 to 1.15
            and 1.17. Other versions end it at once.
    """
    ours, theirs = multiprocessing.Pipe()
    spawned = multiprocessing.get_context("spawn")
    process = spawned.Process(target=_serve, args=(theirs, linger))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("end")
        process.join()


def _serve(told: Connection, linger: float) -> None:
    @workflow(Input("name"))
    def work(inputs: dict[str, Any]) -> Any:
        yield from node("think", seconds=WORK)
        return {"greeting": f"Hello {inputs['name']}"}

    with Emulator(work, linger=linger) as emulator:
        told.send(emulator.base_url)
        told.recv()
