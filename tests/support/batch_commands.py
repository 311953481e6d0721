"""What tests of the batch command share."""

from __future__ import annotations

import csv
from pathlib import Path

from support.batches import Runs, counts, table
from support.cli import Result, call
from support.waiting import wait_until

KEY = "app-work"


def batch(runs: Runs, folder: Path, *options: str, rows: int = 5) -> Result:
    """Call ``batch`` over so many rows."""
    names = [str(table(folder / "rows.csv", rows)), "--output", str(folder / "results.csv")]
    return call("batch", *names, *options, base_url=runs.emulator.base_url, key=KEY)


def statuses(folder: Path) -> list[str]:
    with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
        return [row["status"] for row in csv.DictReader(file)]


def wait_until_running(journal: Path, count: int) -> None:
    wait_until(lambda: journal.exists() and counts(journal).get("running") == count)
