"""A stream gives the run's events, ends with the run, and closes its connection when it is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest

from dify_workflow import (
    BadRequestError,
    DifyError,
    DifyWorkflow,
    InvalidResponseError,
    StreamDecodeError,
    StreamError,
    StreamInterruptedError,
    TextChunk,
    UnknownEvent,
    WorkflowFinished,
    WorkflowPaused,
    WorkflowRunRequest,
    WorkflowStarted,
    WorkflowStreamError,
)
from support import events
from support.conducted import ConductedRun
from support.events import PING, RUN, TASK
from support.recordings import recording
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE, SOON
from support.worlds import World


@pytest.fixture
def stream(both: World, server: ReplayServer) -> Callable[..., Any]:
    """Makes the stream of a run whose server sends these chunks and then does what `after` says."""

    def make(
        *chunks: bytes, after: Callable[[Exchange], None] | None = None, **options: Any
    ) -> Any:
        def handler(exchange: Exchange) -> None:
            exchange.start_stream()
            for chunk in chunks:
                exchange.chunk(chunk)
            if after is None:
                exchange.end_stream()
            else:
                after(exchange)

        options = {"check_inputs": False, "recover": False, **options}
        return both.client(base_url=server.handle(handler), **options).run_workflow_stream({})

    return make


class Left:
    """Waits, in the server, until the client has closed the connection."""

    def __init__(self) -> None:
        self.at: float | None = None
        self._event = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        if exchange.wait_until_left():
            self.at = time.monotonic()
        self._event.set()

    def seconds_since(self, moment: float) -> float:
        assert self._event.wait(PATIENCE)
        assert self.at is not None, "the client did not close the connection"
        return self.at - moment


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


# ------------------------------------------------------------------------------ end and closing


def test_iteration_ends_with_the_run_and_not_with_the_connection(
    stream: Callable[..., Any],
) -> None:
    left = Left()
    with stream(events.started(), events.finished(), after=left) as opened:
        assert len(list(opened)) == 2
        assert left.seconds_since(time.monotonic()) < SOON


def test_a_stream_that_has_ended_stays_ended(stream: Callable[..., Any]) -> None:
    with stream(events.started(), events.finished()) as opened:
        assert len(list(opened)) == 2
        assert list(opened) == []
        with pytest.raises(StopIteration):
            next(opened)


def test_breaking_out_closes_the_connection_at_once(stream: Callable[..., Any]) -> None:
    left = Left()
    opened = stream(events.started(), events.text("x"), after=left)
    for _ in opened:
        break
    assert left.seconds_since(time.monotonic()) < SOON
    with pytest.raises(StreamError, match=f"run {RUN} was closed before the run's end"):
        opened.result()


def test_leaving_the_block_closes_the_connection_at_once(stream: Callable[..., Any]) -> None:
    left = Left()
    with stream(events.started(), after=left) as opened:
        next(opened)
    assert left.seconds_since(time.monotonic()) < SOON


def test_an_exception_in_the_loop_closes_the_connection_at_once(stream: Callable[..., Any]) -> None:
    left = Left()
    with pytest.raises(ZeroDivisionError), stream(events.started(), after=left) as opened:
        for _ in opened:
            raise ZeroDivisionError
    assert left.seconds_since(time.monotonic()) < SOON


def test_leaving_the_loop_over_the_text_closes_the_connection_at_once(
    stream: Callable[..., Any],
) -> None:
    left = Left()
    opened = stream(events.started(), events.text("x"), after=left)
    pieces = iter(opened.text)
    assert next(pieces) == "x"
    pieces.close()
    assert left.seconds_since(time.monotonic()) < SOON


def test_a_single_event_can_be_taken_without_closing(stream: Callable[..., Any]) -> None:
    with stream(events.started(), events.text("x"), events.finished()) as opened:
        assert isinstance(next(opened), WorkflowStarted)
        assert opened.result().status == "succeeded"


def test_what_was_received_before_closing_still_makes_the_result(
    stream: Callable[..., Any],
) -> None:
    with stream(events.started() + events.text("x") + events.finished()) as opened:
        next(opened)
    assert opened.result().status == "succeeded"


def test_closing_from_elsewhere_wakes_the_reader_and_says_so(
    stream: Callable[..., Any],
) -> None:
    left = Left()
    opened = stream(events.started(), after=left)
    next(opened)
    closed_at: list[float] = []

    def close() -> None:
        closed_at.append(time.monotonic())
        opened.close()

    threading.Timer(0.1, close).start()
    with pytest.raises(StreamError, match="was closed before the run's end"):
        next(opened)
    assert time.monotonic() - closed_at[0] < SOON
    assert left.seconds_since(closed_at[0]) < SOON


def test_a_stop_of_another_thread_is_sent_as_soon_as_the_task_is_known(
    server: ReplayServer,
) -> None:
    """Also while the thread that reads waits for what does not come."""
    run = ConductedRun(server)
    with DifyWorkflow("app-key", base_url=run.url, check_inputs=False) as client:
        opened = client.run_workflow_stream({})
        reading = threading.Thread(target=opened.result)
        reading.start()
        stopping = threading.Thread(target=opened.stop)
        stopping.start()
        run.begin()
        assert run.stops.get(timeout=PATIENCE) == events.TASK
        run.end(events.finished("stopped"))
        reading.join()
        stopping.join()


@pytest.mark.own_client("connections of the user's client are not closed with ours")
def test_closing_the_client_ends_its_streams_and_says_so(both: World, server: ReplayServer) -> None:
    left = Left()

    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started())
        left(exchange)

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    opened = client.run_workflow_stream({})
    next(opened)
    threading.Timer(0.1, client.close).start()
    with pytest.raises(StreamInterruptedError, match="this program closed the connection"):
        next(opened)


# ------------------------------------------------------------------------------------ failures


def test_a_stream_that_is_cut_is_an_error_with_the_ids_and_the_last_event(
    stream: Callable[..., Any],
) -> None:
    with stream(events.started(), events.text("x"), after=lambda _: None) as opened:
        got = []
        with pytest.raises(StreamInterruptedError, match=f"run {RUN} broke off") as caught:
            got.extend(opened)
    assert (caught.value.run_id, caught.value.task_id) == (RUN, TASK)
    assert caught.value.last_event.event == "text_chunk"


def test_a_stream_that_ends_without_a_final_event_is_an_error(stream: Callable[..., Any]) -> None:
    with (
        stream(events.started()) as opened,
        pytest.raises(StreamInterruptedError, match="the server ended it"),
    ):
        opened.result()


def test_a_stream_that_ends_in_the_middle_of_an_event_shows_what_came_of_it(
    stream: Callable[..., Any],
) -> None:
    with (
        stream(events.started(), b'data: {"event":"work') as opened,
        pytest.raises(StreamInterruptedError, match=r'in an event \(data: {"event":"work\)'),
    ):
        opened.result()


def test_a_stream_that_falls_silent_is_an_error(stream: Callable[..., Any]) -> None:
    left = Left()
    with (
        stream(events.started(), after=left, timeout=1) as opened,
        pytest.raises(StreamInterruptedError, match="silent for 1 s") as caught,
    ):
        opened.result()
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert left.seconds_since(time.monotonic()) < SOON


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


# -------------------------------------------------------------------------------- error events


def test_an_error_event_raises_with_the_final_event_that_follows_it(
    stream: Callable[..., Any],
) -> None:
    chunks = [
        PING,
        events.error(),
        events.started(),
        events.finished("failed", error="No provider."),
    ]
    with (
        stream(*chunks, after=Left()) as opened,
        pytest.raises(WorkflowStreamError, match=r"invalid_param\): No provider") as caught,
    ):
        next(opened)
    assert caught.value.code == "invalid_param"
    assert (caught.value.run_id, caught.value.task_id) == (RUN, TASK)
    assert isinstance(caught.value.final_event, WorkflowFinished)
    assert [event.event for event in caught.value.following] == [
        "workflow_started",
        "workflow_finished",
    ]


def test_a_refusal_whose_body_does_not_end_is_the_refusal(
    both: World, server: ReplayServer
) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.head(400, "Bad", content_type="text/plain", content_length="1000")
        exchange.send(b"too much of it")
        exchange.wait_until_left()

    url = server.handle(handler)
    client = both.client(base_url=url, check_inputs=False, timeout=0.2)
    with (
        pytest.raises(BadRequestError, match="too much of it"),
        client.run_workflow_stream({}) as stream,
    ):
        stream.result()


def test_an_error_event_followed_by_silence_raises_within_a_second(
    stream: Callable[..., Any],
) -> None:
    """Servers 1.13 and 1.14 leave the stream open and silent for 300 s."""
    left = Left()
    began = time.monotonic()
    with (
        stream(PING, events.error(), after=left) as opened,
        pytest.raises(WorkflowStreamError) as caught,
    ):
        opened.result()
    assert 0.9 < time.monotonic() - began < SOON
    assert caught.value.final_event is None
    assert caught.value.run_id is None


def test_pings_do_not_prolong_the_wait_after_an_error_event(stream: Callable[..., Any]) -> None:
    gone = threading.Event()

    def keep_pinging(exchange: Exchange) -> None:
        try:
            while not gone.wait(0.1):
                exchange.chunk(PING)
        except OSError:
            gone.set()

    began = time.monotonic()
    with stream(events.error(), after=keep_pinging) as opened, pytest.raises(WorkflowStreamError):
        opened.result()
    assert time.monotonic() - began < SOON
    assert gone.wait(PATIENCE), "the connection was not closed"


def test_an_error_event_of_the_fewest_keys_is_understood(stream: Callable[..., Any]) -> None:
    chunk = b'data: {"event":"error","message":"Broken.","status":500}\n\n'
    with (
        stream(chunk) as opened,
        pytest.raises(WorkflowStreamError, match=r"could not start the run: Broken"),
    ):
        opened.result()


# ------------------------------------------------------------------------------------ stopping


def test_stop_asks_for_the_task_with_the_key_and_user_of_the_run(
    both: World, server: ReplayServer
) -> None:
    seen: list[tuple[str, str, bytes]] = []
    stopped = threading.Event()

    def handler(exchange: Exchange) -> None:
        request = exchange.request
        seen.append((request.target, request.headers["authorization"], request.body))
        if request.target.endswith("/stop"):
            stopped.set()
            exchange.whole(b'{"result": "success"}')
            return
        exchange.start_stream()
        exchange.chunk(events.started())
        assert stopped.wait(PATIENCE)
        exchange.chunk(events.finished("stopped", error="Stopped by user."))
        exchange.wait_until_left()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    request = WorkflowRunRequest({}, api_key="app-other", user_id="u7")
    with client.run_workflow_stream(request) as opened:
        assert opened.stop().result == "success", "waits for the event that names the task"
        run = opened.result()
    assert run.status == "stopped"
    target, key, body = seen[1]
    assert target.endswith(f"/workflows/tasks/{TASK}/stop")
    assert key == "Bearer app-other"
    assert body == b'{"user":"u7"}'


def test_after_a_stop_the_outcome_is_stopped_also_where_the_server_calls_it_failed(
    both: World, server: ReplayServer
) -> None:
    """As 1.9 does, and 1.15.0."""

    def handler(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stop"):
            exchange.whole(b'{"result": "success"}')
            return
        exchange.start_stream()
        exchange.chunk(events.started())
        exchange.chunk(events.finished("failed", error="Aborted: User requested stop"))
        exchange.wait_until_left()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    with client.run_workflow_stream({}) as opened:
        next(opened)
        opened.stop()
        run = opened.result()
    assert run.status == "stopped"
    assert run.raw["data"]["status"] == "failed"


def test_a_run_whose_task_is_never_named_cannot_be_stopped_and_says_so(
    stream: Callable[..., Any],
) -> None:
    with (
        stream(events.text("x", task_id=None)) as opened,
        pytest.raises(StreamError, match="broke off"),
    ):
        opened.stop()


def test_stopping_a_run_that_was_refused_at_its_start_is_a_success(
    stream: Callable[..., Any],
) -> None:
    """Servers from 1.15 on report bad inputs so: the task has the id of the run."""
    refused = [
        events.message("workflow_started", {"id": RUN}, task_id=RUN),
        events.message("workflow_finished", {"id": RUN, "status": "failed"}, task_id=RUN),
    ]
    with stream(*refused) as opened:
        assert opened.stop().result == "success"


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
