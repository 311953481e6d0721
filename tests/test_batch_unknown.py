"""Rows whose runs were lost are found, or stay unknown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dify_workflow.batch import (
    RowResult,
    iter_batch,
    reconcile,
    run_batch,
)
from dify_workflow.emulator import (
    Emulator,
    Input,
    PastRun,
    node,
    workflow,
)
from support.batches import RUN, Runs, counted_runs, counts, leave_running, names, results
from support.waiting import PATIENCE


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of the emulator show in its logs at once."""
    monkeypatch.setattr(reconcile, "SETTLING", 0.5)


@pytest.fixture
def runs() -> Iterator[Runs]:
    with counted_runs() as running:
        yield running


@pytest.fixture
def journal(tmp_path: Path) -> str:
    return str(tmp_path / "rows.journal")


# ------------------------------------------------------------------------------ what goes wrong


def test_a_row_whose_run_never_told_its_id_is_found_in_the_logs_and_not_sent_again(
    runs: Runs, journal: str
) -> None:
    runs.emulator.faults.cut_stream(on=RUN, times=3)
    runs.emulator.faults.answer(502, runs_anyway=True, on=RUN, times=2)
    with runs.client() as client:
        summary = run_batch(client, names(10), journal=journal)
    assert summary.counts == {"succeeded": 10}
    assert set(runs.counts.values()) == {1}


def test_rows_with_the_same_inputs_are_each_found(runs: Runs, journal: str) -> None:
    runs.emulator.faults.cut_stream(on=RUN, times=4)
    rows = [{"id": number, "name": "Ann"} for number in range(6)]
    with runs.client() as client:
        summary = run_batch(client, rows, journal=journal)
    assert summary.counts == {"succeeded": 6}
    assert runs.counts == {"Ann": 6}
    assert len({result.run_id for result in results(journal)}) == 6


def test_a_row_that_is_not_found_is_unknown_and_left_alone_until_it_is_asked_for(
    runs: Runs, journal: str
) -> None:
    runs.emulator.faults.answer(500, on=RUN, times=2)
    told: list[RowResult] = []
    with runs.client() as client:
        first = run_batch(client, names(5), journal=journal, on_result=told.append)
        second = run_batch(client, names(5), journal=journal, resume=True)
        assert first.counts == second.counts == {"succeeded": 3, "unknown": 2}
        assert (first.unknown, len(runs.counts)) == (2, 3)
        unknown = [result for result in told if result.status == "unknown"]
        assert len(told) == 5
        assert {result.message for result in unknown} == {
            "it was sent, and no run with its inputs is in the logs"
        }
        third = run_batch(client, names(5), journal=journal, resume=True, rerun_unknown=True)
    assert third.counts == {"succeeded": 5}
    assert set(runs.counts.values()) == {1}


def test_runs_that_may_be_somebody_elses_are_nobodys(runs: Runs, journal: str) -> None:
    with runs.client() as client:
        # Somebody runs the same by hand, later than a busy machine sends the row.
        by_hand = PastRun(time.time() + PATIENCE, user=client.user_id, inputs={"name": "Name 0"})
        runs.emulator.add_runs([by_hand], "work")
        runs.emulator.faults.cut_stream(on=RUN)
        summary = run_batch(client, names(1), journal=journal)
        (result,) = results(journal)
    assert summary.counts == {"unknown": 1}
    assert "it is not known which run is its own: the logs show" in (result.message or "")


def test_a_row_whose_file_is_gone_cannot_be_found_and_is_unknown(tmp_path: Path) -> None:
    @workflow(Input("page", "file"))
    def reading(_inputs: Any) -> Any:
        yield from node("read")
        return {}

    page = tmp_path / "page.txt"
    page.write_text("text", encoding="utf-8")
    rows = [{"page": str(page)}]
    with Emulator(reading, linger=0.05) as emulator, emulator.client() as client:
        emulator.faults.answer(500, on=RUN)
        emulator.faults.answer(500, on="GET /workflows/logs", times=None)
        run_batch(client, rows, journal=tmp_path / "j")
        emulator.faults.clear()
        page.unlink()
        summary = run_batch(client, rows, journal=tmp_path / "j", resume=True)
    assert summary.counts == {"unknown": 1}
    assert "can no longer be made" in (summary.troubled()[0].message or "")


def test_logs_that_cannot_be_read_leave_rows_unknown_until_they_can(
    runs: Runs, journal: str
) -> None:
    runs.emulator.faults.cut_stream(on=RUN)
    runs.emulator.faults.answer(500, on="GET /workflows/logs", times=None)
    with runs.client(max_retries=0) as client:
        assert run_batch(client, names(1), journal=journal).counts == {"unknown": 1}
        assert "the logs could not be read" in (results(journal)[0].message or "")
        runs.emulator.faults.clear()
        assert run_batch(client, names(1), journal=journal, resume=True).counts == {"succeeded": 1}
    assert runs.counts == {"Name 0": 1}


def test_streams_that_break_are_followed(runs: Runs, journal: str) -> None:
    runs.emulator.faults.cut_stream(after_events=2, on=RUN, times=5)
    runs.emulator.faults.drop_first_events(2, on=RUN, times=3)
    with runs.client() as client:
        assert run_batch(client, names(10), journal=journal).counts == {"succeeded": 10}
    assert set(runs.counts.values()) == {1}


def test_a_run_whose_worker_died_is_unknown_and_names_the_run(runs: Runs, journal: str) -> None:
    runs.emulator.faults.kill_worker(after_events=1, on=RUN)
    with runs.client(lost_run_timeout=1.0, timeout=2.0) as client:
        summary = run_batch(client, names(2), journal=journal, concurrency=1)
        assert summary.counts == {"unknown": 1, "succeeded": 1}
        (lost,) = summary.troubled()
        assert lost.run_id is not None
        assert "its record still says 'running'" in (lost.message or "")
        again = run_batch(client, names(2), journal=journal, resume=True, rerun_unknown=True)
    assert again.counts == {"succeeded": 2}
    assert runs.counts["Name 1"] == 1


def test_a_run_that_goes_on_for_long_holds_no_other_row_up(runs: Runs, journal: str) -> None:
    runs.emulator.faults.kill_worker(after_events=1, on=RUN)  # it goes on for ever
    leave_running(runs, names(1), journal)
    with runs.client(lost_run_timeout=None) as client:
        resumed = iter_batch(client, names(9), journal=journal, resume=True, concurrency=2)
        assert {next(resumed).status for _ in range(8)} == {"succeeded"}
        resumed.close()
    assert counts(journal) == {"running": 1, "succeeded": 8}
    assert set(runs.counts.values()) == {1}
