"""Streams from memory, timed by pyperf: `make bench-micro`, with `--fast` or `--help`."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyperf has no types.

from __future__ import annotations

from time import perf_counter

import pyperf

from .playback import Stream, play, streams

_EVENTS = 1_000


def main() -> None:
    """Measure the time of an event of each stream."""
    runner = pyperf.Runner(program_args=("-m", "benchmarks.micro"))
    for name, stream in streams(_EVENTS).items():
        runner.bench_time_func(f"event of {name}", _seconds, stream, inner_loops=_EVENTS)


def _seconds(loops: int, stream: Stream) -> float:
    began = perf_counter()
    for _ in range(loops):
        play(stream)
    return perf_counter() - began


if __name__ == "__main__":
    main()
