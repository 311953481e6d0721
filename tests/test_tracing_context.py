"""Which span stands in which, and which headers are sent with a run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry import propagate, trace
from opentelemetry.context import get_current
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import format_span_id, format_trace_id

from dify_workflow import (
    AsyncDifyWorkflow,
    InvalidInputsError,
    WorkflowRunRequest,
)
from dify_workflow.emulator import (
    Emulator,
)
from support import events
from support.events import RUN, TASK, WORKFLOW
from support.replay import Exchange, ReplayServer, replay_server
from support.traced_runs import (
    client_of,
    traced_server,
)
from support.traces import Traces, attributes, identity
from support.worlds import World


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    with traced_server() as running:
        yield running


@pytest.fixture
def traces() -> Traces:
    return Traces()


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
