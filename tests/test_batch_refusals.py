"""What ends a batch or holds it up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dify_workflow import (
    AsyncDifyWorkflow,
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
)
from dify_workflow.batch import (
    RowResult,
    limiter,
    reconcile,
    run_batch,
)
from dify_workflow.emulator import (
    Emulator,
    Input,
    node,
    workflow,
)
from support.batches import RUN, Runs, counted_runs, names, results


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


def test_refusals_are_waited_out_and_the_server_gets_no_more_than_it_takes(journal: str) -> None:
    with counted_runs(0.02, limit=4, server_version="1.9") as runs:
        runs.emulator.faults.answer(429, retry_after=0, on=RUN, times=5)
        with runs.client() as client:
            summary = run_batch(client, names(40), journal=journal, concurrency=16)
    assert summary.counts == {"succeeded": 40}
    assert set(runs.counts.values()) == {1}
    assert {result.attempts for result in results(journal)} == {1}


def test_a_wrong_key_ends_the_batch_and_nothing_is_lost(runs: Runs, journal: str) -> None:
    with runs.client() as client:
        runs.emulator.faults.answer(401, on=RUN, times=None)
        with pytest.raises(AuthenticationError):
            run_batch(client, names(5), journal=journal)
        runs.emulator.faults.clear()
        assert {result.status for result in results(journal)} == {"pending"}
        assert run_batch(client, names(5), journal=journal, resume=True).counts == {"succeeded": 5}


def test_a_server_that_takes_nothing_for_too_long_ends_the_batch(
    runs: Runs, journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "PATIENCE", 0.2)
    runs.emulator.faults.answer(429, retry_after=0, on=RUN, times=None)
    with runs.client() as client, pytest.raises(Exception, match="too many requests"):
        run_batch(client, names(3), journal=journal)
    assert {result.status for result in results(journal)} == {"pending"}


def test_a_server_that_says_when_to_come_again_is_left_alone_until_then(
    runs: Runs, journal: str
) -> None:
    runs.emulator.faults.answer(429, retry_after=1, on=RUN)
    began = time.monotonic()
    with runs.client() as client:
        assert run_batch(client, names(3), journal=journal).counts == {"succeeded": 3}
    assert time.monotonic() - began >= 1


def test_however_many_rows_are_unknown_all_are_looked_for_and_sent_again(
    runs: Runs, journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "_MOST", 2)
    runs.emulator.faults.cut_stream(on=RUN, times=3)
    runs.emulator.faults.answer(500, on="GET /workflows/logs", times=None)
    with runs.client(max_retries=0) as client:
        assert run_batch(client, names(5), journal=journal, concurrency=1).unknown == 3
        runs.emulator.faults.clear()
        assert run_batch(client, names(5), journal=journal, resume=True).counts == {"succeeded": 5}
        assert set(runs.counts.values()) == {1}
        runs.emulator.faults.answer(500, on=RUN, times=5)
        assert run_batch(client, names(10), journal=journal, resume=True).unknown == 5
        last = run_batch(client, names(10), journal=journal, resume=True, rerun_unknown=True)
    assert last.counts == {"succeeded": 10}


def test_no_more_runs_begin_in_a_second_than_asked_for(runs: Runs, journal: str) -> None:
    began = time.monotonic()
    with runs.client() as client:
        run_batch(client, names(11), journal=journal, rate=20)
    assert time.monotonic() - began >= 10 / 20


def test_files_are_uploaded_before_their_row_is_sent(tmp_path: Path) -> None:
    seen: list[Any] = []

    @workflow(Input("page", "file"), Input("more", "file-list", required=False))
    def reading(inputs: Any) -> Any:
        seen.append(inputs)
        yield from node("read")
        return {}

    page = tmp_path / "page.txt"
    page.write_text("text", encoding="utf-8")
    with Emulator(reading, linger=0.05) as emulator, emulator.client() as client:
        emulator.faults.answer(500, on="POST /files/upload")
        rows = [{"page": str(page), "more": f"{page}\n{page}"}]
        summary = run_batch(client, rows, journal=tmp_path / "j")
    assert summary.counts == {"succeeded": 1}
    assert seen[0]["page"]["filename"] == "page.txt"
    assert len(seen[0]["more"]) == 2


def test_a_paused_run_is_looked_at_again_by_the_next_call(forms: Emulator, tmp_path: Path) -> None:
    rows = [{"topic": "boxes"}]
    with forms.client("approval") as client:
        told: list[RowResult] = []
        first = run_batch(client, rows, journal=tmp_path / "j", on_result=told.append)
        assert (first.counts, len(told)) == ({"paused": 1}, 1)
        run = client.wait_for_run(str(told[0].run_id))
        assert run.paused is not None
        token = str(run.paused.forms[0].token)
        form = client.human_input_form(token)
        values = {field.output_variable_name: "x" for field in form.inputs}
        client.submit_human_input_form(token, form.actions[0].id, values)
        client.wait_for_run(str(run.id))  # a worker takes it up a moment later
        assert run_batch(client, rows, journal=tmp_path / "j", resume=True).counts == {
            "succeeded": 1
        }


# ------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"concurrency": 0}, "concurrency must be a whole number, 1 or more"),
        ({"max_attempts": True}, "max_attempts must be a whole number"),
        ({"rate": 0}, "rate must be a number of runs per second"),
        ({"on_interrupt": "cry"}, "on_interrupt must be 'wait', 'stop' or 'detach'"),
    ],
)
def test_options_that_cannot_be_are_refused(
    runs: Runs, journal: str, options: dict[str, Any], problem: str
) -> None:
    with runs.client() as client, pytest.raises(InvalidRequestError, match=problem):
        run_batch(client, names(1), journal=journal, **options)


def test_a_client_of_the_other_kind_or_with_connections_of_its_own_is_refused(
    runs: Runs, journal: str
) -> None:
    with httpx.Client() as connections:
        client = runs.client(http_client=connections)
        with pytest.raises(ConfigurationError, match="cannot use the client's http_client"):
            run_batch(client, names(1), journal=journal)
    with pytest.raises(InvalidRequestError, match="must be a DifyWorkflow here"):
        run_batch(AsyncDifyWorkflow("k"), names(1), journal=journal)  # type: ignore[arg-type]  # as untyped code may


def test_what_a_callback_raises_ends_the_batch_and_comes_out_as_it_is(
    runs: Runs, journal: str
) -> None:
    def complain(_result: RowResult) -> None:
        raise LookupError(threading.current_thread().name)

    with runs.client() as client, pytest.raises(LookupError):
        run_batch(client, names(5), journal=journal, on_result=complain)
    with runs.client() as client:
        assert run_batch(client, names(5), journal=journal, resume=True).counts == {"succeeded": 5}
    assert set(runs.counts.values()) == {1}
