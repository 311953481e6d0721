"""Measures the cost of batches, with the emulator in a process of its own.

``make bench-batch`` takes about 20 minutes, mainly for 100,000 rows. With ``--rows 5000 --done
100000`` it takes two. The part with a cluster needs Debian's ``postgresql``.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

from .cluster import show_cluster
from .journal import show_long, show_writes
from .overhead import ENDING, LINGERING, show_overhead


def main() -> None:
    """Print the figures. An amount of 0 leaves a part out."""
    parser = argparse.ArgumentParser("python -m benchmarks.batches", description=__doc__)
    whole = partial(parser.add_argument, type=int, metavar="N")
    whole("--rows", default=100_000, help="rows for streams that stay open")
    whole("--ending-rows", help="rows for streams that end; by default a fifth of --rows")
    whole("--rounds", default=10, help="rounds of batch and loop")
    whole("--done", default=1_000_000, help="rows of the long journal")
    whole("--cluster-rows", default=3_000, help="rows on a cluster")
    given = parser.parse_args()
    ending = given.rows // 5 if given.ending_rows is None else given.ending_rows
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.done:
            show_writes(folder)
            show_long(given.done, folder)
        if given.cluster_rows:
            show_cluster(given.cluster_rows, folder)
        for scene, count in ((LINGERING, given.rows), (ENDING, ending)):
            if count:
                (folder / "overhead").unlink(missing_ok=True)
                show_overhead(scene, count, given.rounds, folder)


if __name__ == "__main__":
    main()
