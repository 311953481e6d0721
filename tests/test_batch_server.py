"""Batches over a server that is away, has a queue, is deployed again, or answers oddly."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import anyio
import pytest

from dify_workflow import APIConnectionError
from dify_workflow.batch import RowResult, iter_batch, reconcile, run_batch
from dify_workflow.batch.limiter import AdaptiveLimit, RatePolicy
from dify_workflow.emulator import PastRun
from support.batches import Runs, counted_runs, counts, names, results, sent_long_ago
from support.waiting import wait_until

RUN = "POST /workflows/run"
SHUTDOWN = "Aborted: Workflow stopped because the worker is shutting down."


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


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[None]:
    """Do something beside the block, to its end."""
    thread = threading.Thread(target=act)
    thread.start()
    yield
    thread.join()


def posts(runs: Runs) -> Counter[int]:
    """Statuses of the answers to runs."""
    found = runs.emulator.requests
    return Counter(each.status for each in found if each.path == "/workflows/run")


# --------------------------------------------------------------------------------- outcomes


@pytest.mark.parametrize("status", [408, 425, 429, 499, 500, 503, 521])
def test_an_answer_that_does_not_tell_leaves_its_row_unknown(
    runs: Runs, journal: str, status: int
) -> None:
    runs.emulator.faults.answer(status, "<html>?</html>", content_type="text/html", on=RUN)
    with runs.client() as client:
        summary = run_batch(client, names(3), journal=journal)
    assert summary.counts == {"succeeded": 2, "unknown": 1}
    assert set(runs.counts.values()) == {1}


def test_statuses_that_the_user_vouches_for_were_not_sent(runs: Runs, journal: str) -> None:
    runs.emulator.faults.answer(503, on=RUN, times=2)
    with runs.client(not_sent_statuses={503}) as client:
        assert run_batch(client, names(5), journal=journal).counts == {"succeeded": 5}
    assert {result.attempts for result in results(journal)} == {1}
    assert set(runs.counts.values()) == {1}


def test_a_run_that_is_older_than_the_row_is_not_its_own(runs: Runs, journal: str) -> None:
    runs.emulator.faults.answer(500, on=RUN)
    moment = int(time.time()) - 20
    past = PastRun(inputs={"name": "Name 0"}, user="dify-workflow", created_at=moment)
    runs.emulator.add_runs([past], "work")
    with runs.client() as client:
        assert run_batch(client, names(1), journal=journal).counts == {"unknown": 1}


# ---------------------------------------------------------------------------------- outages


@pytest.mark.parametrize("answer", ["refuse", "close", 502, 503, 504])
def test_while_the_server_is_away_no_rows_are_sent(journal: str, answer: Any) -> None:
    with counted_runs(0.05) as runs, runs.client() as client:
        found = iter_batch(client, names(40), journal=journal, concurrency=4)
        next(found)
        runs.emulator.outage(1.5, answer, cut_streams=True)
        rest = list(found)
        met = posts(runs)
    unknown = [result for result in rest if result.status == "unknown"]
    assert len(unknown) <= 4, "those that were just sent"
    assert counts(journal) == Counter(
        succeeded=40 - len(unknown), **({"unknown": len(unknown)} if unknown else {})
    )
    assert sum(many for status, many in met.items() if status != 200) <= 8
    assert set(runs.counts.values()) == {1}
    assert len(runs.counts) == 40 - len(unknown)


def test_a_server_that_stays_away_ends_the_batch_and_the_next_call_goes_on(
    runs: Runs, journal: str
) -> None:
    with runs.client(lost_run_timeout=1.0) as client:
        found = iter_batch(client, names(60), journal=journal, concurrency=2)
        next(found)
        runs.emulator.outage()
        with pytest.raises(APIConnectionError, match="has been unavailable for 1 s"):
            list(found)
        assert counts(journal)["pending"] > 30
        runs.emulator.end_outage()
        summary = run_batch(client, names(60), journal=journal, resume=True)
    assert summary.succeeded == len(runs.counts) == 60 - summary.unknown
    assert summary.unknown <= 2, "those that were just sent"
    assert set(runs.counts.values()) == {1}


def test_rows_in_flight_are_looked_for_when_the_server_is_back(runs: Runs, journal: str) -> None:
    runs.emulator.faults.cut_stream(on=RUN)

    def go_away() -> None:
        wait_until(lambda: runs.counts.total() == 1)
        runs.emulator.outage(1.5)

    with runs.client() as client, meanwhile(go_away):
        assert run_batch(client, names(1), journal=journal).counts == {"succeeded": 1}
    assert runs.counts == {"Name 0": 1}


def test_a_log_that_a_proxy_does_not_reach_for_a_moment_is_read_again(
    runs: Runs, journal: str
) -> None:
    runs.emulator.faults.cut_stream(on=RUN)
    runs.emulator.faults.answer(502, on="GET /workflows/logs", times=2)
    with runs.client(max_retries=0) as client:
        assert run_batch(client, names(1), journal=journal).counts == {"succeeded": 1}


def test_processes_of_an_executor_wait_for_the_server_too(journal: str) -> None:
    with (
        counted_runs(0.05) as runs,
        runs.client() as client,
        ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor,
    ):

        def go_away() -> None:
            wait_until(lambda: runs.counts.total() >= 4)
            runs.emulator.outage(2.0, 503)

        with meanwhile(go_away):
            options: dict[str, Any] = {"executor": executor, "concurrency": 4}
            summary = run_batch(client, names(30), journal=journal, **options)
    assert summary.succeeded == len(runs.counts) == 30 - summary.unknown
    assert summary.unknown <= 4, "those that were just sent"
    assert set(runs.counts.values()) == {1}


# ---------------------------------------------------------------------------------- the queue


def test_runs_that_wait_in_the_queue_cut_the_limit_to_those_that_run() -> None:
    policy = RatePolicy(8)
    policy.queued(now=10.0, begun=5.0, running=5)
    assert policy.limit == 5
    policy.queued(now=11.0, begun=9.0, running=1)  # it was sent before the last cut
    assert policy.limit == 5
    policy.queued(now=20.0, begun=15.0, running=0)
    assert policy.limit == 2.5
    for moment in range(30, 90, 10):
        policy.queued(now=moment, begun=moment - 5, running=0)
    assert policy.limit == 1
    assert policy.wait(now=90.0, in_flight=0) == 0, "there is no pause"
    for _ in range(40):
        policy.taken()
    assert policy.limit > 7


def test_the_limit_sends_fewer_runs_while_some_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dify_workflow.batch.limiter.QUEUED", 0.0)
    policy = RatePolicy(8)
    limit = AdaptiveLimit(policy)
    for number in range(4):
        limit.sent(number)
    time.sleep(0.01)
    limit.started(0)
    assert policy.limit == 4
    monkeypatch.setattr("dify_workflow.batch.limiter.QUEUED", 60.0)
    for number in range(4, 40):
        limit.sent(number)
        limit.started(number)
    assert policy.limit == 8


def test_a_run_that_ends_counts_as_one_of_those_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its worker takes the next run of the queue."""

    async def run() -> None:
        policy = RatePolicy(8)
        limit = AdaptiveLimit(policy)
        for number in range(6):
            await limit.enter()
            limit.sent(number)
        for number in range(4):
            limit.started(number)
        await anyio.sleep(0.01)
        monkeypatch.setattr("dify_workflow.batch.limiter.QUEUED", 0.0)
        limit.leave()
        assert policy.limit == 4

    anyio.run(run)


def test_a_batch_adapts_to_the_workers_of_the_server_and_no_row_is_unknown(
    journal: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dify_workflow.batch.limiter.QUEUED", 0.2)
    caplog.set_level(logging.INFO, "dify_workflow")
    with counted_runs(0.5, workers=2) as runs, runs.client(timeout=0.3) as client:
        summary = run_batch(client, names(20), journal=journal, concurrency=8)
    assert summary.counts == {"succeeded": 20}
    assert runs.most_at_once == 2
    assert "runs wait in the server's queue" in caplog.text
    assert set(runs.counts.values()) == {1}


def test_runs_that_begin_later_are_found_by_the_next_call(journal: str) -> None:
    with counted_runs(workers=0) as runs, runs.client() as client:
        runs.emulator.faults.cut_stream(after_pings=1, on=RUN, times=3)
        first = run_batch(client, names(3), journal=journal)
        assert (first.counts, first.queued) == ({"unknown": 3}, 3)
        second = run_batch(client, names(3), journal=journal, resume=True)
        assert (second.counts, second.queued) == ({"unknown": 3}, 3)
        runs.emulator.workers = 2
        wait_until(lambda: len(runs.counts) == 3)
        third = run_batch(client, names(3), journal=journal, resume=True)
    assert (third.counts, third.queued) == ({"succeeded": 3}, 0)
    assert set(runs.counts.values()) == {1}


def test_a_row_that_stayed_unfound_for_as_long_as_a_run_may_wait_is_not_queued(
    runs: Runs, journal: str
) -> None:
    runs.emulator.faults.answer(500, on=RUN, times=2)
    with runs.client() as client:
        assert run_batch(client, names(2), journal=journal).queued == 2
        sent_long_ago(journal, 100)
        assert run_batch(client, names(2), journal=journal, resume=True).queued == 2
        sent_long_ago(journal, 250)
        summary = run_batch(client, names(2), journal=journal, resume=True)
    assert (summary.counts, summary.queued) == ({"unknown": 2}, 0)


# ---------------------------------------------------------------------------------- shutdowns


@contextmanager
def stopped_by_a_deploy(journal: str, **options: Any) -> Iterator[tuple[Runs, list[RowResult]]]:
    """A batch of six rows, of which the server stopped four as its workers were shut down."""
    go_on = threading.Event()
    with counted_runs(until=go_on, server_version="1.16") as runs, runs.client() as client:

        def deploy() -> None:
            wait_until(lambda: counts(journal) == {"running": 4, "pending": 2})
            runs.emulator.restart_workers()
            go_on.set()

        with meanwhile(deploy):
            found = list(iter_batch(client, names(6), journal=journal, concurrency=4, **options))
        yield runs, found


def test_runs_that_a_deploy_stops_are_repeated(journal: str) -> None:
    with stopped_by_a_deploy(journal, max_attempts=2) as (runs, found), runs.client() as client:
        assert Counter(result.status for result in found) == {"succeeded": 6}
        assert Counter(result.attempts for result in found) == {2: 4, 1: 2}
        assert runs.counts.total() == 10
        again = run_batch(client, names(6), journal=journal, resume=True)
    assert (again.shut_down, again.attempts_needed) == (4, None)


def test_runs_that_a_deploy_stopped_are_repeated_by_the_next_call(journal: str) -> None:
    with stopped_by_a_deploy(journal) as (runs, found), runs.client() as client:
        assert Counter((each.status, each.message) for each in found) == {
            ("stopped", SHUTDOWN): 4,
            ("succeeded", None): 2,
        }
        same = run_batch(client, names(6), journal=journal, resume=True)
        assert (same.counts, same.shut_down) == ({"stopped": 4, "succeeded": 2}, 4)
        assert same.attempts_needed == 2
        again = run_batch(client, names(6), journal=journal, resume=True, max_attempts=2)
    assert (again.counts, again.skipped) == ({"succeeded": 6}, 2)
    assert (again.shut_down, again.attempts_needed) == (4, None)
    assert runs.counts.total() == 10


# ------------------------------------------------------------------------------ at least once


def test_at_least_once_sends_rows_again_that_have_no_run(runs: Runs, journal: str) -> None:
    runs.emulator.faults.answer(500, on=RUN, times=2)
    with runs.client() as client:
        summary = run_batch(client, names(5), journal=journal, at_least_once=True)
    assert summary.counts == {"succeeded": 5}
    assert Counter(result.attempts for result in results(journal)) == {2: 2, 1: 3}


def test_the_option_of_the_client_counts_where_the_batch_has_none(
    runs: Runs, tmp_path: Path
) -> None:
    with runs.client(at_least_once=True) as client:
        runs.emulator.faults.answer(500, on=RUN)
        assert run_batch(client, names(2), journal=tmp_path / "a").counts == {"succeeded": 2}
        runs.emulator.faults.answer(500, on=RUN)
        others = names(4)[2:]
        other = run_batch(client, others, journal=tmp_path / "b", at_least_once=False)
    assert other.counts == {"succeeded": 1, "unknown": 1}


def test_at_least_once_is_bounded_and_never_sends_what_is_found_or_may_be_there(
    runs: Runs, tmp_path: Path
) -> None:
    always: dict[str, Any] = {"at_least_once": True, "concurrency": 1}
    with runs.client(max_retries=1) as client:
        runs.emulator.faults.cut_stream(on=RUN)
        assert run_batch(client, names(1), journal=tmp_path / "a", **always).succeeded == 1
        assert runs.counts == {"Name 0": 1}
        runs.emulator.faults.answer(500, on=RUN, times=None)
        others = names(3)
        assert run_batch(client, others[1:2], journal=tmp_path / "b", **always).unknown == 1
        assert posts(runs)[500] == 2
        runs.emulator.faults.answer(500, on="GET /workflows/logs", times=None)
        assert run_batch(client, others[2:], journal=tmp_path / "c", **always).unknown == 1
        assert posts(runs)[500] == 3
    assert [result.attempts for result in results(tmp_path / "b")] == [2]


def test_rows_that_are_not_sent_again_are_told_once(runs: Runs, journal: str) -> None:
    told: list[RowResult] = []
    options: dict[str, Any] = {"at_least_once": True, "concurrency": 1, "on_result": told.append}
    with runs.client() as client:
        for _ in range(2):
            client.run_workflow({"name": "Name 0"})  # which may be the run of the first row
        runs.emulator.faults.answer(500, on=RUN, times=3)
        summary = run_batch(client, names(3), journal=journal, **options)
    assert summary.counts == {"succeeded": 2, "unknown": 1}
    assert Counter(each.status for each in told) == summary.counts
