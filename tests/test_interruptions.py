"""The outcome is right after forms, stops, outages and queues."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

from dify_workflow import (
    GatewayTimeoutError,
    RunDeadlineExceededError,
    RunLostError,
    RunOutcomeUnknownError,
    StreamInterruptedError,
    WorkflowPaused,
    WorkflowStoppedError,
)
from dify_workflow.emulator import Emulator, Sleep, node, workflow
from dify_workflow.outcomes import status_of, stop_reason
from support.pace import FAST, hurried
from support.workflows import approval, signoff
from support.worlds import World

POST = "POST /workflows/run"
EVENTS = "GET /workflow/"


@workflow()
def slow(_inputs: dict[str, Any]) -> Any:
    yield from node("a")
    yield Sleep(0.5)
    yield from node("b")
    return {"done": True}


@workflow()
def endless(_inputs: dict[str, Any]) -> Any:
    yield from node("a")
    yield Sleep(60)
    return {}


@contextmanager
def emulated(version: str = "1.14", **options: Any) -> Iterator[Emulator]:
    fast = {"linger": 0.02, "ping_interval": 0.05, "silence": 20.0}
    with Emulator(
        slow, endless, approval, signoff, server_version=version, **{**fast, **options}
    ) as running:
        yield running


def client_of(both: World, emulator: Emulator, name: str = "slow", **options: Any) -> Any:
    return hurried(both.client(api_key=f"app-{name}", base_url=emulator.base_url, **options))


def posts(emulator: Emulator) -> int:
    return sum(each.method == "POST" and each.path.endswith("/run") for each in emulator.requests)


# --------------------------------------------------------------------------------------- forms

FOLLOW: dict[str, Callable[[Any, str], Any]] = {
    "wait_for_run": lambda client, run_id: client.wait_for_run(run_id),
    "resume_workflow_stream": lambda client, run_id: client.resume_workflow_stream(run_id).result(),
}


def paused_at(client: Any) -> tuple[str, Any]:
    run = client.run_workflow({"topic": "boxes"})
    assert run.status == "paused"
    (form,) = run.paused.forms
    return run.id, form


def answer(client: Any, form: Any) -> None:
    action = form.actions[0].id
    client.submit_human_input_form(form.token, action, answers_to(form))


def answers_to(form: Any) -> dict[str, Any]:
    return {field.output_variable_name: "fine" for field in form.inputs}


@pytest.mark.parametrize("version", ["1.14", "1.16"])
@pytest.mark.parametrize("how", FOLLOW)
def test_behind_an_answered_form_the_end_comes_and_not_the_pause_once_more(
    how: str, version: str, both: World
) -> None:
    with emulated(version, resume_delay=0.5) as emulator:
        client = client_of(both, emulator, "approval")
        run_id, form = paused_at(client)
        answer(client, form)
        run = FOLLOW[how](client, run_id)
    assert run.status == "succeeded"


@pytest.mark.parametrize("how", FOLLOW)
def test_another_process_sees_that_a_form_was_answered(how: str, both: World) -> None:
    with emulated(resume_delay=0.5) as emulator:
        run_id, form = paused_at(client_of(both, emulator, "approval"))
        answer(client_of(both, emulator, "approval"), form)
        run = FOLLOW[how](client_of(both, emulator, "approval"), run_id)
    assert run.status == "succeeded"


@pytest.mark.parametrize("how", FOLLOW)
def test_an_unanswered_form_is_a_pause(how: str, both: World) -> None:
    with emulated() as emulator:
        client = client_of(both, emulator, "approval")
        run_id, form = paused_at(client)
        for each in (client, client_of(both, emulator, "approval")):
            run = FOLLOW[how](each, run_id)
            assert run.status == "paused"
            assert [waiting.token for waiting in run.paused.forms] == [form.token]


def test_of_two_forms_in_a_row_the_second_one_is_the_next_pause(both: World) -> None:
    with emulated(resume_delay=0.3) as emulator:
        client = client_of(both, emulator, "signoff")
        first = client.run_workflow({})
        (form,) = first.paused.forms
        answer(client, form)
        second = client.wait_for_run(first.id)
        assert second.status == "paused"
        (other,) = second.paused.forms
        assert other.token != form.token
        answer(client, other)
        assert client.wait_for_run(first.id).status == "succeeded"


def test_people_who_answer_form_after_form_bring_a_run_to_its_end(both: World) -> None:
    asked: list[str] = []

    def ask(form: Any) -> Any:
        asked.append(form.token)
        return form.actions[0].id, answers_to(form)

    with emulated(resume_delay=0.3) as emulator:
        run = client_of(both, emulator, "signoff").run_workflow({}, on_human_input=ask)
    assert run.status == "succeeded"
    assert len(asked) == len(set(asked)) == 2


@pytest.mark.parametrize("has_events", [True, False])
def test_a_run_that_never_continues_raises_an_error(both: World, *, has_events: bool) -> None:
    with emulated() as emulator:
        client = client_of(both, emulator, "approval", lost_run_timeout=0.8)
        run_id, form = paused_at(client)
        emulator.workers = 0
        answer(client, form)
        if not has_events:
            emulator.faults.answer(404, on=EVENTS, times=None)
        with pytest.raises(RunLostError, match="its forms were answered") as caught:
            client.wait_for_run(run_id)
    assert caught.value.run_id == run_id


def test_a_lost_answer_to_a_form_is_looked_up_and_the_run_continues(both: World) -> None:
    with emulated() as emulator:
        emulator.faults.answer(504, on="POST /form/", runs_anyway=True)
        run = client_of(both, emulator, "approval").run_workflow(
            {"topic": "x"}, on_human_input=lambda form: (form.actions[0].id, answers_to(form))
        )
        forms = [each for each in emulator.requests if each.path.startswith("/form/")]
    assert run.status == "succeeded"
    assert [each.method for each in forms] == ["GET", "POST", "GET"]


# --------------------------------------------------------------------------------------- stops


@pytest.mark.parametrize("version", ["1.9.1", "1.9", "1.10", "1.13", "1.14", "1.15", "1.16"])
@pytest.mark.parametrize("race", ["engine", "queue"])
def test_a_run_stopped_by_another_client_is_stopped_on_every_version(
    race: Any, version: str, both: World
) -> None:
    with emulated(version) as emulator:
        emulator.faults.race_stop(race)
        client, other = (client_of(both, emulator, "endless") for _ in range(2))
        with client.run_workflow_stream({}) as stream:
            next(stream)
            other.stop_workflow_stream(stream.task_id)
            run = stream.result()
        assert (run.status, run.stop_reason) == ("stopped", "requested")
        with pytest.raises(WorkflowStoppedError):
            run.raise_for_status()


@pytest.mark.parametrize(
    ("status", "error", "means", "reason"),
    [
        ("stopped", "Stopped by user.", "stopped", "requested"),
        ("failed", "Aborted: User requested stop", "stopped", "requested"),
        ("stopped", "Aborted: App task was stopped", "stopped", "requested"),
        ("failed", "Aborted: Maximum execution steps exceeded: 501 > 500", "failed", None),
        ("stopped", "Aborted: Maximum execution steps exceeded: 501 > 500", "stopped", "limit"),
        ("stopped", "App execution exceeded 1200 seconds", "stopped", "limit"),
        ("stopped", "Human input global timeout at node x", "stopped", "limit"),
        (
            "stopped",
            "Aborted: Workflow stopped because the worker is shutting down.",
            "stopped",
            "shutdown",
        ),
        ("stopped", "Something else", "stopped", "unknown"),
        ("stopped", None, "stopped", "unknown"),
        ("failed", "The user requested stop of it all", "failed", None),
        ("succeeded", None, "succeeded", None),
    ],
)
def test_what_a_status_and_its_text_mean(
    status: str, error: str | None, means: str, reason: str | None
) -> None:
    assert status_of(status, error) == means
    assert stop_reason(means, error) == reason


def test_a_stop_by_a_worker_that_shuts_down_has_its_own_reason(both: World) -> None:
    with emulated("1.16") as emulator:
        client = client_of(both, emulator, "endless")
        with client.run_workflow_stream({}) as stream:
            next(stream)
            emulator.restart_workers()
            run = stream.result()
        assert (run.status, run.stop_reason) == ("stopped", "shutdown")
        assert client.info(run.id).stop_reason == "shutdown"
        with pytest.raises(WorkflowStoppedError, match="a worker of the server was shut down"):
            run.raise_for_status()


# ------------------------------------------------------------------------------------- outages

OUTAGES: dict[str, dict[str, Any]] = {
    "connections are refused": {},
    "connections are closed at once": {"answer": "close"},
    "502": {"answer": 502},
    "503": {"answer": 503},
    "504": {"answer": 504},
}


@pytest.mark.parametrize("name", OUTAGES)
def test_a_stream_survives_an_outage_of_the_server(name: str, both: World) -> None:
    with emulated() as emulator:
        client = client_of(both, emulator, max_reattach=1)
        with client.run_workflow_stream({}) as stream:
            next(stream)
            emulator.outage(1.5, cut_streams=True, **OUTAGES[name])
            run = stream.result()
        assert (run.status, run.outputs) == ("succeeded", {"done": True})
        assert posts(emulator) == 1


@pytest.mark.parametrize("name", OUTAGES)
def test_waiting_for_a_run_survives_an_outage_of_the_server(name: str, both: World) -> None:
    with emulated() as emulator:
        client = client_of(both, emulator, max_reattach=1)
        run_id = client.submit_workflow({}).id
        emulator.outage(1.0, cut_streams=True, **OUTAGES[name])
        assert client.wait_for_run(run_id).outputs == {"done": True}


@pytest.mark.parametrize("name", OUTAGES)
def test_following_the_log_survives_an_outage_of_the_server(name: str, both: World) -> None:
    with emulated() as emulator:
        client = client_of(both, emulator)
        tail = client.tail_logs(poll_interval=0.05)
        if both.name == "async":
            both.call(tail.target._begun)
        emulator.outage(1.0, **OUTAGES[name])
        later = threading.Timer(1.3, lambda: client_of(both, emulator).run_workflow({}))
        later.start()
        assert next(tail).status in {"running", "succeeded"}
        later.join()


def test_an_outage_without_end_is_an_error_of_the_stream_and_of_the_log(both: World) -> None:
    with emulated() as emulator:
        client = client_of(both, emulator, lost_run_timeout=0.5)
        tail = client.tail_logs(poll_interval=0.05)
        if both.name == "async":
            both.call(tail.target._begun)
        stream = client.run_workflow_stream({})
        next(stream)
        emulator.outage(answer=502, cut_streams=True)
        with pytest.raises(StreamInterruptedError) as caught:
            stream.result()
        assert (caught.value.outcome, caught.value.run_id) == ("running", stream.run_id)
        with pytest.raises(Exception, match="502"):
            next(tail)


def test_the_deadline_bounds_the_wait_for_a_server_that_is_away(both: World) -> None:
    with emulated() as emulator:
        client = client_of(both, emulator)
        run_id = client.submit_workflow({}).id
        emulator.outage()
        with pytest.raises(RunDeadlineExceededError) as caught:
            client.wait_for_run(run_id, deadline=0.6)
        assert caught.value.run_id == run_id


# ------------------------------------------------------------------------------- the server's queue


def test_a_run_that_waits_for_a_worker_is_waited_for(both: World) -> None:
    with emulated(workers=0) as emulator:
        client = client_of(both, emulator, timeout=0.3)
        threading.Timer(1.2, lambda: setattr(emulator, "workers", 4)).start()
        assert client.run_workflow({}).outputs == {"done": True}
        assert posts(emulator) == 1


def test_the_wait_for_a_worker_has_a_bound_of_its_own(both: World) -> None:
    with emulated(workers=0) as emulator:
        client = client_of(both, emulator, start_timeout=0.5)
        with pytest.raises(RunOutcomeUnknownError, match="any event of the run came") as caught:
            client.run_workflow({})
        assert caught.value.candidates == ()
        assert "sends nothing if the inputs are invalid" in str(caught.value)
        with pytest.raises(RunDeadlineExceededError):
            client.with_options(start_timeout=None).run_workflow({}, deadline=0.5)


def test_behind_its_first_event_a_stream_may_be_silent_no_longer_than_usual(both: World) -> None:
    with emulated() as emulator:
        emulator.faults.cut_stream(after_events=1, ending="stall", on=POST)
        client = client_of(both, emulator, timeout=0.3)
        assert client.run_workflow({}).outputs == {"done": True}


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_with_a_client_of_the_users_a_run_that_queues_is_waited_for_too(
    library: str, both: World
) -> None:
    with emulated(workers=0) as emulator:
        own = both.http_client(library)
        client = client_of(both, emulator, timeout=0.3, http_client=own)
        threading.Timer(1.2, lambda: setattr(emulator, "workers", 4)).start()
        assert client.run_workflow({}).outputs == {"done": True}
        emulator.faults.cut_stream(after_events=1, ending="stall", on=POST)
        assert client.run_workflow({}).outputs == {"done": True}


def test_a_pause_is_the_outcome_where_the_events_of_its_run_can_never_be_read(both: World) -> None:
    with emulated() as emulator:
        emulator.faults.cut_stream(after_events=1, on=POST)
        emulator.faults.answer(504, on="GET /workflow/", times=None)
        client = client_of(both, emulator, "approval")
        run = client.run_workflow({"topic": "boxes"})
        assert (run.status, run.paused.forms) == ("paused", ())


# ------------------------------------------------------------------------------- lost answers


def test_a_run_that_is_made_a_moment_after_the_break_is_found(both: World) -> None:
    with emulated() as emulator:
        client = client_of(both, emulator)
        client.run_workflow({})  # an earlier one, of the same user and with the same inputs
        emulator.faults.cut_stream(after_pings=1, on=POST)
        emulator.faults.start_late(1.0)
        with pytest.raises(RunOutcomeUnknownError) as caught:
            hurried(client, attrs.evolve(FAST, longest_search_wait=1.0)).run_workflow({})
        (candidate,) = caught.value.candidates
        assert client.wait_for_run(candidate).outputs == {"done": True}


@pytest.mark.parametrize("shift", [-7200.0, -90.0, 120.0, 7200.0])
def test_the_servers_clock_is_used_and_not_the_clients(shift: float, both: World) -> None:
    with emulated(clock_shift=shift) as emulator:
        client = client_of(both, emulator)
        emulator.faults.answer(504, on=POST, runs_anyway=True)
        with pytest.raises(GatewayTimeoutError) as caught:
            client.run_workflow({})
        assert len(caught.value.candidates) == 1


def test_without_a_date_header_runs_are_only_possible_ones(both: World) -> None:
    with emulated(date_header=False) as emulator:
        client = client_of(both, emulator)
        emulator.faults.answer(504, on=POST, runs_anyway=True)
        with pytest.raises(GatewayTimeoutError) as caught:
            client.run_workflow({})
        assert caught.value.candidates == ()
        assert len(caught.value.possible_runs) == 1


def test_many_lost_runs_at_once_are_never_taken_for_each_other(both: World) -> None:
    """A user of its own for each request makes the one candidate certain."""
    with emulated() as emulator:
        emulator.faults.break_connection(ending="cut", runs_anyway=True, times=8, on=POST)
        client = client_of(both, emulator)

        def lose(number: int) -> tuple[int, Any]:
            with pytest.raises(RunOutcomeUnknownError) as caught:
                client.with_options(user_id=f"job-{number}").run_workflow({})
            return number, caught.value.candidates

        with ThreadPoolExecutor(8) as threads:
            found = dict(threads.map(lose, range(8)))
        assert all(len(candidates) == 1 for candidates in found.values())
        assert len({candidates[0] for candidates in found.values()}) == 8
        assert posts(emulator) == 8


def test_a_pause_is_delivered_if_the_stream_continues_after_it(both: World) -> None:
    with emulated() as emulator:
        client = client_of(both, emulator, "approval")
        run_id, form = paused_at(client)
        with client.resume_workflow_stream(run_id, continue_on_pause=True) as stream:
            told = []
            for event in stream:
                told.append(event)
                if isinstance(event, WorkflowPaused):
                    answer(client, form)
        assert [type(event) for event in told].count(WorkflowPaused) == 1
        assert stream.result().status == "succeeded"
