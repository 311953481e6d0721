"""Runs as spans and metrics, sync and async, over real sockets, told to OpenTelemetry's own SDK."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from dify_workflow import (
    NodeStarted,
    StreamGap,
    StreamInterruptedError,
)
from dify_workflow._http.retry import without_waiting
from dify_workflow.emulator import (
    Emulator,
)
from support.traced_runs import (
    HELD,
    article,
    client_of,
    long,
    traced_server,
)
from support.traces import Traces, attributes, happenings, seconds, times
from support.worlds import World

POST = "POST /workflows/run"


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    with traced_server() as running:
        yield running


@pytest.fixture
def faulty() -> Iterator[Emulator]:
    """One of its own, for faults."""
    with Emulator(article, long, linger=0.02, ping_interval=0.05) as running:
        yield running


@pytest.fixture
def traces() -> Traces:
    return Traces()


# ---------------------------------------------------------------------------------- what is told


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_a_run_is_a_span_with_its_ids_its_status_and_its_tokens(
    mode: str, both: World, server: Emulator, traces: Traces
) -> None:
    before = time.time_ns()
    client = client_of(both, server, "article", traces, name="articles")
    run = client.run_workflow({"topic": "boxes"}, response_mode=mode)
    span = traces.run()
    assert span.name == "invoke_workflow articles"
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    address, port = server.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    assert (
        attributes(span).items()
        >= {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.provider.name": "dify",
            "gen_ai.agent.name": "articles",
            "server.address": address,
            "server.port": int(port),
            "dify.method": "run_workflow",
            "dify.run.id": run.id,
            "dify.task.id": run.task_id,
            "dify.workflow.id": run.workflow_id,
            "dify.run.status": "succeeded",
            "dify.run.elapsed_time": run.elapsed_time,
            "dify.run.total_tokens": run.total_tokens,
            "dify.run.total_steps": 5,
        }.items()
    )
    assert run.total_tokens
    begin, end = times(span)
    assert before <= begin < end <= time.time_ns()
    assert span.parent is None


def test_each_node_is_a_span_in_it_that_lasts_as_long_as_the_server_says(
    both: World, server: Emulator, traces: Traces
) -> None:
    with client_of(both, server, "article", traces).run_workflow_stream({"topic": "x"}) as stream:
        told = {
            event.raw["data"]["node_id"]: event.raw["data"]
            for event in stream
            if event.event == "node_finished" and time.sleep(0.01) is None  # a slow reader
        }
    run = traces.run()
    inside = traces.inside(run)
    names = ["start Start", "http-request Search", "llm Write", "code Check", "end End"]
    assert list(inside) == names
    for (span,) in inside.values():
        data = told[attributes(span)["dify.node.id"]]
        assert span.kind is SpanKind.INTERNAL
        assert seconds(span) == pytest.approx(data["elapsed_time"], abs=1e-5)
        assert attributes(span)["dify.node.execution_id"] == data["id"]
        assert attributes(span)["dify.node.status"] == "succeeded"
        assert times(run)[0] <= times(span)[0] <= times(span)[1] <= times(run)[1]
    asked = attributes(inside["llm Write"][0])
    usage = told["write"]["process_data"]["usage"]
    assert asked["gen_ai.request.model"] == "parrot"
    assert asked["dify.model.provider"] == "emulator"
    assert asked["dify.node.total_tokens"] == usage["total_tokens"]
    assert asked["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
    assert attributes(run)["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
    assert attributes(run)["gen_ai.usage.output_tokens"] == usage["completion_tokens"]


def test_iterations_and_loops_hold_what_runs_in_them_and_branches_stand_side_by_side(
    both: World, server: Emulator, traces: Traces
) -> None:
    client_of(both, server, "nested", traces).run_workflow({})
    run = traces.run()
    top = traces.inside(run)
    assert list(top) == ["start Start", "iteration Each", "code Left", "code Right", "end End"]
    each = traces.inside(top["iteration Each"][0])
    assert {name: len(spans) for name, spans in each.items()} == {"loop Again": 2, "code Inner": 2}
    assert [attributes(span)["dify.iteration.index"] for span in each["code Inner"]] == [0, 1]
    for again in each["loop Again"]:
        turns = traces.inside(again)["code Turn"]
        assert [attributes(span)["dify.loop.index"] for span in turns] == [0, 1]
        for turn in turns:
            assert times(again)[0] <= times(turn)[0] <= times(turn)[1] <= times(again)[1]
    (left,), (right,) = top["code Left"], top["code Right"]
    assert max(times(left)[0], times(right)[0]) < min(times(left)[1], times(right)[1])


def test_nodes_can_be_left_out(both: World, server: Emulator, traces: Traces) -> None:
    client_of(both, server, "article", traces, nodes=False).run_workflow({"topic": "x"})
    assert traces.spans == [traces.run()]
    assert "gen_ai.usage.input_tokens" in attributes(traces.run())


def test_failures_are_errors_and_retries_of_a_node_events(
    both: World, server: Emulator, traces: Traces
) -> None:
    run = client_of(both, server, "troubled", traces).run_workflow({})
    assert run.status == "failed"
    span = traces.run()
    assert span.status.status_code is StatusCode.ERROR
    assert attributes(span)["error.type"] == "WorkflowFailedError"
    assert attributes(span)["dify.run.status"] == "failed"
    request = traces.node("http-request Request")
    retries = [each.attributes for each in request.events if each.name == "dify.node.retry"]
    assert retries == [{"dify.node.retry.number": 1}, {"dify.node.retry.number": 2}]
    assert request.status.status_code is StatusCode.UNSET
    risky = traces.node("code Risky")
    assert risky.status.status_code is StatusCode.ERROR
    assert attributes(risky)["error.type"] == "NodeFailedError"
    assert traces.metric("dify.retries", "dify.retry.kind") == {("node",): 2}


def test_a_pause_ends_the_span_and_who_goes_on_with_the_run_links_to_it(
    both: World, server: Emulator, traces: Traces
) -> None:
    client = client_of(both, server, "asking", traces)
    run = client.run_workflow({}, on_human_input=lambda _: ("yes", {}))
    assert run.outputs == {"answer": "yes"}
    paused, gone_on = traces.runs(2)
    assert attributes(paused)["dify.run.status"] == "paused"
    assert paused.status.status_code is StatusCode.UNSET
    assert "dify.run.paused" in happenings(paused)
    asked = traces.inside(paused)["human-input Ask"][0]
    assert attributes(asked)["dify.node.status"] == "paused"
    assert "dify.human_input.required" in happenings(asked)
    assert gone_on.name == "follow_workflow"
    assert attributes(gone_on)["dify.run.status"] == "succeeded"
    assert [link.context for link in gone_on.links] == [paused.get_span_context()]
    # What ran before is no child of who followed later.
    assert "code Before" not in traces.inside(gone_on)
    assert "code After" in traces.inside(gone_on)


def test_a_follower_tells_of_the_nodes_that_it_saw_and_links_to_who_sent_the_run(
    both: World, server: Emulator, traces: Traces
) -> None:
    client = client_of(both, server, "held", traces)
    HELD.set()
    submitted = client.submit_workflow({})
    with client.resume_workflow_stream(submitted.id) as stream:
        for event in stream:
            if isinstance(event, NodeStarted) and event.raw["data"]["node_id"] == "slow":
                break
    client.wait_for_run(submitted.id, on_event=lambda _: HELD.clear())
    sent, _, waited = traces.runs(3)
    assert attributes(sent)["dify.method"] == "submit_workflow"
    assert attributes(sent)["dify.run.status"] == "running"
    assert "dify.stream.left" not in attributes(sent)
    assert attributes(waited)["dify.method"] == "wait_for_run"
    assert [link.context for link in waited.links] == [sent.get_span_context()]
    inside = traces.inside(waited)
    assert "code Quick" not in inside
    assert {"code Slow", "code Last", "end End"} <= {*inside}
    assert times(inside["code Slow"][0])[0] >= times(waited)[0]


# ------------------------------------------------------------------------- what happens on the way


def test_a_request_that_is_sent_again_is_an_event_and_counted(
    both: World, faulty: Emulator, traces: Traces
) -> None:
    faulty.faults.answer(429, on=POST, times=2)
    client = client_of(both, faulty, "article", traces)
    with without_waiting():
        client.run_workflow({"topic": "x"})
    retries = [each.attributes or {} for each in traces.run().events if each.name == "dify.retry"]
    assert [each["dify.retry.attempt"] for each in retries] == [1, 2]
    assert retries[0]["error.type"] == "RateLimitError"
    assert retries[0]["http.response.status_code"] == 429
    counted = traces.metric("dify.retries", "dify.retry.kind", "error.type")
    assert counted == {("request", "RateLimitError"): 2}
    assert traces.run().status.status_code is StatusCode.UNSET


def test_a_gap_and_its_end_are_events_and_nodes_told_late_say_so(
    both: World, faulty: Emulator, traces: Traces
) -> None:
    faulty.faults.cut_stream(after_events=4, on=POST)
    faulty.faults.delay(0.15, on="GET /workflow/")
    with client_of(both, faulty, "long", traces).run_workflow_stream({}) as stream:
        assert [event for event in stream if isinstance(event, StreamGap)]
    run = traces.run()
    assert attributes(run)["dify.run.status"] == "succeeded"
    assert "dify.stream.reattached" in happenings(run)
    assert happenings(run)["dify.stream.gap"]["dify.stream.gap.seconds"] >= 0.1
    assert traces.metric("dify.retries", "dify.retry.kind") == {("stream",): 1}
    inside = traces.inside(run)
    assert attributes(inside["code Quick"][0])["dify.node.told_late"] is True
    assert {name: len(spans) for name, spans in inside.items()} == dict.fromkeys(inside, 1)
    assert len(inside) == 5
    for (span,) in inside.values():
        assert times(run)[0] <= times(span)[0] <= times(span)[1] <= times(run)[1]


def test_a_stream_that_is_lost_for_good_is_an_error_whose_nodes_have_no_end(
    both: World, faulty: Emulator, traces: Traces
) -> None:
    faulty.faults.cut_stream(after_events=6, on=POST)
    client = client_of(both, faulty, "long", traces).with_options(recover=False)
    with pytest.raises(StreamInterruptedError):
        client.run_workflow({})
    run = traces.run()
    assert attributes(run)["error.type"] == "StreamInterruptedError"
    assert attributes(run)["dify.run.id"]
    slow = traces.inside(run)["code Slow"][0]
    assert attributes(slow)["dify.node.status"] == "running"
    assert times(slow)[1] == times(run)[1]
