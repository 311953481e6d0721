"""Messages that cannot be read are delivered, and the run is never lost because of them."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dify_workflow import (
    InvalidResponseError,
    RunOutcomeUnknownError,
    StreamErrorEvent,
    StreamGap,
    StreamInterruptedError,
    TextChunk,
    UnreadableEvent,
    WorkflowFinished,
    WorkflowStarted,
    WorkflowStreamError,
)
from dify_workflow._streams.decoder import EventDecoder
from dify_workflow.events import EVENT_CLASSES
from support import events
from support.events import PING, RUN, TASK
from support.pace import hurried
from support.recordings import all_recordings, recording
from support.replay import Exchange, ReplayServer
from support.worlds import World

KEY = "app-secret"

DETAIL = {
    "id": RUN,
    "workflow_id": RUN,
    "status": "succeeded",
    "inputs": "{}",
    "outputs": {"of": "detail"},
    "error": None,
    "total_tokens": 0,
    "total_steps": 1,
    "created_at": 1,
    "finished_at": 2,
    "elapsed_time": 1.0,
}

UNREADABLE = [
    (b'data: {"event": "text_chunk",}\n\n', "not JSON"),
    (b"data: [1,2]\n\n", "not a JSON object"),
    (b'data: "x"\n\n', "not a JSON object"),
    (b'data: {"data": {}}\n\n', "no name"),
    (b'data: {"error":{"message":"upstream gone"}}\n\n', "no name"),
    (b"data: upstream connect error\n\n", "not JSON"),
    (b'data: {"event": 7}\n\n', "no name"),
    (b"data: " + b"[" * 100_000 + b"\n\n", "nested too deeply"),
    (
        b'data: {"event":"text_chunk","data":' + b"[" * 900 + b"]" * 900 + b"}\n\n",
        "nested too deeply",
    ),
]


@pytest.fixture
def stream(both: World, server: ReplayServer) -> Callable[..., Any]:
    """Opens the stream of a run whose detail says that it succeeded."""

    def make(
        *chunks: bytes, whole: bool = True, head: dict[str, str] | None = None, **options: Any
    ) -> Any:
        def handler(exchange: Exchange) -> None:
            if exchange.request.method == "GET" and "/run/" in exchange.request.target:
                exchange.whole(json.dumps(DETAIL).encode())
                return
            if exchange.request.method == "GET":
                exchange.whole(b'{"code": "not_found", "message": "x"}', 404)
                return
            if head is None:
                exchange.start_stream()
            else:
                exchange.head(200, transfer_encoding="chunked", **head)
            for chunk in chunks:
                exchange.chunk(chunk)
            if whole:
                exchange.end_stream()

        client = both.client(
            api_key=KEY, base_url=server.handle(handler), check_inputs=False, **options
        )
        return hurried(client).run_workflow_stream({})

    return make


@pytest.mark.parametrize(("chunk", "reason"), UNREADABLE)
def test_a_message_that_is_not_an_event_is_delivered_and_the_stream_continues(
    chunk: bytes, reason: str, stream: Callable[..., Any]
) -> None:
    with stream(events.started(), PING, chunk, events.text("a"), events.finished()) as opened:
        told = list(opened)
        assert opened.result().outputs == {"greeting": "Ann"}
    kinds = [type(event) for event in told]
    assert kinds == [WorkflowStarted, UnreadableEvent, TextChunk, WorkflowFinished]
    event = told[1]
    assert reason in event.reason
    assert event.content == chunk[6:-2]
    assert (event.id, event.task_id, event.event) == (RUN, TASK, "unreadable")
    assert event.raw["data"]["reason"] == event.reason


@pytest.mark.parametrize(
    "chunk",
    [
        b"data:\n\n",
        b"data: \n\n",
        b"data: ping\n\n",
        b"data: [DONE]\n\n",
        b": keep-alive\n\n",
        PING,
    ],
)
def test_what_only_keeps_the_connection_alive_is_skipped(
    chunk: bytes, stream: Callable[..., Any]
) -> None:
    with stream(chunk, events.started(), chunk, events.finished(), chunk) as opened:
        assert [type(event) for event in opened] == [WorkflowStarted, WorkflowFinished]


def test_a_byte_that_is_not_utf_8_becomes_the_replacement_character(
    stream: Callable[..., Any],
) -> None:
    chunk = events.text("a@b").replace(b"@", b"\xff")
    with stream(events.started(), chunk, events.finished()) as opened:
        assert list(opened.text) == ["a\ufffdb"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_last_event_that_lacks_only_its_empty_line_is_delivered(
    end: bytes, stream: Callable[..., Any]
) -> None:
    with stream(events.started(), events.finished()[:-2] + end) as opened:
        assert [type(event) for event in opened] == [WorkflowStarted, WorkflowFinished]


def test_an_event_that_the_end_of_the_stream_has_cut_is_not_delivered_and_the_run_is_found(
    stream: Callable[..., Any],
) -> None:
    with stream(events.started(), events.finished()[:-9]) as opened:
        told = list(opened)
    assert [type(event) for event in told] == [WorkflowStarted, StreamGap, WorkflowFinished]
    assert told[-1].synthetic
    assert opened.result().outputs == {"of": "detail"}


def test_the_run_is_found_where_nothing_that_can_be_read_ends_the_stream(
    stream: Callable[..., Any],
) -> None:
    with stream(events.started(), b'data: {"error":{"message":"gone"}}\n\n') as opened:
        assert opened.result().outputs == {"of": "detail"}


def test_an_error_after_the_start_of_the_run_does_not_hide_its_outcome(
    stream: Callable[..., Any],
) -> None:
    with stream(events.started(), events.error(message=None)) as opened:
        told = [type(event) for event in opened]
        assert opened.result().outputs == {"of": "detail"}
    assert told == [WorkflowStarted, StreamErrorEvent, StreamGap, WorkflowFinished]


def test_an_error_after_the_start_of_the_run_is_raised_without_recovery(
    stream: Callable[..., Any],
) -> None:
    opened = stream(events.started(), events.error(message=None), recover=False)
    with (
        opened,
        pytest.raises(WorkflowStreamError, match=f"error in the stream of run {RUN}") as caught,
    ):
        opened.result()
    assert "None" not in str(caught.value)
    assert (caught.value.run_id, caught.value.outcome) == (RUN, "running")


def test_a_stream_that_has_no_event_at_all_leaves_the_run_unknown_and_shows_what_came(
    stream: Callable[..., Any],
) -> None:
    opened = stream(b'data: {"error":{"message":"gone"}}\n\n')
    with opened, pytest.raises(RunOutcomeUnknownError, match='"gone"') as caught:
        opened.result()
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize(
    "head",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/json"},
        {"content_type": "application/octet-stream"},
        {"x_version": "1.14.2"},
    ],
)
@pytest.mark.parametrize(
    "start", [b"", b"\xef\xbb\xbf", PING, b": hello\n\n", b"id: 1\n", b"retry: 1\n"]
)
def test_an_event_stream_is_read_with_any_content_type(
    head: dict[str, str], start: bytes, stream: Callable[..., Any]
) -> None:
    body = start + events.started() + events.finished()
    pieces = [body[:1], body[1:2], body[2:4], body[4:]]
    with stream(*pieces, head=head) as opened:
        assert opened.result().outputs == {"greeting": "Ann"}


@pytest.mark.parametrize("body", [b"", b"d", b"<h1>hi</h1>", b'{"a": 1}', b"dat: x\n\n"])
def test_a_body_that_is_not_an_event_stream_leaves_the_run_unknown(
    body: bytes, stream: Callable[..., Any]
) -> None:
    chunks = [body] if body else []
    with (
        pytest.raises(InvalidResponseError, match="not what was requested") as caught,
        stream(*chunks, head={"content_type": "text/plain"}) as opened,
    ):
        next(opened)
    assert caught.value.outcome == "unknown"


def test_no_key_shows_in_what_cannot_be_read_nor_in_error_events(
    stream: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "dify_workflow")
    bad = [f"data: Bearer {KEY}\n\n".encode(), f'data: {{"k": "{KEY}"}}\n\n'.encode()]
    error = events.error(message=f"bad {KEY}")
    with stream(events.started(), *bad, error, events.finished()) as opened:
        told = list(opened)
    shown = [f"{event!r} {event.raw} {vars(type(event))} {pickle.dumps(event)!r}" for event in told]
    assert KEY not in "".join(shown) + caplog.text
    assert told[1].content == b"Bearer ***"
    assert told[3].message == "bad ***"


def test_an_error_event_that_is_not_json_without_the_key_is_unreadable(
    both: World, server: ReplayServer
) -> None:
    """A key of digits may stand in a number, where asterisks leave no JSON."""
    told = [events.started(), b'data: {"event":"error","status":1234}\n\n', events.finished()]

    def answer(exchange: Exchange) -> None:
        exchange.start_stream()
        for each in told:
            exchange.chunk(each)
        exchange.end_stream()

    client = both.client(api_key="1234", base_url=server.handle(answer), check_inputs=False)
    with client.run_workflow_stream({}) as opened:
        found = list(opened)
    assert [type(event) for event in found] == [WorkflowStarted, UnreadableEvent, WorkflowFinished]
    assert "1234" not in f"{found[1]!r}"


def test_the_log_warns_of_the_first_event_that_cannot_be_read(
    stream: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with stream(events.started(), b"data: x\n\n", b"data: y\n\n", events.finished()) as opened:
        opened.result()
    warnings = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "cannot be read" in warnings[0].getMessage()


def test_bytes_that_are_no_text_are_kept_and_travel_as_json() -> None:
    event = UnreadableEvent.of("it is not JSON", b"\xff\x00", RUN, None)
    again = type(event)(json.loads(json.dumps(event.raw)))
    assert again == event == pickle.loads(pickle.dumps(event)) == copy.deepcopy(event)
    assert again.content == b"\xff\x00"


# ------------------------------------------------------------------------------ the decoder


RUNS = [
    each.id
    for each in all_recordings()
    if each.is_stream and each.target.endswith("/workflows/run") and len(each.events) > 2
]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def event_decoder() -> EventDecoder:
    def unreadable(reason: str, content: bytes) -> UnreadableEvent:
        return UnreadableEvent.of(reason, content, None, None)

    return EventDecoder(10_000_000, unreadable, lambda data: data)


def decoded(*chunks: bytes) -> tuple[list[Any], str | None]:
    """Events of chunks, and the last id of the stream."""
    decoder = event_decoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)], decoder.last_event_id


@pytest.mark.parametrize("identifier", RUNS)
def test_the_events_of_real_streams_are_what_was_recorded(identifier: str) -> None:
    recorded = recording(identifier)
    told, _ = decoded(*recorded.chunks)
    expected = [EVENT_CLASSES[raw["event"]](raw) for raw in recorded.events]
    assert told == expected
    assert [event.data for event in told] == [event.data for event in expected]


@given(
    st.dictionaries(st.text(), JSON, max_size=4), st.sampled_from(["node_finished", "text_chunk"])
)
@example({"": -(2**63) - 1}, "text_chunk")
def test_any_event_keeps_its_message(data: dict[str, Any], name: str) -> None:
    message = events.message(name, data)
    (event,), _ = decoded(message)
    assert event.raw == json.loads(message.removeprefix(b"data: "))


CONTENTS = (
    st.one_of(
        st.dictionaries(st.text(), JSON, max_size=4).map(
            lambda data: json.dumps({"event": "x", **data})
        ),
        st.sampled_from(
            ["null", "[]", "ping", "[DONE]", "", "{", '{"event": NaN}', '{"event":"ping"}']
        ),
        st.sampled_from(
            ['{"event":"error","code":"\\ud800"}', "\ufeff{}", '{"a":' * 300 + "1" + "}" * 300]
        ),
        st.text(),
    ).map(str.encode)
    | st.binary()
)


@given(CONTENTS, st.integers(1, 60))
@example(b'{"event":"text_chunk","data":{"text":' + b"9" * 19 + b"}}", 10)
@example(b'{"event":"text_chunk","data":{"text":"\xff"}}', 10)
def test_a_large_event_is_read_as_a_small_one_is(content: bytes, place: int) -> None:
    stream = b"data: " + content + b"\n\n"
    chunks = stream[:place], stream[place:]
    small = decoded(*chunks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dify_workflow._streams.decoder._LARGE", 0)
        assert repr(decoded(*chunks)) == repr(small)


@given(st.lists(st.booleans(), min_size=240, max_size=270), st.sampled_from(["", "1", '"[]{}"']))
def test_an_event_is_read_where_its_payload_has_up_to_256_levels_and_no_more(
    kinds: list[bool], inner: str
) -> None:
    deep = inner
    for is_list in kinds:
        deep = f"[{deep}]" if is_list else f'{{"a":{deep or 1}}}'
    (event,), _ = decoded(f'data: {{"event":"node_finished","data":{deep}}}\n\n'.encode())
    assert isinstance(event, UnreadableEvent) is (len(kinds) > 255)  # the event is a level, too


def test_a_large_event_takes_little_more_than_twice_its_size() -> None:
    piece, count = b"x" * 65_536, 128
    decoder = event_decoder()
    tracemalloc.start()
    try:
        list(decoder.feed(b'data: {"event":"node_finished","data":{"outputs":{"a":"'))
        for _ in range(count):
            list(decoder.feed(piece))
        (event,) = decoder.feed(b'"}}}\n\n')
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(event.raw["data"]["outputs"]["a"]) == len(piece) * count
    assert peak < 2.3 * len(piece) * count


def test_many_brackets_are_no_depth() -> None:
    outputs: dict[str, Any] = {"rows": [{"cells": [[], {}, "[{"]}] * 1000}
    (event,), _ = decoded(events.node_finished("a", outputs))
    assert event.data.outputs == outputs


def test_whole_numbers_of_any_size_stay_exact() -> None:
    numbers = {"small": 7, "large": 2**70, "precise": 12345678901234567891}
    (event,), _ = decoded(events.node_finished("a", numbers))
    assert event.data.outputs == numbers


def test_nan_which_old_servers_send_can_be_read() -> None:
    (event,), _ = decoded(events.node_finished("a", {"x": float("nan")}))
    assert str(event.data.outputs["x"]) == "nan"


ODD_LINES = [b"id: 7\n", b"\n", b"\r", b"\r\n", b": c\n\n", PING, b"data: x\n\n"]
ODD_ENDS = [events.text("c")[:-1] + b"\r\n", events.text("d").replace(b"\n\n", b"\r\n\r\n")]
PLAIN = [events.text("a"), events.text("\u2028b"), events.node_finished("n", {"x": 1})]
PIECES = st.sampled_from([*PLAIN, *ODD_LINES, *ODD_ENDS, b"id: 8\n" + events.text("e")])


@given(st.lists(PIECES, max_size=8), st.lists(st.integers(0, 3000), max_size=8))
def test_wherever_a_stream_is_cut_it_tells_the_same(pieces: list[bytes], places: list[int]) -> None:
    body = b"".join([events.started(), *pieces])
    cuts = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    cut = [body[start:end] for start, end in pairwise(cuts)]
    expected = decoded(*(bytes([byte]) for byte in body))
    assert decoded(events.started(), *pieces) == expected
    assert decoded(*cut) == expected


def test_without_recover_a_cut_event_is_shown_in_the_error(stream: Callable[..., Any]) -> None:
    opened = stream(events.started(), b'data: {"event":"work', recover=False)
    with (
        opened,
        pytest.raises(StreamInterruptedError, match=r'in an event \(data: {"event":"work\)'),
    ):
        opened.result()
