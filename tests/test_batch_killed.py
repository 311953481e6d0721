"""A batch that is killed at any moment is gone on with, and no row is run twice."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from dify_workflow.batch import RowResult, read_rows, run_batch
from support.batches import Runs, counted_runs, in_process, results, table

WORK = 0.04
"""Seconds that a batch may run rows before it is killed: 200 lives are not enough for 500 rows."""

of_many_lives = pytest.mark.parametrize(
    ("kills", "rows"), [(10, 50), pytest.param(200, 500, marks=pytest.mark.slow)]
)


@of_many_lives
def test_killed_at_random_moments_each_row_has_one_result_and_one_run(
    kills: int, rows: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with counted_runs(0.04) as runs:
        found = killed_and_resumed(runs, tmp_path, lambda _: None, kills, rows)
    unknown = assert_each_row_ran_once(found, runs)
    assert len(found) == rows
    assert unknown < rows / 10
    ran = [each for each in found if each.status == "unknown" and runs.counts[each.row["name"]]]
    assert not ran, "they were all in the logs"
    record_property("summary", f"killed {kills} times: {unknown} of {rows} rows unknown")


@pytest.mark.slow
@of_many_lives
def test_killed_at_random_moments_of_a_server_in_trouble(
    kills: int, rows: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    numbers = count()

    def trouble(runs: Runs) -> None:
        faults, run = runs.emulator.faults, "POST /workflows/run"
        number = next(numbers)
        match number % 7:
            case 0:
                faults.cut_stream(after_events=2, ending="reset", on=run, times=2)
            case 1:
                faults.answer(429, retry_after=0, on=run)
            case 2:
                faults.answer(500, on=run)
            case 3:
                faults.drop_first_events(2, on=run, times=2)
            case 4 if number > kills - 30:  # what it leaves is followed in every further life
                faults.kill_worker(after_events=1, on=run)
            case 5:
                faults.cut_stream(on=run)
            case _:
                faults.answer(502, runs_anyway=True, on=run)

    with counted_runs(0.04) as runs:
        found = killed_and_resumed(runs, tmp_path, trouble, kills, rows)
        met = runs.emulator.faults.met
    unknown = assert_each_row_ran_once(found, runs)
    assert len(found) == rows
    assert met > kills / 3
    record_property("summary", f"killed {kills} times, {met} faults: {unknown} of {rows} unknown")


def killed_and_resumed(
    runs: Runs, folder: Path, trouble: Callable[[Runs], object], kills: int, count: int
) -> list[RowResult]:
    """The results of a batch that was killed so often.

    Args:
        runs: Where it runs.
        folder: Where its files are.
        trouble: Called before each process starts.
        kills: How often it is killed.
        count: How many rows it has.
    """
    chance = random.Random(20_261_122)
    rows, journal = table(folder / "rows.csv", count), str(folder / "rows.journal")
    longest = _seconds_to_first_run(runs, folder) + WORK
    for number in range(kills):
        trouble(runs)
        before = runs.counts.total()
        process = in_process(runs.emulator.base_url, rows, journal, concurrency=2)
        if number % 2:  # at least so many are killed while rows run, however slow the machine is
            _wait_for_run(runs, before, longest)
            process.join(chance.uniform(0, WORK))
        else:
            _wait(runs, before, chance.uniform(0, longest))
        assert process.exitcode is None, "it came to its end before it was killed"
        process.kill()
        process.join()
    assert 0 < len(runs.counts) < count
    runs.emulator.faults.clear()
    with runs.client(lost_run_timeout=1.0) as client:
        summary = run_batch(client, read_rows(rows), journal=journal, resume=True, concurrency=16)
    found = results(journal)
    assert summary.unknown == sum(result.status == "unknown" for result in found)
    return found


def _wait_for_run(runs: Runs, before: int, longest: float) -> None:
    """Wait until one more run has begun, but not where rows of earlier lives keep it from that."""
    deadline = time.monotonic() + max(1.0, 3 * longest)
    while runs.counts.total() == before and time.monotonic() < deadline:
        time.sleep(0.001)


def _wait(runs: Runs, before: int, seconds: float) -> None:
    """Wait, but no longer than `WORK` after one more run has begun.

    The machine may have become less busy since it was measured how long a process takes to that.
    """
    ends = time.monotonic() + seconds
    while runs.counts.total() == before and time.monotonic() < ends:
        time.sleep(0.001)
    time.sleep(max(0.0, min(WORK, ends - time.monotonic())))


def _seconds_to_first_run(runs: Runs, folder: Path) -> float:
    """How long a process takes to its first run, which depends on the machine."""
    best = math.inf
    for number in range(3):
        runs.counts.clear()
        rows = folder / f"{number}.csv"
        rows.write_text(f"name\nOf another batch {number}\n", encoding="utf-8")
        process = in_process(runs.emulator.base_url, rows, str(folder / f"{number}.journal"))
        began = time.monotonic()
        while not runs.counts:
            time.sleep(0.001)
        best = min(best, time.monotonic() - began)
        process.join()
    runs.counts.clear()
    return best


def assert_each_row_ran_once(found: list[RowResult], runs: Runs) -> int:
    """How many are unknown; all others ran once, and have the result of that run."""
    assert [result.row["name"] for result in found] == [f"Name {n}" for n in range(len(found))]
    for result in found:
        name = result.row["name"]
        if result.status == "unknown":
            assert result.message
            assert runs.counts[name] <= 1
        else:
            assert (result.status, result.outputs["greeting"]) == ("succeeded", f"Hello {name}")
            assert runs.counts[name] == 1
    return sum(result.status == "unknown" for result in found)
