"""A stream gives the run's events, ends with the run, and closes its connection when it is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import pytest

from dify_workflow import (
    DifyError,
    InvalidResponseError,
    StreamDecodeError,
    StreamInterruptedError,
    TextChunk,
    UnknownEvent,
    WorkflowFinished,
    WorkflowPaused,
    WorkflowStarted,
)
from support import events
from support.conducted import ConductedRun
from support.events import PING, RUN, TASK
from support.left_streams import Left, stream_of_chunks
from support.recordings import recording
from support.replay import Exchange, ReplayServer
from support.waiting import SOON
from support.worlds import World


@pytest.fixture
def stream(both: World, server: ReplayServer) -> Callable[..., Any]:
    return partial(stream_of_chunks, both, server)


# ------------------------------------------------------------------------------------ contents


def test_events_come_as_classes_of_their_own_in_order(stream: Callable[..., Any]) -> None:
    with stream(PING, events.started(), events.text("Ann"), events.finished()) as opened:
        kinds = [type(event) for event in opened]
    assert kinds == [WorkflowStarted, TextChunk, WorkflowFinished]


def test_an_event_is_shaped_like_the_response(stream: Callable[..., Any]) -> None:
    with stream(events.started(), events.finished("failed", error="boom")) as opened:
        first, last = list(opened)
    assert (first.event, first.id, first.task_id) == ("workflow_started", RUN, TASK)
    assert (first.status, first.message) == ("running", None)
    assert (last.status, last.message) == ("failed", "boom")
    assert first.raw["data"]["inputs"] == {"name": "Ann"}
    assert first.data.inputs == {"name": "Ann"}
    assert first.data is first.data


def test_keys_that_a_server_leaves_out_are_none(stream: Callable[..., Any]) -> None:
    with stream(events.started(), events.finished()) as opened:
        first = next(opened)
    assert first.data.sequence_number is None


def test_an_unknown_event_is_kept(stream: Callable[..., Any]) -> None:
    with stream(events.message("brand_new", {"x": 1}), events.finished()) as opened:
        event = next(opened)
    assert isinstance(event, UnknownEvent)
    assert (event.event, event.id, event.data) == ("brand_new", RUN, {"x": 1})


def test_an_unknown_field_is_kept(stream: Callable[..., Any]) -> None:
    data = {"text": "a", "from_variable_selector": None, "brand_new": 1}
    with stream(events.message("text_chunk", data, top_new=2), events.finished()) as opened:
        event = next(opened)
    assert event.data.additional_properties == {"brand_new": 1}
    assert event.raw["top_new"] == 2


def test_an_unknown_status_is_kept_as_a_string(stream: Callable[..., Any]) -> None:
    with stream(events.started(), events.finished("brand-new")) as opened:
        assert opened.result().status == "brand-new"


def test_a_payload_of_another_shape_is_an_error_that_shows_it_and_raw_still_has_it(
    stream: Callable[..., Any],
) -> None:
    with stream(events.message("text_chunk", None), events.finished()) as opened:
        event = next(opened)
    with pytest.raises(InvalidResponseError, match=r"text_chunk .* expected shape"):
        _ = event.data
    assert event.raw["event"] == "text_chunk"


def test_pings_are_not_events_but_show_activity_of_the_server(stream: Callable[..., Any]) -> None:
    with stream(PING, PING, events.started(), PING, events.finished()) as opened:
        before = datetime.now(UTC)
        assert [event.event for event in opened] == ["workflow_started", "workflow_finished"]
        assert before <= opened.last_activity <= datetime.now(UTC)


def test_the_ids_come_from_the_first_event_that_has_them(stream: Callable[..., Any]) -> None:
    with stream(PING, events.node_finished("llm", {}), events.finished()) as opened:
        next(opened)
        assert (opened.run_id, opened.task_id) == (RUN, TASK)


def test_a_stream_whose_first_events_were_lost_still_has_its_result(
    both: World, server: ReplayServer
) -> None:
    lost = recording("1.14.2/run_streaming_echo").events[-1]

    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.message("workflow_finished", lost["data"]))
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    run = client.run_workflow({})
    assert (run.id, run.task_id, run.status) == (RUN, TASK, "succeeded")
    assert run.inputs is None


def test_a_header_that_names_the_run_is_taken(both: World, server: ReplayServer) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.head(
            content_type="text/event-stream",
            transfer_encoding="chunked",
            X_Workflow_Run_ID=RUN,
        )
        exchange.chunk(PING)

    client = both.client(base_url=server.handle(handler), check_inputs=False, lost_run_timeout=0.2)
    with pytest.raises(StreamInterruptedError) as caught:
        client.run_workflow({})
    assert caught.value.run_id == RUN


def test_text_alone(stream: Callable[..., Any]) -> None:
    chunks = [events.started(), events.text("Hel"), events.text("lo"), events.finished()]
    with stream(*chunks) as opened:
        assert list(opened.text) == ["Hel", "lo"]
    assert opened.result().status == "succeeded"


def test_node_outputs_by_node_id(stream: Callable[..., Any]) -> None:
    nodes = [events.node_finished("a", {"x": 1}), events.node_finished("b", None)]
    with stream(events.started(), *nodes, events.finished()) as opened:
        opened.result()
        assert opened.node_outputs() == {"a": {"x": 1}, "b": {}}


@pytest.mark.parametrize(("last", "outputs"), [({"x": 2}, {"x": 2}), (None, {})])
def test_the_last_outputs_of_a_node_count(
    last: dict[str, int] | None, outputs: dict[str, int], stream: Callable[..., Any]
) -> None:
    nodes = [events.node_finished("a", each) for each in ({"x": 1}, last)]
    with stream(events.started(), *nodes, events.finished()) as opened:
        opened.result()
        assert opened.node_outputs() == {"a": outputs}


def test_a_replay_does_not_take_the_outputs_of_a_node_away(
    both: World, server: ReplayServer
) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started())
        for outputs in ({"x": 1}, None):
            exchange.chunk(events.node_finished("a", outputs))
        exchange.chunk(events.finished())
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler))
    with client.resume_workflow_stream(RUN, user_id="user") as opened:
        opened.result()
        assert opened.node_outputs() == {"a": {"x": 1}}


def test_result_reads_the_rest_and_gives_the_run(stream: Callable[..., Any]) -> None:
    with stream(events.started(), events.text("x"), events.finished()) as opened:
        next(opened)
        run = opened.result()
    assert (run.id, run.task_id, run.status, run.message) == (RUN, TASK, "succeeded", None)
    assert (run.inputs, run.outputs) == ({"name": "Ann"}, {"greeting": "Ann"})
    assert (run.created_at, run.finished_at, run.elapsed_time) == (1795344336, 1795344337, 0.046)
    assert (run.total_tokens, run.total_steps, run.exceptions_count) == (3, 2, 0)
    assert run.raw["event"] == "workflow_finished"
    assert run.paused is None


def test_a_pause_ends_the_stream_and_the_run_has_its_forms(stream: Callable[..., Any]) -> None:
    with stream(events.started(), events.paused(), after=Left()) as opened:
        kinds = [type(event) for event in opened]
        run = opened.result()
    assert kinds == [WorkflowStarted, WorkflowPaused]
    assert run.status == "paused"
    assert run.paused.nodes == ("ask",)
    form = run.paused.forms[0]
    assert (form.token, form.node_id, form.content) == ("4zAqaxNSiTmZQ0B9q8uorf", "ask", "Approve?")
    assert form.inputs[0].output_variable_name == "comment"
    assert form.actions[0].id == "approve"
    assert form.default_values == {"comment": "no comment"}
    assert form.approval_channels == ()


def test_a_pause_for_another_reason_than_a_form_is_a_pause_without_forms(
    stream: Callable[..., Any],
) -> None:
    reasons = [{"TYPE": "scheduled_pause", "message": "later"}]
    data = {"paused_nodes": ["n"], "reasons": reasons, "status": "paused", "outputs": {}}
    with stream(events.started(), events.message("workflow_paused", data)) as opened:
        run = opened.result()
    assert run.paused.nodes == ("n",)
    assert run.paused.forms == ()
    assert run.raw["data"]["reasons"] == reasons


def test_a_stream_that_continues_on_pause_ends_with_the_run(
    both: World, server: ReplayServer
) -> None:
    targets: list[str] = []

    def handler(exchange: Exchange) -> None:
        targets.append(exchange.request.target)
        exchange.start_stream()
        for chunk in (events.paused(), events.started(), events.finished()):
            exchange.chunk(chunk)
        exchange.wait_until_left()

    client = both.client(base_url=server.handle(handler))
    with client.resume_workflow_stream(RUN, continue_on_pause=True, user_id="u 1") as opened:
        kinds = [type(event) for event in opened]
    assert kinds == [WorkflowPaused, WorkflowStarted, WorkflowFinished]
    path, _, query = targets[0].partition("?")
    assert path.endswith(f"/workflow/{RUN}/events")
    assert parse_qs(query) == {
        "user": ["u 1"],
        "include_state_snapshot": ["true"],
        "continue_on_pause": ["true"],
    }


def test_the_replay_of_a_finished_run_has_no_task_id(both: World, server: ReplayServer) -> None:
    url = server.url("1.14.2/ev1_events_after_finish_plain")
    run_id = recording("1.14.2/ev1_events_after_finish_plain").events[0]["workflow_run_id"]
    with both.client(base_url=url).resume_workflow_stream(run_id) as opened:
        (event,) = list(opened)
        assert event.raw["task_id"] == event.raw["workflow_run_id"]
        assert event.task_id is None
        assert opened.result().task_id is None


def test_no_message_of_a_stream_shows_the_key(stream: Callable[..., Any]) -> None:
    key = "app-secret-key"
    error = events.message("error", status=500, code="c", message=f"bad {key}")
    for chunks in ([f"data: {key}\n\n".encode()], [error], [f"data: {key}".encode()]):
        with (
            stream(*chunks, api_key=key) as opened,
            pytest.raises(DifyError, match=r"\*\*\*") as caught,
        ):
            opened.result()
        assert key not in str(caught.value)


def test_whole_numbers_of_any_size_come_exact(stream: Callable[..., Any]) -> None:
    numbers = [-(10**30) - 1, 2**64 - 1, -(2**63) - 1, 1 - 10**19]
    outputs = {"large": 10**25 + 1, "list": numbers, "text": "9" * 30}
    outputs |= {"n" * length: 1 - 10**19 for length in range(1, 5)}  # wherever it stands
    with stream(events.node_finished("n", outputs), events.finished(outputs=outputs)) as opened:
        event = next(opened)
        assert event.raw["data"]["outputs"] == outputs
        assert opened.result().outputs == outputs


def test_an_event_larger_than_allowed_is_an_error(stream: Callable[..., Any]) -> None:
    with (
        stream(events.started(), events.text("x" * 500), max_event_bytes=400) as opened,
        pytest.raises(StreamDecodeError, match=r"larger than max_event_bytes \(400 bytes\)"),
    ):
        opened.result()


def test_an_event_may_be_named_by_the_event_field_alone(stream: Callable[..., Any]) -> None:
    chunk = b'event: text_chunk\ndata: {"data": {"text": "x"}}\n\n'
    with stream(chunk, b"event: brand_new\n\n", events.finished()) as opened:
        first, second, _ = list(opened)
    assert isinstance(first, TextChunk)
    assert first.data.text == "x"
    assert isinstance(second, UnknownEvent)


def test_another_content_type_is_an_error_that_shows_the_start_of_the_body(
    both: World, server: ReplayServer
) -> None:
    url = server.handle(
        lambda exchange: exchange.whole(b"<h1>Log in</h1>", content_type="text/html")
    )
    client = both.client(base_url=url, check_inputs=False)
    with (
        pytest.raises(InvalidResponseError, match=r"run_workflow_stream.*text/html.*Log in</h1>"),
        client.run_workflow_stream({}) as opened,
    ):
        next(opened)


def test_repr_shows_the_run_and_the_state(both: World, server: ReplayServer) -> None:
    run = ConductedRun(server)
    run.begin()
    with both.client(base_url=run.url, check_inputs=False).run_workflow_stream({}) as opened:
        next(opened)
        assert repr(opened).endswith(f"WorkflowStream run_id='{RUN}' open>")
        run.end(events.finished())
        opened.result()
        assert repr(opened).endswith("ended>")


# ---------------------------------------------------------------------------- its connection


@pytest.mark.own_client("over others, a thread cannot wait for the end for a moment alone")
@pytest.mark.parametrize(
    ("version", "ends", "connections"),
    [("1.16.1", True, 1), ("1.16.1", False, 3), ("1.14.2", False, 3)],
    ids=["ended at once", "left open", "of a version that leaves all open for a second"],
)
def test_a_stream_that_has_ended_leaves_its_connection_to_the_next_call(
    version: str, ends: bool, connections: int, both: World, server: ReplayServer
) -> None:
    peers: list[Any] = []

    def handler(exchange: Exchange) -> None:
        peers.append(exchange.connection.getpeername())
        exchange.head(
            content_type="text/event-stream", transfer_encoding="chunked", x_version=version
        )
        exchange.chunk(events.started())
        exchange.chunk(events.finished())
        if ends:
            exchange.end_stream()
        else:
            exchange.wait_until_left()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    for _ in range(3):
        before = time.monotonic()
        assert client.run_workflow({}).status == "succeeded"
        assert time.monotonic() - before < SOON
    assert len(set(peers)) == connections
