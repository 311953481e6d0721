"""Runs that wait for human input, and streams that are reconnected."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dify_workflow import (
    BadRequestError,
    DifyWorkflow,
    NotFoundError,
    PreconditionFailedError,
    WorkflowRunResponse,
)
from dify_workflow.emulator import (
    Emulator,
    FormAction,
    FormInput,
    Input,
    Sleep,
    human_input,
    node,
    parallel,
    workflow,
)
from support.waiting import PATIENCE

CONTENT = "# Please approve\n\nTopic: {{#start.topic#}}\n\nComment: {{#$output.comment#}}\n"


@workflow(Input("topic"), Input("timeout", "number", required=False, default=60))
def human(inputs: dict[str, Any]) -> Any:
    answer = yield from human_input(
        "ask",
        CONTENT,
        inputs=[
            FormInput("comment", default="none"),
            FormInput("draft", default="{{#start.topic#}}"),
        ],
        actions=[FormAction("approve", "Approve", "primary"), FormAction("reject", "Reject")],
        values={"start.topic": inputs["topic"]},
        title="Ask",
        timeout=inputs["timeout"],
    )
    yield from node("after")
    return {"action": answer.action, **answer.inputs}


@workflow()
def two(_inputs: dict[str, Any]) -> Any:
    answers = yield from parallel(human_input("ask1", "One?"), human_input("ask2", "Two?"))
    return {"actions": [answer.action for answer in answers]}


@workflow()
def asks_and_works(_inputs: dict[str, Any]) -> Any:
    def work() -> Any:
        yield Sleep(0.05)
        yield from node("work")

    yield from parallel(human_input("ask", "?"), work())
    return {}


@pytest.fixture(scope="module")
def people() -> Iterator[Emulator]:
    with Emulator(human, two, asks_and_works, linger=0, silence=0.5) as emulator:
        yield emulator


@pytest.fixture
def client(people: Emulator) -> Iterator[DifyWorkflow]:
    with people.client("human", user_id="u1") as made:
        yield made


def token_of(run: WorkflowRunResponse, number: int = 0) -> str:
    assert run.paused is not None
    token = run.paused.forms[number].token
    assert token is not None
    return token


def id_of(run: WorkflowRunResponse) -> str:
    assert run.id is not None
    return run.id


PLAIN = {"include_state_snapshot": False}
ANSWER = {"comment": "fine", "draft": "d"}


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_a_run_waits_and_continues_with_the_answer(mode: Any, client: DifyWorkflow) -> None:
    run = client.run_workflow({"topic": "Budget"}, response_mode=mode)
    assert run.status == "paused"
    assert client.info(id_of(run)).status == "paused"
    with client.resume_workflow_stream(id_of(run), **PLAIN) as stream:
        client.submit_human_input_form(token_of(run), "approve", {**ANSWER, "extra": "?"})
        names = [event.event for event in stream]
    assert names[:3] == ["workflow_started", "node_started", "human_input_form_filled"]
    assert stream.result().outputs == {"action": "approve", **ANSWER}
    done = client.info(id_of(run))
    assert (done.status, done.total_steps) == ("succeeded", 5)


def test_a_form_shows_what_was_rendered_and_the_replay_what_was_not(client: DifyWorkflow) -> None:
    run = client.run_workflow({"topic": "Budget"})
    assert run.paused is not None
    form = client.human_input_form(token_of(run))
    assert "Topic: Budget" in form.content
    assert "{{#$output.comment#}}" in form.content
    assert form.default_values == {"draft": "Budget"}
    with client.resume_workflow_stream(id_of(run), include_state_snapshot=True) as stream:
        events = {event.event: event.raw["data"] for event in stream}
    assert list(events)[-2:] == ["human_input_required", "workflow_paused"]
    assert "{{#start.topic#}}" in events["human_input_required"]["form_content"]
    assert events["node_finished"]["status"] == "paused"


def test_a_form_is_answered_once(client: DifyWorkflow) -> None:
    run = client.run_workflow({"topic": "Budget"})
    client.submit_human_input_form(token_of(run), "approve", ANSWER)
    for again in (
        lambda: client.submit_human_input_form(token_of(run), "approve", ANSWER),
        lambda: client.human_input_form(token_of(run)),
    ):
        with pytest.raises(PreconditionFailedError) as refused:
            again()
        assert refused.value.code == "human_input_form_submitted"


@pytest.mark.parametrize(
    ("action", "inputs", "text"),
    [
        ("nope", ANSWER, "Invalid action: nope"),
        ("approve", {"comment": "x"}, "Missing required inputs: draft"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(
    action: str, inputs: dict[str, Any], text: str, client: DifyWorkflow
) -> None:
    run = client.run_workflow({"topic": "Budget"})
    with pytest.raises(BadRequestError, match=text) as refused:
        client.submit_human_input_form(token_of(run), action, inputs)
    assert refused.value.code == "invalid_form_data"


def test_an_unanswered_form_expires_and_the_run_continues(client: DifyWorkflow) -> None:
    run = client.run_workflow({"topic": "Budget", "timeout": 0.2})
    with client.resume_workflow_stream(id_of(run), **PLAIN) as stream:
        names = [event.event for event in stream]
    assert "human_input_form_timeout" in names
    assert stream.result().outputs == {"action": "__timeout"}
    with pytest.raises(PreconditionFailedError) as refused:
        client.human_input_form(token_of(run))
    assert refused.value.code == "human_input_form_expired"


def test_a_form_of_another_app_and_an_unknown_one_are_not_found(people: Emulator) -> None:
    with people.client("human") as client, people.client("two") as other:
        run = client.run_workflow({"topic": "Budget"})
        with pytest.raises(NotFoundError, match="Form not found"):
            other.human_input_form(token_of(run))
        with pytest.raises(NotFoundError, match="You have requested this URI"):
            client.human_input_form("nosuchtoken")


def test_a_paused_run_that_is_stopped_stops_when_it_is_answered(client: DifyWorkflow) -> None:
    run = client.run_workflow({"topic": "Budget"})
    assert run.task_id is not None
    client.stop_workflow_stream(run.task_id)
    assert client.info(id_of(run)).status == "paused"
    with client.resume_workflow_stream(id_of(run), **PLAIN) as stream:
        client.submit_human_input_form(token_of(run), "approve", ANSWER)
        names = [event.event for event in stream]
    assert names == ["workflow_started", "workflow_finished"]  # hi3_events
    assert stream.result().status == "stopped"
    assert client.info(id_of(run)).status == "running"


def test_a_run_may_wait_for_two_people_at_once(people: Emulator) -> None:
    with people.client("two", user_id="u1") as client:
        run = client.run_workflow({})
        assert run.paused is not None
        assert len(run.paused.forms) == 2
        options = {"include_state_snapshot": True, "continue_on_pause": True}
        with client.resume_workflow_stream(id_of(run), **options) as stream:
            client.submit_human_input_form(token_of(run, 1), "submit", {})
            names = []
            for event in stream:
                names.append(event.event)
                if names.count("workflow_paused") == 2:
                    client.submit_human_input_form(token_of(run, 0), "submit", {})
                    break
        with client.resume_workflow_stream(id_of(run), **PLAIN) as stream:
            assert stream.result().outputs == {"actions": ["submit", "submit"]}


def test_a_run_is_paused_when_no_other_node_can_run(people: Emulator) -> None:
    with people.client("asks_and_works") as client, client.run_workflow_stream({}) as stream:
        names = [event.event for event in stream]
    assert names[-1] == "workflow_paused"
    assert names.index("human_input_required") < names.index("node_finished", 3) < len(names) - 1


# ------------------------------------------------------------------- streams taken up again


@workflow()
def gated(_inputs: dict[str, Any]) -> Any:
    yield from node("first")
    while not gate.is_set():
        yield Sleep(0.01)
    yield from node("second")
    return {"done": True}


gate = threading.Event()


@pytest.fixture
def going_on() -> Iterator[tuple[DifyWorkflow, str]]:
    """A run that goes on behind its first node until the gate opens."""
    gate.clear()
    with (
        Emulator(gated, linger=0, silence=1.0, ping_interval=0.1) as emulator,
        emulator.client(user_id="u1") as client,
    ):
        stream = client.run_workflow_stream({})
        for event in stream:
            if event.event == "node_finished" and event.raw["data"]["node_id"] == "first":
                break
        assert stream.run_id is not None
        yield client, stream.run_id
    gate.set()


def test_a_snapshot_tells_what_has_been_and_then_what_comes(
    going_on: tuple[DifyWorkflow, str],
) -> None:
    client, run_id = going_on
    with client.resume_workflow_stream(run_id, include_state_snapshot=True) as stream:
        names: list[tuple[str, str | None]] = []
        for event in stream:
            names.append((event.event, event.raw["data"].get("node_id")))
            gate.set()
    nodes = [node_id for name, node_id in names if name == "node_started"]
    assert nodes == ["start", "first", "second", "end"]
    assert names[0] == ("workflow_started", None)


def test_without_a_snapshot_only_new_events_are_delivered(
    going_on: tuple[DifyWorkflow, str],
) -> None:
    client, run_id = going_on
    with client.resume_workflow_stream(run_id, **PLAIN) as stream:
        gate.set()
        names = [event.raw["data"].get("node_id") for event in stream]
    assert names[:2] == ["second", "second"]


def test_a_finished_run_is_one_event_in_another_style(going_on: tuple[DifyWorkflow, str]) -> None:
    client, run_id = going_on
    with client.resume_workflow_stream(run_id) as stream:
        gate.set()
        stream.result()
    url = f"{client.base_url}/workflow/{run_id}/events?user=u1"
    body = httpx.get(url, headers={"Authorization": "Bearer app-gated"}).text
    assert body.startswith('data: {"event": "workflow_finished", "task_id": "' + run_id)
    assert body.count("data: ") == 1


def test_events_need_the_user_who_ran(going_on: tuple[DifyWorkflow, str]) -> None:
    client, run_id = going_on
    with pytest.raises(NotFoundError):
        client.with_options(user_id="u2").resume_workflow_stream(run_id).__enter__()
    url = f"{client.base_url}/workflow/{run_id}/events"
    answer = httpx.get(url, headers={"Authorization": "Bearer app-gated"})
    assert answer.json()["message"] == "Arg user must be provided."


def test_a_run_started_in_blocking_mode_tells_nothing() -> None:
    gate.clear()
    with (
        Emulator(gated, linger=0, silence=0.3) as emulator,
        emulator.client(user_id="u1") as client,
    ):
        asking = threading.Thread(
            target=lambda: client.run_workflow({}, response_mode="blocking"), daemon=True
        )
        asking.start()
        while not (rows := client.logs().data):
            pass
        assert rows[0].workflow_run is not None
        url = f"{client.base_url}/workflow/{rows[0].workflow_run.id}/events?user=u1"
        with httpx.stream("GET", url, headers={"Authorization": "Bearer app-gated"}) as response:
            gate.set()
            body = response.read()
        asking.join(PATIENCE)
    assert b"data: " not in body  # ev6_events


def test_without_a_snapshot_nothing_ends_a_stream_that_continues_on_a_pause(
    going_on: tuple[DifyWorkflow, str],
) -> None:
    client, run_id = going_on
    url = f"{client.base_url}/workflow/{run_id}/events?user=u1&continue_on_pause=true"
    with httpx.stream("GET", url, headers={"Authorization": "Bearer app-gated"}) as response:
        gate.set()
        body = response.read()
    assert b"workflow_finished" in body
    assert body.endswith(b"event: ping\n\n")  # it was open until the silence ended it
