"""What a stop makes of a run is a race, and each version ends it in its own way."""

from __future__ import annotations

from typing import Any

import pytest

from dify_workflow.emulator import Emulator, node, workflow
from support.bench import Bench, bench_with

ABORTED = "Aborted: User requested stop"
BY_USER = "Stopped by user."
APP_TASK = "Aborted: App task was stopped"

OUTCOMES = [
    # version, winner, (status and error of the stream), (status and error of the detail)
    ("1.0", "queue", ("stopped", BY_USER), ("stopped", BY_USER)),
    ("1.0", "engine", ("stopped", BY_USER), ("stopped", BY_USER)),
    ("1.7", None, ("stopped", BY_USER), ("stopped", BY_USER)),
    ("1.9.1", None, ("failed", ABORTED), ("failed", ABORTED)),
    ("1.9", None, ("failed", ABORTED), ("stopped", ABORTED)),
    ("1.9", "engine", ("failed", ABORTED), ("stopped", ABORTED)),
    ("1.9", "queue", ("stopped", BY_USER), ("stopped", ABORTED)),
    ("1.10", None, ("stopped", BY_USER), ("running", None)),
    ("1.13", None, ("stopped", BY_USER), ("running", None)),
    ("1.13", "engine", ("failed", ABORTED), ("stopped", ABORTED)),
    ("1.14", None, ("stopped", BY_USER), ("running", None)),
    ("1.14", "queue", ("stopped", BY_USER), ("running", None)),
    ("1.14", "engine", ("failed", ABORTED), ("stopped", ABORTED)),
    ("1.15", None, ("stopped", BY_USER), ("stopped", BY_USER)),
    ("1.15", "engine", ("failed", ABORTED), ("stopped", ABORTED)),
    ("1.16", None, ("stopped", BY_USER), ("stopped", APP_TASK)),
    ("1.16", "engine", ("stopped", ABORTED), ("stopped", ABORTED)),
]


@workflow()
def endless(_inputs: dict[str, Any]) -> Any:
    yield from node("work", seconds=60)
    return {}


def stopped(bench: Bench) -> tuple[dict[str, Any], dict[str, Any]]:
    """Stop a run right after its first event; what its stream and its detail say of it."""
    live = bench.start("endless", {}, "u1").read(lambda live: bool(live.events))
    bench.stop("endless", live.task_id, "u1")
    last = live.read().events[-1]
    assert last["event"] == "workflow_finished"
    return last["data"], bench.get("endless", f"/workflows/run/{live.run_id}")


@pytest.mark.parametrize(("version", "winner", "in_stream", "in_detail"), OUTCOMES)
def test_a_stop_ends_a_run_as_the_version_and_the_race_have_it(
    version: str, winner: Any, in_stream: Any, in_detail: Any
) -> None:
    with bench_with(endless, server_version=version) as bench:
        if winner:
            bench.emulator.faults.race_stop(winner)
        last, kept = stopped(bench)
        assert (last["status"], last["error"]) == in_stream
        assert (kept["status"], kept["error"]) == in_detail
        assert (kept["finished_at"] is None) == (kept["status"] == "running")
        (row,) = bench.get("endless", "/workflows/logs")["data"]
        assert row["workflow_run"]["status"] == in_detail[0]
        found = bench.get("endless", "/workflows/logs?status=stopped")
        assert found["total"] == (in_detail[0] == "stopped")


def test_the_race_is_of_as_many_stops_as_are_named() -> None:
    with bench_with(endless) as bench:
        bench.emulator.faults.race_stop("engine", times=2)
        assert [stopped(bench)[0]["error"] for _ in range(3)] == [ABORTED, ABORTED, BY_USER]


def test_stops_that_are_mended_are_kept_also_where_the_queue_wins() -> None:
    with bench_with(endless, mends_stops=True) as bench:
        last, kept = stopped(bench)
        assert (last["error"], kept["status"]) == (BY_USER, "stopped")


@pytest.mark.parametrize(
    ("named", "version"),
    [
        *(("1.9", "1.9.2"), ("1.9.1", "1.9.1"), ("1.9.2", "1.9.2"), ("1.10", "1.10.1")),
        *(("1.14.0", "1.14.2"), ("1.15", "1.15.0"), ("1.16.1", "1.16.1")),
    ],
)
def test_a_version_is_named_by_its_first_numbers(named: str, version: str) -> None:
    with bench_with(server_version=named) as bench:
        assert bench.version() == version


def test_a_version_that_cannot_be_emulated_is_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"must be one of 1\.0, 1\.7, .*1\.16, not '1\.2'"):
        Emulator(server_version="1.2")
