"""Workflows of the emulator are Python: their steps become the events of real graphs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest

from dify_workflow import DifyWorkflow, StreamError, WorkflowStreamError
from dify_workflow.emulator import (
    BeginNode,
    Emulator,
    EndNode,
    Input,
    NodeError,
    Outputs,
    Sleep,
    Step,
    Workflow,
    handled_failure,
    http_request,
    iteration,
    llm,
    loop,
    node,
    parallel,
    retrying_node,
    workflow,
)
from dify_workflow.events import EVENT_CLASSES

Body = Generator[Step, Any, dict[str, Any]]


def events_of(made: Workflow, inputs: dict[str, Any] | None = None, version: str = "1.14") -> Any:
    """The events of one run, as they came."""
    with (
        Emulator(made, linger=0, server_version=version) as emulator,
        emulator.client() as client,
        client.run_workflow_stream(inputs or {}) as stream,
    ):
        return [event.raw for event in stream]


def named(events: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [event["data"] for event in events if event["event"] in names]


def failing_at(bad: int) -> Any:
    def each(item: int, _index: int) -> Generator[Step, Any, int]:
        yield from node("inner")
        if item == bad:
            raise NodeError(f"no {item}")
        return item * 10

    return each


def test_an_iteration_has_the_events_of_a_real_one_and_gives_the_results() -> None:
    @workflow()
    def iterates(_inputs: dict[str, Any]) -> Body:
        return {"output": (yield from iteration("iter", [1, 2], failing_at(0)))}

    events = events_of(iterates)
    names = [event["event"] for event in events]
    assert names[3:11] == [
        "iteration_started",
        *("iteration_next", "node_started", "node_finished") * 2,
        "iteration_completed",
    ]
    inner = [each for each in named(events, "node_finished") if each["node_id"] == "inner"]
    assert [each["iteration_id"] for each in inner] == ["iter", "iter"]
    metadata = [each["execution_metadata"] for each in inner]
    assert metadata == [{"iteration_id": "iter", "iteration_index": index} for index in (0, 1)]
    finished = events[-1]["data"]
    assert finished["outputs"] == {"output": [10, 20]}
    assert finished["total_steps"] == 3  # start, iteration, end: run_streaming_iter counts so too


@pytest.mark.parametrize(
    ("on_error", "status", "output"),
    [
        ("terminated", "failed", None),
        ("continue-on-error", "succeeded", [10, None, 30]),
        ("remove-abnormal-output", "succeeded", [10, 30]),
    ],
)
def test_a_failed_item_ends_the_iteration_or_is_passed_over(
    on_error: str, status: str, output: list[int] | None
) -> None:
    @workflow()
    def iterates(_inputs: dict[str, Any]) -> Body:
        each = failing_at(2)
        return {"output": (yield from iteration("iter", [1, 2, 3], each, on_error=on_error))}

    events = events_of(iterates)
    (completed,) = named(events, "iteration_completed")
    assert (completed["status"], completed["error"]) == (status, None)
    assert completed["outputs"] == {"output": output}
    assert events[-1]["data"]["status"] == status


def test_a_parallel_iteration_announces_all_items_first() -> None:
    @workflow()
    def iterates(_inputs: dict[str, Any]) -> Body:
        output = yield from iteration("iter", [1, 2, 3], failing_at(0), parallel=True)
        return {"output": output}

    events = events_of(iterates)
    names = [event["event"] for event in events]
    assert names[4:7] == ["iteration_next"] * 3
    assert events[-1]["data"]["outputs"] == {"output": [10, 20, 30]}


def test_a_loop_goes_on_until_it_is_left_and_hands_its_variables_on() -> None:
    @workflow()
    def loops(_inputs: dict[str, Any]) -> Body:
        def count(index: int, variables: dict[str, Any]) -> Generator[Step, Any, Any]:
            yield from node("assign")
            return {"num": variables["num"] + 1} if index < 2 else None

        return {"num": (yield from loop("loop", count, variables={"num": 0}))["num"]}

    events = events_of(loops)
    following = named(events, "loop_next")
    assert [each["index"] for each in following] == [1, 2]
    assert [each["pre_loop_output"] for each in following] == [{}, {}]  # run_streaming_loop
    assert events[-1]["data"]["outputs"] == {"num": 2}


def test_a_loop_whose_node_fails_fails() -> None:
    @workflow()
    def loops(_inputs: dict[str, Any]) -> Body:
        def each(_index: int, _variables: dict[str, Any]) -> Generator[Step, Any, Any]:
            yield from node("assign")
            raise NodeError("no more")

        yield from loop("loop", each)
        return {}

    events = events_of(loops)
    assert named(events, "loop_completed")[0]["status"] == "failed"
    assert events[-1]["data"]["error"] == "no more"


@pytest.mark.parametrize(("version", "at_once"), [("1.14", True), ("1.9", False), ("1.0", True)])
def test_branches_go_on_at_once_where_the_version_does_so(version: str, at_once: bool) -> None:
    @workflow()
    def both(_inputs: dict[str, Any]) -> Body:
        found = yield from parallel(
            http_request("p1", seconds=0.05, body="1"), http_request("p2", seconds=0.05, body="2")
        )
        return {"bodies": [each["body"] for each in found]}

    events = events_of(both, version=version)
    nodes = [
        (event["event"], event["data"]["node_id"])
        for event in events
        if event["event"].startswith("node_") and event["data"]["node_id"].startswith("p")
    ]
    assert (nodes[1] == ("node_started", "p2")) is at_once
    assert events[-1]["data"]["outputs"] == {"bodies": ["1", "2"]}
    started = named(events, "parallel_branch_started")
    assert [each["parallel_branch_id"] for each in started] == (
        ["p1", "p2"] if version == "1.0" else []
    )


def test_a_failing_branch_ends_the_other_and_the_run() -> None:
    def fails() -> Generator[Step, Any, None]:
        yield from node("p1")
        raise NodeError("one is enough")

    @workflow()
    def both(_inputs: dict[str, Any]) -> Body:
        yield from parallel(fails(), http_request("p2", seconds=60))
        return {}

    assert events_of(both)[-1]["data"]["error"] == "one is enough"


def test_a_node_that_is_tried_again_tells_each_time() -> None:
    @workflow()
    def retries(_inputs: dict[str, Any]) -> Body:
        yield from retrying_node("req", "boom", retries=2)
        return {}

    events = events_of(retries)
    assert [each["retry_index"] for each in named(events, "node_retry")] == [1, 2]
    finished = events[-1]["data"]  # as in run_streaming_httpreq_500
    assert (finished["status"], finished["exceptions_count"]) == ("failed", 3)
    assert finished["total_steps"] == 4


def test_a_handled_failure_makes_the_run_partial_succeeded() -> None:
    @workflow()
    def handles(_inputs: dict[str, Any]) -> Body:
        return (yield from handled_failure("risky", "kaboom", outputs={"result": "instead"}))

    events = events_of(handles)
    finished = events[-1]["data"]
    assert (finished["status"], finished["exceptions_count"]) == ("partial-succeeded", 1)
    assert finished["outputs"]["error_message"] == "kaboom"
    (risky,) = [each for each in named(events, "node_finished") if each["node_id"] == "risky"]
    assert (risky["status"], risky["error"]) == ("exception", "Unknown error")


def test_a_workflow_may_catch_the_failure_of_a_node() -> None:
    def fails() -> Generator[Step, Any, None]:
        yield from node("first")
        raise NodeError("no")

    @workflow()
    def catches(_inputs: dict[str, Any]) -> Body:
        try:
            yield fails()
        except NodeError as error:
            return {"caught": str(error)}
        return {}

    assert events_of(catches)[-1]["data"]["outputs"] == {"caught": "no"}


def test_an_async_workflow_uses_the_same_nodes_by_yielding_them() -> None:
    @workflow()
    async def tells(_inputs: dict[str, Any]) -> AsyncGenerator[Step, Any]:
        text = yield llm("model", ["a", "b"])
        results = yield iteration("iter", [1], failing_at(0))
        yield Outputs({"text": text, "results": results})

    assert events_of(tells)[-1]["data"]["outputs"] == {"text": "ab", "results": [10]}


def test_only_a_models_text_is_streamed_before_1_9() -> None:
    echo = {"name": "Ann"}
    for version, texts in (("1.14", ["Ann"]), ("1.7", [])):
        with Emulator(server_version=version, linger=0) as emulator:
            with emulator.client("echo") as client, client.run_workflow_stream(echo) as stream:
                assert list(stream.text) == texts
            story = emulator.client("story")
            with story, story.run_workflow_stream({"topic": "x"}) as stream:
                assert len(list(stream.text)) == 6


DEMO_INPUTS: dict[str, dict[str, Any]] = {
    "story": {"topic": "boxes"},
    "echo": {"name": "Ann"},
    "slow": {"secs": 0},
    "failing": {},
    "partial": {},
    "approval": {"topic": "tea", "hours": 0.0001},
    "batch": {},
    "countdown": {},
    "flaky": {},
    "branches": {"seconds": 0},
    "agent": {"question": "?"},
    "files": {
        "document": {
            "type": "document",
            "transfer_method": "remote_url",
            "url": "https://example.com/y.pdf",
        }
    },
}


def run_to_its_end(client: DifyWorkflow, inputs: dict[str, Any]) -> set[str]:
    """Names of the events of a run; a form that expires at once lets it go on."""
    with client.run_workflow_stream(inputs) as stream:
        seen = {event.event for event in stream}
    if "workflow_paused" in seen and stream.run_id:
        with client.resume_workflow_stream(stream.run_id, include_state_snapshot=False) as stream:
            seen |= {event.event for event in stream}
    return seen


def test_the_demos_show_every_event_that_a_server_can_send() -> None:
    seen: set[str] = set()
    for version in ("1.0", "1.14", "1.16"):
        with Emulator(server_version=version, linger=0) as emulator:
            for name, inputs in DEMO_INPUTS.items():
                if name == "approval" and version == "1.0":
                    continue  # it waits for a person whom that server cannot ask
                with emulator.client(name) as client:
                    seen |= run_to_its_end(client, inputs)
            with emulator.client("broken") as client:
                try:
                    run_to_its_end(client, {})
                except WorkflowStreamError:
                    seen.add("error")
    with Emulator(linger=0) as emulator, emulator.client("approval") as client:
        run = client.run_workflow({"topic": "tea"})
        assert run.paused is not None
        token = run.paused.forms[0].token
        assert run.id is not None
        assert token is not None
        with client.resume_workflow_stream(run.id, include_state_snapshot=False) as stream:
            client.submit_human_input_form(token, "approve", {"comment": "yes"})
            seen |= {event.event for event in stream}
    assert set(EVENT_CLASSES) - seen == set()


@pytest.mark.parametrize("step", [EndNode("never begun"), BeginNode, object()])
def test_a_step_out_of_place_fails_the_run(step: Any, caplog: pytest.LogCaptureFixture) -> None:
    @workflow(Input("x", required=False))
    def wrong(_inputs: dict[str, Any]) -> Body:
        yield Sleep(0)
        yield step
        return {}

    assert events_of(wrong)[-1]["data"]["status"] == "failed"
    assert "The workflow wrong raised." in caplog.text


def test_a_workflow_that_cannot_start_is_refused_or_tells_by_an_error_event() -> None:
    with Emulator(linger=0, silence=0.1) as emulator, emulator.client("broken") as client:
        with pytest.raises(StreamError, match="acme/missing"):
            client.run_workflow({})
        assert len(client.logs()) == 0  # run_streaming_badllm: nothing ran


def test_numbers_of_any_size_stay_exact_in_a_stream() -> None:
    @workflow()
    def counts(_inputs: dict[str, Any]) -> Body:
        yield from node("count")
        return {"atoms": 10**80}

    with Emulator(counts, linger=0) as emulator, emulator.client(recover=False) as client:
        assert client.run_workflow({}).outputs == {"atoms": 10**80}
