"""Runs the benchmarks and prints one table; `make bench` and `make bench-quick`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from .cases import AIOHTTP, ASYNC, BARE, BARE_ASYNC, CASES, SYNC, Case
from .environments import ROOT, python
from .publish import publish
from .race import Course, Result, race
from .server import server
from .table import plain, written

_OUTPUT = ROOT / "build" / "benchmarks" / "results.json"
_QUICK = (SYNC, ASYNC, AIOHTTP, BARE, BARE_ASYNC, "imports")


def main() -> int:
    """Run the requested cases."""
    options = _options()
    cases = _chosen(options.case, quick=options.quick)
    for case in cases:
        for contestant in case.contestants:
            python(contestant)  # installs it
    results: list[Result] = []
    with server() as base_url:
        course = Course(base_url, options.rounds, options.scale)
        for case in cases:
            done = race(case, course)
            print(plain(done), end="\n\n", flush=True)
            results += done
    _OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    _OUTPUT.write_text(written(results), encoding="utf-8")
    if options.publish:
        publish(results)
    missed = sum(result.has_target and not result.holds for result in results)
    missed_are = {0: "No target is missed", 1: "1 target is missed"}
    said = missed_are.get(missed, f"{missed} targets are missed")
    print(f"{said}; all figures are in {_OUTPUT.relative_to(ROOT)}.")
    return 0  # a missed target is not an error: machines differ


def _options() -> argparse.Namespace:
    names = ", ".join(case.name for case in CASES)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("case", nargs="*", help=f"names of cases, by default all: {names}")
    parser.add_argument("--quick", action="store_true", help="only this client and bare httpx")
    parser.add_argument("--rounds", type=int, help="rounds of a long case (default 5; 3 if quick)")
    parser.add_argument("--scale", type=float, default=1.0, help="part of each amount (default 1)")
    parser.add_argument("--publish", action="store_true", help="write docs/performance.*")
    options = parser.parse_args()
    if options.publish and (options.case or options.quick or options.scale < 1):
        parser.error("only the results of all cases, unscaled, are published")
    options.rounds = options.rounds or (3 if options.quick else 5)
    return options


def _chosen(names: Sequence[str], *, quick: bool) -> list[Case]:
    """Return the cases of these names, or the quick ones if there are no names."""
    unknown = set(names) - {case.name for case in CASES}
    if unknown:
        sys.exit(f"There is no case {', '.join(sorted(unknown))}; see --help.")
    chosen = [case for case in CASES if (case.name in names if names else case.quick or not quick)]
    return [replace(case.only(_QUICK), times=1) for case in chosen] if quick else chosen


if __name__ == "__main__":
    sys.exit(main())
