"""Metrics, content, and the settings of tracing."""

from __future__ import annotations

import copy
import logging
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from dify_workflow import (
    AsyncDifyWorkflow,
    ConfigurationError,
    DifyWorkflow,
    InvalidInputsError,
    TextChunk,
    WorkflowRunRequest,
)
from dify_workflow._streams.session import StreamSession
from dify_workflow.batch import run_batch
from dify_workflow.batch.cluster import options_to_send
from dify_workflow.emulator import (
    Emulator,
)
from dify_workflow.tracing import Tracing, observer
from support import events
from support.traced_runs import (
    HELD,
    client_of,
    traced_server,
)
from support.traces import Traces, attributes, happenings
from support.worlds import World


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    with traced_server() as running:
        yield running


@pytest.fixture
def traces() -> Traces:
    return Traces()


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
