"""Count the instructions for an event with valgrind: the count is the same on a noisy machine.

The client reads bytes in memory. instructions.json has the counts of each Python version, and the
part by which they may grow. `--store` replaces those of this Python.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from .environments import ROOT
from .playback import play, streams

_STORED = Path(__file__).with_suffix(".json")
_FEW, _MANY = 200, 1_200
"""Events of two runs. The difference is the cost of events without start and imports."""


def main() -> int:
    """Compare the counts with the stored ones; return 1 if one has grown too much."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--store", action="store_true", help="store the counts of this Python")
    parser.add_argument("--play", nargs=2, metavar=("STREAM", "EVENTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        name, events = options.play
        play(streams(int(events))[name])
        return 0
    if shutil.which("valgrind") is None:
        print("valgrind is not installed (Debian: apt-get install valgrind): nothing is counted.")
        return 0
    stored = json.loads(_STORED.read_text(encoding="utf-8"))
    counts = {name: _per_event(name) for name in streams(0)}
    version = ".".join(platform.python_version_tuple()[:2])
    if options.store:
        stored["counts"][version] = counts
        _STORED.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    return _compared(counts, stored, version)


def _compared(counts: dict[str, int], stored: dict[str, Any], version: str) -> int:
    known: dict[str, int] = stored["counts"].get(version, {})
    if not known:
        print(f"No counts are stored for Python {version}. Use --store.")
    failures = 0
    print(f"{'instructions an event':<24}{'stored':>10}{'now':>10}")
    for name, count in counts.items():
        before = known.get(name, count)
        grown = count / before - 1
        failures += (is_more := grown > stored["tolerance"])
        verdict = f"  {grown:+.1%}" + (" (too much)" if is_more else "")
        print(f"{name:<24}{before:>10,}{count:>10,}{verdict}")
    return 1 if failures else 0


def _per_event(name: str) -> int:
    return round((_counted(name, _MANY) - _counted(name, _FEW)) / (_MANY - _FEW))


def _counted(name: str, events: int) -> int:
    """Count the instructions of a process that plays this many events."""
    profile = ROOT / "build" / "benchmarks" / f"callgrind.{name}"
    profile.parent.mkdir(parents=True, exist_ok=True)
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}"]
    player = [sys.executable, "-m", "benchmarks.instructions", "--play", name, str(events)]
    # All that may differ between two runs is fixed: hashes, the allocator, and compiled modules.
    fixed = {"PYTHONHASHSEED": "0", "PYTHONMALLOC": "pymalloc", "PYTHONDONTWRITEBYTECODE": ""}
    environment = {**os.environ, **fixed}
    subprocess.run(player, check=True, cwd=ROOT, env=environment)  # Python compiles it
    done = subprocess.run(
        [*valgrind, *player],
        check=True,
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    counted = re.search(r"Collected : (\d+)", done.stderr)
    assert counted is not None, done.stderr
    return int(counted[1])


if __name__ == "__main__":
    sys.exit(main())
