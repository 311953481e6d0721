"""How spans end when a run fails, is left, or cannot be read."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import StatusCode

from dify_workflow import (
    APIConnectionError,
    AsyncDifyWorkflow,
    AuthenticationError,
    InvalidInputsError,
    InvalidResponseError,
    RunDeadlineExceededError,
    WorkflowRunRequest,
    WorkflowStreamError,
)
from dify_workflow.emulator import (
    Emulator,
)
from dify_workflow.tracing import Tracing
from support import events
from support.events import RUN
from support.replay import Exchange, replay_server
from support.traced_runs import (
    client_of,
    traced_server,
)
from support.traces import Traces, attributes, happenings
from support.waiting import PATIENCE
from support.worlds import World, world


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    with traced_server() as running:
        yield running


@pytest.fixture
def traces() -> Traces:
    return Traces()


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
