"""Runs as spans and metrics, sync and async, over real sockets, told to OpenTelemetry's own SDK."""

from __future__ import annotations

import asyncio
import copy
import gc
import logging
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry import propagate, trace
from opentelemetry.context import get_current
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from dify_workflow import (
    APIConnectionError,
    AsyncDifyWorkflow,
    AuthenticationError,
    ConfigurationError,
    DifyWorkflow,
    InvalidInputsError,
    InvalidResponseError,
    NodeStarted,
    RunDeadlineExceededError,
    StreamGap,
    StreamInterruptedError,
    TextChunk,
    WorkflowRunRequest,
    WorkflowStreamError,
)
from dify_workflow._http.retry import without_waiting
from dify_workflow._streams.session import StreamSession
from dify_workflow.batch import run_batch
from dify_workflow.batch.cluster import options_to_send
from dify_workflow.emulator import (
    BeginNode,
    Emulator,
    EndNode,
    FormAction,
    Input,
    Sleep,
    failing_node,
    handled_failure,
    human_input,
    iteration,
    llm,
    loop,
    node,
    parallel,
    retrying_node,
    workflow,
)
from dify_workflow.tracing import Tracing, observer
from support import events
from support.events import RUN, TASK, WORKFLOW
from support.pace import hurried
from support.replay import Exchange, ReplayServer, replay_server
from support.traces import Traces, attributes, happenings, identity, seconds, times
from support.waiting import PATIENCE
from support.worlds import World, world

POST = "POST /workflows/run"


@workflow(Input("topic"))
def article(inputs: dict[str, Any]) -> Any:
    """A model between two nodes."""
    yield from node("search", type="http-request", title="Search", seconds=0.05)
    yield from llm("write", ["On ", inputs["topic"]], title="Write", prompt=inputs["topic"])
    yield from node("check", title="Check")
    return {"text": f"On {inputs['topic']}"}


@workflow()
def nested(_inputs: dict[str, Any]) -> Any:
    """An iteration, a loop in it, and two branches at once."""

    def item(_name: str, _index: int) -> Any:
        yield from loop("again", turn, variables={"left": 2}, title="Again")
        return (yield from node("inner", title="Inner", seconds=0.01))

    def turn(_index: int, variables: dict[str, Any]) -> Any:
        yield from node("turn", title="Turn")
        left = variables["left"] - 1
        return {"left": left} if left else None

    yield from iteration("each", ["a", "b"], item, title="Each")
    yield from parallel(
        node("left", title="Left", seconds=0.1), node("right", title="Right", seconds=0.1)
    )
    return {}


@workflow()
def troubled(_inputs: dict[str, Any]) -> Any:
    """Retries, a failure that is handled, and one that is not."""
    yield from retrying_node("request", "SECRET 503", title="Request", outputs={})
    yield from handled_failure("risky", "SECRET kaboom", outputs={}, title="Risky")
    yield from failing_node("doomed", "SECRET error", title="Doomed")


@workflow()
def asking(_inputs: dict[str, Any]) -> Any:
    """Waits for a person."""
    yield from node("before", title="Before")
    answer = yield from human_input("ask", "Well?", actions=[FormAction("yes", "Yes")], title="Ask")
    yield from node("after", title="After", seconds=1.0)
    return {"answer": answer.action}


@workflow()
def long(_inputs: dict[str, Any]) -> Any:
    """A node that has ended, and one that has not for long."""
    yield from node("quick", title="Quick")
    yield from node("slow", title="Slow", seconds=1.5)
    yield from node("last", title="Last")
    return {}


HELD = threading.Event()
"""While it is set, the slow node of `held` does not end."""


@workflow()
def held(_inputs: dict[str, Any]) -> Any:
    """A node that has ended, and one that ends when the test lets it."""
    yield from node("quick", title="Quick")
    yield BeginNode("slow", "code", "Slow")
    while HELD.is_set():
        yield Sleep(0.02)
    yield EndNode("slow", {})
    yield from node("last", title="Last")
    return {}


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    workflows = (article, nested, troubled, asking, long, held)
    with Emulator(*workflows, linger=0.02, ping_interval=0.05) as running:
        yield running


@pytest.fixture
def faulty() -> Iterator[Emulator]:
    """One of its own, for faults."""
    with Emulator(article, long, linger=0.02, ping_interval=0.05) as running:
        yield running


@pytest.fixture
def traces() -> Traces:
    return Traces()


def client_of(both: World, server: Emulator, app: str, traces: Traces, **settings: Any) -> Any:
    tracing = traces.tracing(**settings)
    made = both.client(api_key=f"app-{app}", base_url=server.base_url, tracing=tracing)
    return hurried(made)


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


# ------------------------------------------------------------------------------------ how it ends


FAILURES: dict[str, tuple[type[Exception], Any]] = {
    "refused": (
        AuthenticationError,
        lambda c: c.run_workflow(WorkflowRunRequest({"topic": "x"}, api_key="app-nobody")),
    ),
    "bad inputs": (InvalidInputsError, lambda c: c.run_workflow({})),
    "no server": (
        APIConnectionError,
        lambda c: c.with_options(base_url="http://127.0.0.1:1/v1", max_retries=0).run_workflow({}),
    ),
    "no server for a stream": (
        APIConnectionError,
        lambda c: list(
            c.with_options(base_url="http://127.0.0.1:1/v1", max_retries=0).run_workflow_stream({})
        ),
    ),
    "too late": (RunDeadlineExceededError, lambda c: c.run_workflow({"topic": "x"}, deadline=0.03)),
}


@pytest.mark.parametrize("name", FAILURES)
def test_an_exception_is_an_error_with_its_type(
    name: str, both: World, server: Emulator, traces: Traces
) -> None:
    expected, call = FAILURES[name]
    with pytest.raises(expected):
        call(client_of(both, server, "article", traces))
    span = traces.run()
    kind = expected.__name__
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None
    assert attributes(span)["error.type"] == kind
    assert happenings(span)["exception"] == {"exception.type": f"dify_workflow.errors.{kind}"}
    assert traces.metric("dify.runs", "error.type") == {(kind,): 1}
    if expected is AuthenticationError:
        assert attributes(span)["http.response.status_code"] == 401
        assert attributes(span)["dify.error.code"] == "unauthorized"


def test_a_run_that_cannot_be_set_up_is_an_error(
    both: World, emulator: Emulator, traces: Traces
) -> None:
    with pytest.raises(WorkflowStreamError):
        client_of(both, emulator, "broken", traces).run_workflow({})
    assert attributes(traces.run())["error.type"] == "WorkflowStreamError"


LEAVES: dict[str, Any] = {
    "by the end of the block": next,
    "by a break": lambda stream: next(iter(stream)),
    "by close": lambda stream: (next(stream), stream.close()),
}


@pytest.mark.parametrize("name", LEAVES)
def test_a_stream_that_is_left_says_so(
    name: str, both: World, server: Emulator, traces: Traces
) -> None:
    with client_of(both, server, "long", traces).run_workflow_stream({}) as stream:
        LEAVES[name](stream)
        run_id = stream.run_id
    span = traces.run()
    assert attributes(span)["dify.stream.left"] is True
    assert attributes(span)["dify.run.status"] == "running"
    assert attributes(span)["dify.run.id"] == run_id
    assert span.status.status_code is StatusCode.UNSET
    assert traces.metric("dify.runs", "dify.run.status") == {("running",): 1}
    assert traces.metric("gen_ai.client.operation.duration") == {}


def test_a_stream_that_is_collected_ends_its_span(server: Emulator, traces: Traces) -> None:
    with server.client("long", tracing=traces.tracing()) as client:
        stream: Any = client.run_workflow_stream({})
        next(stream)
        stream.itself = stream  # a cycle, which only the collector finds
        del stream
        gc.collect()
        assert attributes(traces.run())["dify.stream.left"] is True


class _Ended(SpanProcessor):
    def __init__(self) -> None:
        self.thread: int | None = None
        self.is_over = threading.Event()

    def on_end(self, span: Any) -> None:
        self.thread = threading.get_ident()
        self.is_over.set()


def test_a_finalizer_never_calls_an_exporter_itself(server: Emulator) -> None:
    """It may run while its thread holds that one's lock."""
    ended, provider = _Ended(), TracerProvider()
    provider.add_span_processor(ended)
    with server.client("long", tracing=Tracing(tracer_provider=provider)) as client:
        next(iter(client.run_workflow_stream({})))
        assert ended.is_over.wait(PATIENCE)
    assert ended.thread != threading.get_ident()


def test_a_program_that_leaves_a_stream_and_ends_has_told_it(server: Emulator) -> None:
    program = f"""
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from dify_workflow import DifyWorkflow

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)
client = DifyWorkflow("app-long", base_url={server.base_url!r}, tracing=True)
for event in client.run_workflow_stream({{}}):
    break
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert '"dify.stream.left": true' in done.stdout


async def _dropped(client: AsyncDifyWorkflow) -> None:
    stream = client.run_workflow_stream({})
    await anext(stream)


def test_an_async_stream_that_is_collected_ends_its_span(traces: Traces, server: Emulator) -> None:
    with world("async") as made:
        client = client_of(made, server, "long", traces)
        made.call(_dropped, client.target)
        assert attributes(traces.run())["dify.stream.left"] is True


def test_a_stream_that_is_never_opened_has_no_span(server: Emulator, traces: Traces) -> None:
    client = AsyncDifyWorkflow("app-long", base_url=server.base_url, tracing=traces.tracing())
    client.run_workflow_stream({})
    gc.collect()
    assert traces.spans == []


def test_the_end_is_told_when_it_is_known_and_not_when_it_is_read(
    both: World, server: Emulator, traces: Traces
) -> None:
    with client_of(both, server, "article", traces).run_workflow_stream({"topic": "x"}) as stream:
        for _ in stream:
            pass
        assert attributes(traces.run())["dify.run.status"] == "succeeded"
    assert "dify.stream.left" not in attributes(traces.run())


def test_an_end_that_cannot_be_read_ends_the_span_with_the_ids(both: World, traces: Traces) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started())
        exchange.chunk(events.message("workflow_finished", data="nothing"))
        exchange.end_stream()

    with replay_server() as running:
        url = running.handle(handler)
        client = both.client(base_url=url, check_inputs=False, tracing=traces.tracing())
        with pytest.raises(InvalidResponseError):
            client.run_workflow({})
    assert attributes(traces.run())["dify.run.id"] == RUN
    assert "dify.run.status" not in attributes(traces.run())


# ------------------------------------------------------------------------------------ the context


def test_the_span_stands_in_that_of_the_caller_and_leaves_no_trace_in_its_context(
    both: World, server: Emulator, traces: Traces
) -> None:
    client = client_of(both, server, "article", traces)
    tracer = trace.get_tracer("test", tracer_provider=traces.tracers)
    before = get_current()
    with tracer.start_as_current_span("mine") as mine:
        within = get_current()
        stream = client.run_workflow_stream({"topic": "x"})
        first = next(stream)
        assert get_current() == within
        with tracer.start_as_current_span("another"):  # what is current later does not matter
            rest = list(stream)
        client.run_workflow({"topic": "y"}, response_mode="blocking")
    assert get_current() == before
    assert first.event == "workflow_started"
    assert rest
    for run in traces.runs(2):
        assert run.parent == mine.get_span_context()


def test_streams_that_are_read_in_turns_keep_their_nodes_apart(
    both: World, server: Emulator, traces: Traces
) -> None:
    client = client_of(both, server, "article", traces)
    streams = [client.run_workflow_stream({"topic": topic}) for topic in "ab"]
    for events_of_both in zip(*streams, strict=True):
        assert len({event.event for event in events_of_both}) == 1
    for run in traces.runs(2):
        inside = [span for spans in traces.inside(run).values() for span in spans]
        assert len(inside) == 5


def test_tasks_do_not_see_each_others_spans(server: Emulator, traces: Traces) -> None:
    tracer = trace.get_tracer("test", tracer_provider=traces.tracers)

    async def task(client: AsyncDifyWorkflow, name: str) -> None:
        with tracer.start_as_current_span(name) as mine:
            async for _ in client.run_workflow_stream({"topic": name}):
                assert trace.get_current_span() is mine
            with pytest.raises(InvalidInputsError):
                await client.run_workflow({})
            assert trace.get_current_span() is mine

    async def main() -> None:
        async with server.async_client("article", tracing=traces.tracing()) as client:
            await asyncio.gather(*(task(client, name) for name in "abc"))
        assert not trace.get_current_span().get_span_context().is_valid

    asyncio.run(main())
    parents = [identity(span) for span in traces.spans if span.name in "abc"]
    assert len(parents) == 3
    runs = traces.runs(6)
    assert sorted(run.parent.span_id for run in runs if run.parent) == sorted(2 * parents)


def test_a_task_that_is_cancelled_leaves_its_stream(server: Emulator, traces: Traces) -> None:
    async def main() -> None:
        async with server.async_client("long", tracing=traces.tracing()) as client:
            begun = asyncio.Event()

            async def read() -> None:
                async with client.run_workflow_stream({}) as stream:
                    async for _ in stream:
                        begun.set()

            reading = asyncio.create_task(read())
            await begun.wait()
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading

    asyncio.run(main())
    assert attributes(traces.run())["dify.stream.left"] is True


def test_while_the_run_is_sent_its_span_is_the_current_one(
    both: World, server: Emulator, traces: Traces
) -> None:
    """So that what instruments httpx has its spans inside."""
    current: list[Any] = []

    def hook(request: httpx.Request) -> None:
        if request.url.path.endswith("/run"):
            current.append(trace.get_current_span().get_span_context())

    async def async_hook(request: httpx.Request) -> None:
        hook(request)

    hooks: dict[str, Any] = {"request": [hook if both.name == "sync" else async_hook]}
    kind: Any = httpx.Client if both.name == "sync" else httpx.AsyncClient
    http = kind(event_hooks=hooks)
    client = both.client(
        api_key="app-article",
        base_url=server.base_url,
        tracing=traces.tracing(),
        http_client=http,
    )
    client.run_workflow({"topic": "x"})
    client.run_workflow({"topic": "x"}, response_mode="blocking")
    both.call(http.close if both.name == "sync" else http.aclose)
    assert current == [run.get_span_context() for run in traces.runs(2)]


# ------------------------------------------------------------------- what travels along with a run


class Seen:
    """A server that notes the headers of the run, and answers it."""

    def __init__(self, server: ReplayServer) -> None:
        self.headers: dict[str, str] = {}
        self.body = b""
        self.url = server.handle(self._answer)

    def _answer(self, exchange: Exchange) -> None:
        self.headers, self.body = exchange.request.headers, exchange.request.body
        if b'"blocking"' in self.body:
            data = {"id": RUN, "workflow_id": WORKFLOW, "status": "succeeded", "outputs": {}}
            more = '"error": null, "elapsed_time": 0.1, "total_tokens": 3, "total_steps": 2, '
            more += '"created_at": 1, "finished_at": 2'
            body = str(data).replace("'", '"')[:-1] + f", {more}}}"
            exchange.whole(
                f'{{"task_id": "{TASK}", "workflow_run_id": "{RUN}", "data": {body}}}'.encode()
            )
            return
        exchange.start_stream()
        exchange.chunk(events.started())
        exchange.chunk(events.finished())
        exchange.end_stream()


@pytest.fixture
def seen() -> Iterator[Seen]:
    with replay_server() as running:
        yield Seen(running)


def tracing_client(both: World, seen: Seen, tracing: Any) -> Any:
    return both.client(base_url=seen.url, check_inputs=False, tracing=tracing)


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_the_servers_own_trace_can_join(mode: str, both: World, seen: Seen, traces: Traces) -> None:
    tracing_client(both, seen, traces.tracing()).run_workflow({}, response_mode=mode)
    context = traces.run().get_span_context()
    assert context is not None
    trace_id, span_id = format_trace_id(context.trace_id), format_span_id(context.span_id)
    version, trace, parent, flags = seen.headers["traceparent"].split("-")
    assert (version, trace, parent) == ("00", trace_id, span_id)
    assert int(flags, 16) & 1, "sampled"
    assert seen.headers["x-trace-id"] == trace_id
    assert b"trace_id" not in seen.body
    assert seen.headers["content-type"] == "application/json"


def test_a_trace_id_of_the_users_own_wins(both: World, seen: Seen, traces: Traces) -> None:
    request = WorkflowRunRequest({}, trace_id="order-42")
    tracing_client(both, seen, traces.tracing()).run_workflow(request)
    assert "x-trace-id" not in seen.headers, "servers take it before the body's"
    assert b'"trace_id":"order-42"' in seen.body
    assert "traceparent" in seen.headers
    assert attributes(traces.run())["dify.trace.id"] == "order-42"


class _Own(TextMapPropagator):
    def extract(self, carrier: Any, context: Any = None, getter: Any = None) -> Any:
        raise NotImplementedError

    def inject(self, carrier: Any, context: Any = None, setter: Any = None) -> None:
        span = trace.get_current_span(context).get_span_context()
        carrier["b3"] = format_span_id(span.span_id)
        carrier["x-odd"] = "caf\u00e9"
        carrier["x odd"] = "name"
        carrier["x-long"] = "two\r\nlines"

    @property
    def fields(self) -> set[str]:
        return {"b3"}


@pytest.fixture
def own_propagator() -> Iterator[None]:
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(_Own())
    yield
    propagate.set_global_textmap(before)


@pytest.mark.usefixtures("own_propagator")
def test_the_configured_propagator_says_which_headers_are_sent(
    both: World, seen: Seen, traces: Traces
) -> None:
    tracing_client(both, seen, traces.tracing()).run_workflow({})
    assert seen.headers["b3"] == format_span_id(identity(traces.run()))
    assert "traceparent" not in seen.headers
    assert not {"x-odd", "x odd", "x-long"} & {*seen.headers}, "no header can be that"


def test_what_is_not_sampled_is_counted_and_travels_but_is_not_recorded(
    both: World, seen: Seen
) -> None:
    traces = Traces(ALWAYS_OFF)
    tracing_client(both, seen, traces.tracing()).run_workflow({})
    assert traces.spans == []
    assert not int(seen.headers["traceparent"].rpartition("-")[2], 16) & 1
    assert traces.metric("dify.runs", "dify.run.status") == {("succeeded",): 1}
    assert traces.metric("dify.tokens") == {(): 3}


def test_without_an_sdk_nothing_travels_and_nothing_is_told(both: World, seen: Seen) -> None:
    run = tracing_client(both, seen, tracing=True).run_workflow({})
    assert run.status == "succeeded"
    assert not {"traceparent", "x-trace-id"} & {*seen.headers}


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


def test_runs_their_durations_and_tokens_are_measured_by_how_they_ended(
    both: World, server: Emulator, traces: Traces
) -> None:
    client = client_of(both, server, "article", traces, name="articles")
    tokens = sum(client.run_workflow({"topic": "x"}).total_tokens for _ in range(2))
    client.run_workflow(WorkflowRunRequest({}, api_key="app-troubled"))
    HELD.set()
    submitted = client.submit_workflow(WorkflowRunRequest({}, api_key="app-held"))
    HELD.clear()
    client.wait_for_run(submitted.id, api_key="app-held")
    labels = ("dify.method", "dify.run.status")
    assert traces.metric("dify.runs", *labels) == {
        ("run_workflow", "succeeded"): 2,
        ("run_workflow", "failed"): 1,
        ("submit_workflow", "running"): 1,
        ("wait_for_run", "succeeded"): 1,
    }
    durations = traces.metric("gen_ai.client.operation.duration", *labels)
    assert {key: count for key, (count, _) in durations.items()} == {
        ("run_workflow", "succeeded"): 2,
        ("run_workflow", "failed"): 1,
    }
    assert durations["run_workflow", "succeeded"][1] >= 0.1
    assert traces.metric("dify.tokens", *labels)["run_workflow", "succeeded"] == tokens
    assert tokens > 0


# --------------------------------------------------------------------------------- what is not told


def test_nothing_of_inputs_outputs_and_error_texts_is_told_unless_asked_for(
    both: World, server: Emulator, traces: Traces
) -> None:
    client = client_of(both, server, "article", traces)
    for mode in ("streaming", "blocking"):
        client.run_workflow({"topic": "SECRET"}, response_mode=mode)
    client.run_workflow(WorkflowRunRequest({}, api_key="app-troubled"))
    with pytest.raises(InvalidInputsError):
        client.run_workflow({"SECRET": "SECRET"})
    traces.runs(4)
    assert "SECRET" not in traces.everything()


def test_with_content_inputs_outputs_and_error_texts_are_told(
    both: World, server: Emulator, traces: Traces
) -> None:
    client = client_of(both, server, "article", traces, content=True)
    client.run_workflow({"topic": "boxes"})
    span = traces.run()
    assert attributes(span)["dify.run.inputs"] == '{"topic":"boxes"}'
    assert attributes(span)["dify.run.outputs"] == '{"text":"On boxes"}'
    assert "boxes" in attributes(traces.node("llm Write"))["dify.node.outputs"]
    client.run_workflow(WorkflowRunRequest({}, api_key="app-troubled"))
    assert "SECRET error" in str(traces.runs(2)[1].status.description)
    assert traces.node("code Doomed").status.description == "SECRET error"
    with pytest.raises(InvalidInputsError) as caught:
        client.run_workflow({})
    exception = happenings(traces.runs(3)[2])["exception"]
    assert exception["exception.message"] == str(caught.value)


# ----------------------------------------------------------------------------- what goes wrong here


class _Broken(SpanProcessor):
    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("no room")

    def on_end(self, span: Any) -> None:
        raise RuntimeError("no room")


class _BrokenProvider(TracerProvider):
    def get_tracer(self, *_args: Any, **_more: Any) -> Any:
        raise RuntimeError("no tracer")


def broken_providers() -> dict[str, Any]:
    at_work = TracerProvider()
    at_work.add_span_processor(_Broken())
    return {"at work": at_work, "from the beginning": _BrokenProvider()}


@pytest.mark.parametrize("name", broken_providers())
def test_what_fails_in_tracing_is_logged_once_and_fails_no_run(
    name: str,
    both: World,
    server: Emulator,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(observer, "_was_logged", False)
    tracing = Tracing(tracer_provider=broken_providers()[name])
    client = both.client(api_key="app-article", base_url=server.base_url, tracing=tracing)
    caplog.set_level(logging.WARNING)
    for mode in ("streaming", "blocking"):
        run = client.run_workflow({"topic": "x"}, response_mode=mode)
        assert run.status == "succeeded"
    with client.run_workflow_stream({"topic": "x"}) as stream:
        assert any(isinstance(event, TextChunk) for event in stream)
    told = [each.getMessage() for each in caplog.records if each.name == "dify_workflow"]
    assert told == ["Tracing failed. Runs continue without it. This is logged once."]


def test_the_text_of_a_steady_stream_is_not_even_looked_at() -> None:
    class Counting:
        told_of = 0

        def on_event(self, event: Any) -> None:
            self.told_of += 1

        def ended(self, run: Any, failure: Any) -> None:
            pass

    observer: Any = Counting()
    session = StreamSession("call", max_event_bytes=1000, observer=observer)
    session.receive(events.started())
    for _ in range(100):
        session.receive(events.text("word"))
    session.receive(events.finished())
    assert len(session.ready) == 102
    assert observer.told_of == 2


# ----------------------------------------------------------------------------------------- settings


def test_copies_of_a_client_trace_as_they_are_told_to(
    both: World, server: Emulator, traces: Traces
) -> None:
    plain = both.client(api_key="app-article", base_url=server.base_url)
    traced = plain.with_options(tracing=traces.tracing())
    traced.with_options(tracing=False).run_workflow({"topic": "x"})
    plain.run_workflow({"topic": "x"})
    assert traces.spans == []
    traced.with_options(timeout=10).run_workflow({"topic": "x"})
    assert traces.run()


def test_settings_travel_without_their_providers(traces: Traces) -> None:
    sent = traces.tracing(content=True, nodes=False, name="articles")
    got = pickle.loads(pickle.dumps(sent))
    assert (got.content, got.nodes, got.name) == (True, False, "articles")
    assert (got.tracer_provider, got.meter_provider) == (None, None)
    assert copy.copy(sent).name == "articles"
    assert "provider" not in repr(sent)


@pytest.mark.parametrize("tracing", ["yes", 1, object()])
def test_what_is_no_setting_is_refused(tracing: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"tracing must be True, False or a"):
        DifyWorkflow("app-key", tracing=tracing)


@pytest.mark.parametrize("name", ["", " ", 5])
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be a string that is not empty"):
        Tracing(name=name)


def test_the_rows_of_a_batch_are_traced(server: Emulator, traces: Traces, tmp_path: Path) -> None:
    with server.client("article", tracing=traces.tracing(name="rows")) as client:
        summary = run_batch(client, [{"topic": "a"}, {"topic": "b"}], journal=tmp_path / "journal")
    assert summary.succeeded == 2
    for span in traces.runs(2):
        assert attributes(span)["gen_ai.agent.name"] == "rows"


def test_settings_travel_to_the_workers_of_a_cluster(traces: Traces) -> None:
    client = AsyncDifyWorkflow("app-key", tracing=traces.tracing(name="rows"))
    _, options, _ = pickle.loads(pickle.dumps(options_to_send(client)))
    assert options["tracing"].name == "rows"
    assert AsyncDifyWorkflow("app-key", **options)._options.tracing.name == "rows"


def test_threads_may_share_a_client_that_traces(server: Emulator, traces: Traces) -> None:
    with server.client("article", tracing=traces.tracing()) as client:
        threads = [
            threading.Thread(target=client.run_workflow, args=({"topic": str(n)},))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {len(traces.inside(run)) for run in traces.runs(8)} == {5}
