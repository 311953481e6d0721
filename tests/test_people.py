"""One call runs a workflow with human input: it asks people, continues and returns the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dify_workflow import DifyError, HumanInputForm, InvalidRequestError
from dify_workflow.emulator import Emulator, FormAction, FormInput, human_input, parallel, workflow
from support import events
from support.events import RUN, TASK
from support.pace import hurried
from support.replay import Exchange, ReplayServer
from support.worlds import World


@workflow()
def three(_inputs: dict[str, Any]) -> Any:
    """One form, then two at once."""
    first = yield from human_input(
        "first",
        "First: {{#start.topic#}}",
        inputs=[FormInput("comment", default="none")],
        actions=[FormAction("yes", "Yes", "primary"), FormAction("no", "No")],
        values={"start.topic": "boxes"},
    )
    others = yield from parallel(human_input("left", "Left?"), human_input("right", "Right?"))
    return {"first": first.inputs["comment"], "others": [each.action for each in others]}


@pytest.fixture(params=["1.14", "1.16"])
def people(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    with Emulator(
        three, server_version=request.param, linger=0.02, ping_interval=0.05, silence=5
    ) as running:
        yield running


def client_of(both: World, people: Emulator) -> Any:
    return hurried(both.client(api_key="app-three", base_url=people.base_url))


def answer(form: HumanInputForm) -> tuple[str, dict[str, Any]]:
    values = {field.output_variable_name: "fine" for field in form.inputs}
    return form.actions[0].id, values


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_a_run_goes_through_any_number_of_forms(mode: str, both: World, people: Emulator) -> None:
    shown: list[str] = []

    def callback(form: HumanInputForm) -> tuple[str, dict[str, Any]]:
        shown.append(form.content)
        return answer(form)

    run = client_of(both, people).run_workflow({}, response_mode=mode, on_human_input=callback)
    assert run.status == "succeeded"
    assert run.outputs["first"] == "fine"
    assert shown[0] == "First: boxes"
    assert sorted(shown[1:]) == ["Left?", "Right?"]
    posts = [each for each in people.requests if each.path == "/workflows/run"]
    assert len(posts) == 1


def test_async_code_may_answer_with_a_coroutine(people: Emulator) -> None:
    async def callback(form: HumanInputForm) -> tuple[str, dict[str, Any]]:
        await asyncio.sleep(0)
        return answer(form)

    async def main() -> str:
        async with people.async_client() as client:
            return (await client.run_workflow({}, on_human_input=callback)).status

    assert asyncio.run(main()) == "succeeded"


def test_a_form_that_somebody_else_answers_first_is_passed_over(
    both: World, people: Emulator
) -> None:
    with people.client() as colleague:

        def callback(form: HumanInputForm) -> tuple[str, dict[str, Any]]:
            if form.node_id == "first":
                assert form.token is not None
                colleague.submit_human_input_form(form.token, "no", {"comment": "no, thanks"})
            return answer(form)

        run = client_of(both, people).run_workflow({}, on_human_input=callback)
    assert run.outputs["first"] == "no, thanks"


def test_a_stream_that_breaks_between_forms_is_taken_up_again(
    both: World, people: Emulator
) -> None:
    people.faults.cut_stream(after_events=2, times=2)
    run = client_of(both, people).run_workflow({}, on_human_input=answer)
    assert run.status == "succeeded"


def test_without_a_callback_the_paused_run_is_returned_with_its_forms(
    both: World, people: Emulator
) -> None:
    client = client_of(both, people)
    submitted = client.run_workflow({}, response_mode="blocking")
    run = client.wait_for_run(submitted.id)
    assert run.status == "paused"
    (form,) = run.paused.forms
    assert form.token == submitted.paused.forms[0].token


def test_waiting_can_continue_through_pauses(both: World, people: Emulator) -> None:
    client = client_of(both, people)
    submitted = client.run_workflow({})
    told: list[str] = []
    answered: set[str | None] = set()

    def on_event(event: Any) -> None:
        told.append(event.event)
        if event.event == "human_input_required":
            threading.Timer(0.05, submit, (event.data.form_token,)).start()

    def submit(token: str) -> None:
        answered.add(token)
        with people.client() as colleague:
            action, values = answer(colleague.human_input_form(token))
            colleague.submit_human_input_form(token, action, values)

    run = client.wait_for_run(submitted.id, wait_through_pause=True, on_event=on_event)
    assert run.status == "succeeded"
    assert len(answered) == 3
    assert told.count("human_input_required") == 3


def test_what_the_callback_raises_is_raised_and_the_run_still_waits(
    both: World, people: Emulator
) -> None:
    def callback(_form: HumanInputForm) -> tuple[str, dict[str, Any]]:
        raise KeyError("mine")

    client = client_of(both, people)
    with pytest.raises(KeyError, match="mine"):
        client.run_workflow({}, on_human_input=callback)
    assert next(iter(client.logs())).status == "paused"


REPLIES: dict[str, Any] = {
    "nothing": None,
    "no values": "yes",
    "too many values": ("yes", {}, {}),
    "no such action": ("nonsense", {}),
    "no JSON": ("yes", {"comment": object()}),
    "refused": ("yes", {"comment": "fine"}),
}


@pytest.mark.parametrize("name", REPLIES)
def test_a_form_that_cannot_be_answered_does_not_say_that_nothing_was_run(
    name: str, both: World, people: Emulator
) -> None:
    if name == "refused":
        people.faults.answer(403, on="POST /form/")
    with pytest.raises(DifyError) as caught:
        client_of(both, people).run_workflow({}, on_human_input=lambda _form: REPLIES[name])
    assert caught.value.outcome == "running"
    assert client_of(both, people).info(caught.value.run_id).status == "paused"


def test_a_callback_that_returns_nothing_is_told_what_to_return(
    both: World, people: Emulator
) -> None:
    with pytest.raises(InvalidRequestError, match=r"must return a pair, .* not NoneType"):
        client_of(both, people).run_workflow({}, on_human_input=lambda _form: None)


@pytest.mark.parametrize(("version", "is_named"), [("1.16.0", True), ("1.17.0", False)])
def test_a_run_that_the_server_stops_by_its_own_fault_says_so(
    version: str, *, is_named: bool, both: World, server: ReplayServer
) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.head(
            content_type="text/event-stream", transfer_encoding="chunked", x_version=version
        )
        exchange.chunk(events.started())
        resumed = {"id": RUN, "workflow_id": RUN, "inputs": {}, "created_at": 1}
        exchange.chunk(events.message("workflow_started", {**resumed, "reason": "resumption"}))
        exchange.chunk(events.finished("stopped", error="Stopped by user."))

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    with client.resume_workflow_stream(RUN, continue_on_pause=True) as stream:
        run = stream.result()
    assert (run.status, run.task_id) == ("stopped", TASK)
    assert ("has a bug: it stops runs" in run.message) is is_named
    assert run.message.startswith("Stopped by user.")
