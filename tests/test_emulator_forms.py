"""A form that was answered, and the run that goes on when a worker takes it up."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dify_workflow.emulator import human_input, parallel, workflow
from support.bench import Bench, Call, Live, bench_with
from support.workflows import approval, signoff

WITH_FORMS = pytest.mark.parametrize("bench", ["1.14", "1.15", "1.16"], indirect=True)


@workflow()
def both(_inputs: dict[str, Any]) -> Any:
    answers = yield from parallel(human_input("left", "Left?"), human_input("right", "Right?"))
    return {"answers": [answer.action for answer in answers]}


@workflow()
def brief(_inputs: dict[str, Any]) -> Any:
    answer = yield from human_input("ask", "?", timeout=0.05)
    return {"answer": answer.action}


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    version = getattr(request, "param", "1.14")
    with bench_with(approval, signoff, both, brief, server_version=version) as made:
        yield made


def paused(bench: Bench, app: str = "approval") -> Live:
    live = bench.start(app, {"topic": "boxes"}, "u1").read()
    assert live.names[-1] == "workflow_paused"
    return live


def submit(bench: Bench, token: str, app: str = "approval", action: str = "approve") -> None:
    answer = {"inputs": {"comment": "yes", "note": token}, "action": action, "user": "u1"}
    assert bench.post(app, f"/form/human_input/{token}", answer) == {}


def status(bench: Bench, live: Live, app: str = "approval") -> str:
    return str(bench.get(app, f"/workflows/run/{live.run_id}")["status"])


def replayed(bench: Bench, live: Live, app: str = "approval") -> Live:
    """The events of a run with a snapshot of its state, to their end."""
    query = "user=u1&include_state_snapshot=true"
    call = Call(app, "GET", f"/v1/workflow/{live.run_id}/events?{query}")
    return Live(bench.open(call)).read()


def tokens(live: Live) -> list[str]:
    asked = [each for each in live.events if each["event"] == "human_input_required"]
    return [each["data"]["form_token"] for each in asked]


def wait_until(bench: Bench, live: Live, wanted: str, app: str = "approval") -> None:
    deadline = time.monotonic() + 20
    while (found := status(bench, live, app)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


@WITH_FORMS
def test_an_answered_run_stays_paused_with_its_form_until_a_worker_takes_it(bench: Bench) -> None:
    live = paused(bench)
    bench.emulator.workers = 0
    submit(bench, live.form_token)
    assert status(bench, live) == "paused"
    form = bench.answer(Call("approval", "GET", f"/v1/form/human_input/{live.form_token}"))
    assert (form.status, json.loads(form.body)["code"]) == (412, "human_input_form_submitted")
    (row,) = bench.get("approval", "/workflows/logs")["data"]
    assert row["workflow_run"]["status"] == "paused"
    replay = replayed(bench, live)
    assert replay.names[-3:] == ["node_finished", "human_input_required", "workflow_paused"]
    assert replay.is_whole
    assert tokens(replay) == [live.form_token]
    (reason,) = replay.events[-1]["data"]["reasons"]
    assert reason["form_token"] == live.form_token
    bench.emulator.workers = 1
    wait_until(bench, live, "succeeded")


def test_a_worker_takes_an_answered_run_after_the_delay_that_is_set(bench: Bench) -> None:
    bench.emulator.resume_delay = 2.0
    live = paused(bench)
    began = time.monotonic()
    submit(bench, live.form_token)
    assert status(bench, live) == "paused"
    wait_until(bench, live, "succeeded")
    assert time.monotonic() - began >= 2.0


@WITH_FORMS
def test_without_a_setting_an_answered_run_goes_on_a_tenth_of_a_second_later(bench: Bench) -> None:
    assert bench.emulator.resume_delay == 0.1
    live = paused(bench)
    began = time.monotonic()
    submit(bench, live.form_token)
    wait_until(bench, live, "succeeded")
    assert time.monotonic() - began >= 0.1


@pytest.mark.parametrize(
    ("bench", "told"),
    [
        ("1.14", ["human_input_form_filled"]),
        ("1.15", ["human_input_form_filled"]),
        ("1.16", []),
    ],
    indirect=["bench"],
)
def test_behind_an_answer_its_node_runs_once_more_and_1_16_tells_of_no_answer(
    bench: Bench, told: list[str]
) -> None:
    live = paused(bench)
    listening = bench.listen("approval", live.run_id, "u1")
    submit(bench, live.form_token)
    events = listening.read().events
    names = ["workflow_started", "node_started", *told, "node_finished"]
    assert [event["event"] for event in events][: len(names)] == names
    assert events[0]["data"]["reason"] == "resumption"
    nodes = [events[1]["data"], events[len(names) - 1]["data"]]
    assert [each["node_id"] for each in nodes] == ["ask", "ask"]
    (asked,) = [each for each in live.events if each["event"] == "human_input_required"]
    form_id = asked["data"]["form_id"]
    assert (nodes[0]["id"] == nodes[1]["id"] == form_id) is (not told), "1.16 names it so"


@WITH_FORMS
def test_a_run_asks_two_people_one_after_the_other(bench: Bench) -> None:
    live = paused(bench, "signoff")
    first = live.form_token
    listening = bench.listen("signoff", live.run_id, "u1")
    submit(bench, first, "signoff", "submit")
    assert listening.read().names[-1] == "workflow_paused"
    second = listening.form_token
    assert second != first
    replay = replayed(bench, live, "signoff")
    assert tokens(replay) == [second], "of the pause that is, and not of the one that was"
    submit(bench, second, "signoff", "submit")
    wait_until(bench, live, "succeeded", "signoff")
    found = bench.get("signoff", f"/workflows/run/{live.run_id}")
    assert found["outputs"] == {"notes": [first, second]}


def test_a_worker_takes_two_answers_at_once(bench: Bench) -> None:
    live = paused(bench, "both")
    listening = bench.listen("both", live.run_id, "u1")
    bench.emulator.workers = 0
    for token in tokens(live):
        submit(bench, token, "both", "submit")
    assert tokens(replayed(bench, live, "both")) == tokens(live)
    bench.emulator.workers = 1
    names = listening.read().names
    assert (names.count("workflow_started"), names[-1]) == (1, "workflow_finished")


def test_a_form_that_expires_waits_for_a_worker_too(bench: Bench) -> None:
    bench.emulator.resume_delay = 0.5
    began = time.monotonic()
    live = paused(bench, "brief")
    wait_until(bench, live, "succeeded", "brief")
    assert time.monotonic() - began >= 0.5


def test_a_run_that_is_stopped_between_answer_and_worker_ends_when_it_is_taken(
    bench: Bench,
) -> None:
    live = paused(bench)
    listening = bench.listen("approval", live.run_id, "u1")
    bench.emulator.workers = 0
    submit(bench, live.form_token)
    bench.stop("approval", live.task_id, "u1")
    bench.emulator.workers = 1
    assert listening.read().names == ["ping", "workflow_started", "workflow_finished"]
    assert listening.events[-1]["data"]["status"] == "stopped"
