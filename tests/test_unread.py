"""Events that nobody has looked at are not decoded, and are the same as if they had been."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_workflow import InvalidResponseError, NodeFinished, StreamDecodeError, TextChunk
from dify_workflow._event_decoder import EventDecoder
from dify_workflow.events import EVENT_CLASSES
from support import events
from support.events import RUN, TASK
from support.recordings import all_recordings, recording
from support.replay import Exchange, ReplayServer
from support.worlds import World

RUNS = [
    each.id
    for each in all_recordings()
    if each.is_stream and each.target.endswith("/workflows/run") and len(each.events) > 2
]

BAD_TEXT = events.text("a@b").replace(b"@", b"\\q")
"""A text chunk whose envelope is as it should be, and whose text is no JSON."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def stream(both: World, server: ReplayServer) -> Callable[..., Any]:
    def make(*chunks: bytes) -> Any:
        def handler(exchange: Exchange) -> None:
            exchange.start_stream()
            for chunk in chunks:
                exchange.chunk(chunk)
            exchange.end_stream()

        client = both.client(api_key="app-secret", base_url=server.handle(handler), recover=False)
        return client.run_workflow_stream({})

    return make


def is_unread(event: Any) -> bool:
    return not isinstance(event._raw, dict)


def decoded(*chunks: bytes) -> list[Any]:
    decoder = EventDecoder(10_000_000)
    got: list[Any] = []
    for chunk in chunks:
        found, problem = decoder.feed(chunk)
        assert problem is None
        got += found
    return got


def decoded_as_streams_do(*chunks: bytes) -> tuple[list[Any], str | None]:
    """Events of chunks, and the last id of the stream; single events go past the lists."""
    decoder = EventDecoder(10_000_000)
    got: list[Any] = []
    for chunk in chunks:
        event = decoder.only(chunk)
        got += decoder.feed(chunk)[0] if event is None else [event]
    assert decoder.count == len(got)
    return got, decoder.last_event_id


def plainly(message: bytes) -> dict[str, Any]:
    """A message as the standard library decodes it."""
    payload: dict[str, Any] = json.loads(message.removeprefix(b"data: "))
    return payload


@pytest.mark.parametrize("identifier", RUNS)
def test_the_nodes_and_texts_of_real_streams_are_left_unread_and_are_what_was_recorded(
    identifier: str,
) -> None:
    recorded = recording(identifier)
    told = decoded(*recorded.chunks)
    kinds = {"node_started", "node_finished", "text_chunk"}
    assert all(is_unread(event) for event in told if event.event in kinds)
    expected = [EVENT_CLASSES[raw["event"]](raw) for raw in recorded.events]
    assert [event.task_id for event in told] == [event.task_id for event in expected]
    assert [event.data for event in told] == [event.data for event in expected]
    assert told == expected


@given(
    st.dictionaries(st.text(), JSON, max_size=4), st.sampled_from(["node_finished", "text_chunk"])
)
def test_an_unread_event_is_what_its_message_says_whatever_that_is(
    data: dict[str, Any], name: str
) -> None:
    message = events.message(name, data)
    _, event = decoded(events.started(), message)
    assert is_unread(event)
    assert (event.event, event.id, event.task_id) == (name, RUN, TASK)
    assert event.raw == plainly(message)
    assert type(event)(plainly(message)) == event


ODD_LINES = [b"id: 7\n", b"\n", b"\r", b"\r\n", b": c\n\n", events.PING]
ODD_ENDS = [events.text("c")[:-1] + b"\r\n", events.text("d").replace(b"\n\n", b"\r\n\r\n")]
PLAIN = [events.text("a"), events.text("\u2028b"), events.node_finished("n", {"x": 1})]
PIECES = st.sampled_from([*PLAIN, *ODD_LINES, *ODD_ENDS, b"id: 8\n" + events.text("e")])


@given(st.lists(PIECES, max_size=8), st.lists(st.integers(0, 3000), max_size=8))
def test_wherever_a_stream_is_cut_it_tells_the_same(pieces: list[bytes], places: list[int]) -> None:
    head, body = [events.started(), events.text("first")], b"".join(pieces)
    cuts = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    cut = [body[start:end] for start, end in pairwise(cuts)]
    byte_by_byte = [bytes([byte]) for byte in body]
    expected = decoded_as_streams_do(*head, *byte_by_byte)
    assert decoded_as_streams_do(*head, *pieces) == expected
    assert decoded_as_streams_do(*head, *cut) == expected


def test_whole_numbers_of_any_size_stay_exact_in_unread_events() -> None:
    numbers = {"small": 7, "large": 2**70, "precise": 12345678901234567891}
    _, first, second = decoded(events.started(), *[events.node_finished("a", numbers)] * 2)
    assert first.data.outputs == numbers
    assert second.raw["data"]["outputs"] == numbers


def test_what_stands_behind_the_data_is_not_lost() -> None:
    message = events.message("text_chunk", {"text": "a"}, later={"new": {}})
    _, event = decoded(events.started(), message)
    assert event.data.text == "a"
    assert event.raw["later"] == {"new": {}}


def test_nan_which_old_servers_send_can_be_read() -> None:
    _, event = decoded(events.started(), events.node_finished("a", {"x": float("nan")}))
    assert str(event.data.outputs["x"]) == "nan"


@pytest.mark.parametrize(
    "message",
    [
        events.message("text_chunk", {"text": "b"}, task_id="0e7e8bd1-8a8b-4dc5-8a1f-3ca5a3d5b9f4"),
        events.message("text_chunk", {"text": "b"}, workflow_run_id=None),
        b'data: {"event": "text_chunk",\ndata: "data": {"text": "b"}}\n\n',
        b'data: {"data": {"text": "b"}, "event": "text_chunk"}\n\n',
    ],
    ids=["another task", "no run", "two lines", "another order"],
)
def test_a_message_that_is_wrapped_otherwise_is_read_at_once(message: bytes) -> None:
    _, event = decoded(events.started(), message)
    assert not is_unread(event)
    assert isinstance(event, TextChunk)
    assert event.data.text == "b"


@pytest.mark.parametrize(
    "first",
    [events.PING, events.error(), b'data: {"data": {}, "event": "x"}\n\n'],
    ids=["a ping", "an error", "an event whose name comes last"],
)
def test_whatever_comes_first_the_events_behind_it_are_told(first: bytes) -> None:
    told = decoded(first, events.started(), events.text("a"), events.text("b"))
    assert [event.data.text for event in told if isinstance(event, TextChunk)] == ["a", "b"]


def test_an_unread_event_can_be_copied_and_pickled() -> None:
    _, event = decoded(events.started(), events.text("a"))
    assert copy.copy(event) == copy.deepcopy(event) == pickle.loads(pickle.dumps(event)) == event


def test_a_text_that_cannot_be_read_is_an_error_for_whoever_looks_at_it(
    stream: Callable[..., Any],
) -> None:
    bad = BAD_TEXT.replace(b"llm", b"app-secret")
    with stream(events.started(), events.text("a"), bad, events.finished()) as opened:
        _, good, unreadable, _ = opened
        assert good.data.text == "a"
        assert (unreadable.event, unreadable.id, unreadable.task_id) == ("text_chunk", RUN, TASK)
        for look in (lambda: unreadable.data, lambda: unreadable.raw, lambda: unreadable.message):
            with pytest.raises(
                StreamDecodeError, match=r"text_chunk is not JSON .*a\\qb"
            ) as caught:
                look()
            assert str(caught.value).startswith(f"run_workflow_stream: the stream of run {RUN} ")
            assert (caught.value.run_id, caught.value.task_id) == (RUN, TASK)
            assert "***" in str(caught.value)
            assert "app-secret" not in str(caught.value)
        assert "is not JSON" in repr(unreadable)
        assert "app-secret" not in repr(unreadable)


def test_a_text_that_cannot_be_read_does_not_keep_the_run_from_whoever_needs_no_text(
    stream: Callable[..., Any],
) -> None:
    assert stream(events.started(), BAD_TEXT, events.finished()).result().status == "succeeded"


def test_a_text_that_is_cut_short_is_an_error_at_once(stream: Callable[..., Any]) -> None:
    cut = events.text("abc")[:-9] + b"\n\n"
    with (
        stream(events.started(), events.text("a"), cut, events.finished()) as opened,
        pytest.raises(StreamDecodeError, match="event 3 is not JSON"),
    ):
        opened.result()


def test_a_node_that_cannot_be_read_is_an_error_for_whoever_asks_for_outputs(
    stream: Callable[..., Any],
) -> None:
    bad = events.node_finished("a", "@").replace(b"@", b"\\q")
    with stream(events.started(), bad, events.finished()) as opened:
        assert opened.result().status == "succeeded"
        with pytest.raises(InvalidResponseError, match="node_finished is not JSON"):
            opened.node_outputs()


def test_a_node_without_ids_that_cannot_be_read_ends_the_stream(stream: Callable[..., Any]) -> None:
    bad = events.message("node_finished", {"outputs": "@"}).replace(b"@", b"\\q")
    with (
        stream(events.started(), bad, events.finished()) as opened,
        pytest.raises(StreamDecodeError, match="node_finished is not JSON"),
    ):
        opened.result()


def test_the_node_that_an_unread_event_tells_of_is_found_however_its_ids_are_written(
    stream: Callable[..., Any],
) -> None:
    nodes = [
        events.message("node_finished", {"id": "1", "node_id": node, "outputs": {"is": node}})
        for node in ("plain-1", "ünïcode", 'quote"', "back\\slash", "line\n", " ", "")
    ]
    with stream(events.started(), *nodes, events.finished()) as opened:
        told = [event for event in opened if isinstance(event, NodeFinished)]
        expected = {event.data.node_id: event.data.outputs for event in told}
        assert {node: dict(outputs) for node, outputs in expected.items()} == opened.node_outputs()
        assert len(expected) == 7
