"""Which spans the nodes of a run become, and when those were. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_workflow.timeline.fold import Fold
from dify_workflow.tracing.spans import NodeSpan, NodeSpans, as_json
from support.recordings import Recording, all_recordings
from support.run_events import (
    START,
    Event,
    begins,
    ends,
    event,
    finished,
    gap,
    inside,
    iteration,
    of_recording,
    started,
)

STREAMS = [each for each in all_recordings() if each.events]
BEGIN, END = START + 100.0, START + 200.0
CLOSE = pytest.approx


def spans_of(
    told: Iterable[tuple[Event, float | None]], *, end: float = END, is_followed: bool = False
) -> tuple[NodeSpan, ...]:
    fold = Fold(content=False)
    for each, arrived in told:
        fold.take(each, arrived)
    nodes = NodeSpans(fold.timeline, BEGIN, end, content=False, is_followed=is_followed)
    return nodes.spans()


def at(span: NodeSpan) -> tuple[float, float]:
    """Begin and end, in seconds since the run's span began."""
    return span.begin / 1e9 - BEGIN, span.end / 1e9 - BEGIN


def sound(spans: Iterable[NodeSpan], least: int, most: int) -> int:
    """Check that all stand in what they are in; how many they are."""
    count = 0
    for span in spans:
        assert least <= span.begin <= span.end <= most, span.name
        assert all(isinstance(value, str | int | float) for value in span.attributes.values())
        count += 1 + sound(span.inside, span.begin, span.end)
    return count


@pytest.mark.parametrize("played", STREAMS, ids=lambda played: played.id)
def test_each_node_of_each_recorded_stream_is_a_span_within_what_it_is_in(
    played: Recording,
) -> None:
    told = [(each, BEGIN + place / 100) for place, each in enumerate(of_recording(played))]
    spans = spans_of(told, end=BEGIN + len(told) / 100)
    names = {"node_started", "node_finished", "iteration_started", "loop_started"}
    ids = {each.raw["data"]["id"] for each, _ in told if each.event in names}
    least, most = round(BEGIN * 1e9), round((BEGIN + len(told) / 100) * 1e9)
    assert sound(spans, least, most) >= len(ids)


def test_a_slow_reader_changes_no_duration_and_no_order() -> None:
    spans = spans_of(
        [
            (started(), BEGIN),
            (begins("a"), BEGIN + 0.2),
            (ends("a", seconds=0.1), BEGIN + 0.4),  # read late
            (begins("b"), BEGIN + 0.6),  # likewise: it had begun before
            (ends("b", seconds=0.3), BEGIN + 0.7),
            (finished(), BEGIN + 0.8),
        ]
    )
    assert [at(span) for span in spans] == [CLOSE((0.2, 0.3)), CLOSE((0.4, 0.7))]


def test_nodes_whose_events_arrive_with_the_runs_end_last_as_long_as_the_server_says() -> None:
    spans = spans_of(
        [
            (started(), BEGIN),
            (begins("a"), BEGIN + 0.7),
            (ends("a", seconds=0.1), BEGIN + 0.7),
            (begins("b"), BEGIN + 0.7),
            (ends("b", seconds=0.3), BEGIN + 0.7),
            (begins("c"), BEGIN + 0.7),
            (ends("c", seconds=0.1), BEGIN + 0.7),
            (finished(), BEGIN + 0.7),
        ],
        end=BEGIN + 0.7,
    )
    expected = [(0.2, 0.3), (0.3, 0.6), (0.6, 0.7)]
    # Unix time as a float is exact to a quarter of a microsecond.
    assert [at(span) for span in spans] == [CLOSE(each, abs=1e-6) for each in expected]


def test_branches_whose_events_arrive_with_the_runs_end_begin_in_their_order() -> None:
    spans = spans_of(
        [
            (started(), BEGIN),
            (begins("a"), BEGIN + 0.7),
            (begins("b"), BEGIN + 0.7),
            (ends("a", seconds=0.1), BEGIN + 0.7),
            (ends("b", seconds=0.3), BEGIN + 0.7),
            (finished(), BEGIN + 0.7),
        ],
        end=BEGIN + 0.7,
    )
    assert [at(span) for span in spans] == [
        CLOSE(each, abs=1e-6) for each in [(0.4, 0.5), (0.4, 0.7)]
    ]


def test_a_node_that_arrives_late_by_the_servers_clock_is_placed_by_that() -> None:
    spans = spans_of(
        [
            (started(), BEGIN),  # so this machine's clock is 100 s ahead
            (begins("a", at=1), BEGIN + 50),
            (ends("a", at=2, seconds=0.5), BEGIN + 50),
            (finished(50), BEGIN + 50),
        ]
    )
    (begin, end) = at(spans[0])
    assert end - begin == CLOSE(0.5)
    assert 1 <= begin <= 2


def test_what_a_gap_swallowed_says_that_it_was_told_late() -> None:
    replayed = {"inputs_truncated": None}
    again = [begins("b", at=2), ends("b", at=3, seconds=1.5)]
    for each in again:
        each.raw["data"].pop(*replayed)
    spans = spans_of(
        [
            (started(), BEGIN),
            (begins("a"), BEGIN + 0.1),
            (ends("a", seconds=0.2), BEGIN + 0.3),
            *((each, BEGIN + 10) for each in again),
            (gap(), BEGIN + 10),
            (finished(10), BEGIN + 10),
        ]
    )
    late = [span.attributes.get("dify.node.told_late", False) for span in spans]
    assert late == [False, True]
    begin, end = at(spans[1])
    assert end - begin == CLOSE(1.5)
    assert 1.5 <= begin <= 3


def test_of_a_followed_run_nodes_are_told_that_were_seen_at_work() -> None:
    told = [begins("old"), ends("old"), begins("running", at=50)]
    for each in told:
        del each.raw["data"]["inputs_truncated"]
    spans = spans_of(
        [
            *((each, BEGIN) for each in told),
            (ends("running", at=102, seconds=50), BEGIN + 2),
            (begins("new", at=102), BEGIN + 2),
            (finished(104), BEGIN + 4),
        ],
        is_followed=True,
    )
    assert [span.attributes["dify.node.id"] for span in spans] == ["running", "new"]
    assert at(spans[0]) == CLOSE((0, 2)), "what is told of it here begins here"


def test_items_of_an_iteration_that_run_at_once_stand_in_it_with_their_indexes() -> None:
    (first_begins, first_ends), (second_begins, second_ends) = inside("n", 0), inside("n", 1)
    spans = spans_of(
        [
            (started(), BEGIN),
            (iteration("started", metadata={"iteration_length": 2}), BEGIN + 0.1),
            (first_begins, BEGIN + 0.2),
            (second_begins, BEGIN + 0.2),
            (second_ends, BEGIN + 0.3),
            (first_ends, BEGIN + 0.3),
            (iteration("completed", status="succeeded", elapsed_time=0.3), BEGIN + 0.4),
            (finished(), BEGIN + 0.5),
        ]
    )
    (each,) = spans
    assert at(each) == CLOSE((0.1, 0.4))
    assert [span.attributes["dify.iteration.index"] for span in each.inside] == [0, 1]


def test_a_wait_for_a_person_within_a_stream_has_a_begin_and_an_end() -> None:
    fold = Fold()
    for each, arrived in (
        (started(), 0.0),
        (event("workflow_paused", {"status": "paused", "created_at": START}), 1.0),
        (started(5, reason="resumption"), 5.0),
        (finished(6), 6.0),
    ):
        fold.take(each, BEGIN + arrived)
    nodes = NodeSpans(fold.timeline, BEGIN, END, content=False, is_followed=False)
    paused, resumed = nodes.events()
    assert (paused.name, resumed.name) == ("dify.run.paused", "dify.run.resumed")
    assert (paused.time / 1e9 - BEGIN, resumed.time / 1e9 - BEGIN) == CLOSE((1, 5), abs=0.01)


@pytest.mark.parametrize(
    ("value", "text"),
    [({"a": "ä"}, '{"a":"ä"}'), ("\ud800", '"\\ud800"'), (float("nan"), "NaN"), (None, None)],
)
def test_any_value_is_told_as_json_that_can_be_exported(value: Any, text: str | None) -> None:
    assert as_json(value) == text


NAMES = [
    *("workflow_started", "workflow_paused", "stream_gap", "human_input_required"),
    *("node_started", "node_finished", "node_retry", "iteration_started", "iteration_next"),
    *("iteration_completed", "loop_started", "loop_completed"),
]
FIELDS = [
    *("id", "node_id", "node_type", "title", "status", "error", "elapsed_time", "created_at"),
    *("finished_at", "iteration_id", "loop_id", "index", "execution_metadata", "process_data"),
]
VALUES = [None, "", "a", "b", "iteration", "loop", -1, 0, 1, 2.5, 1e300, True, [], {}, {"usage": 1}]
HOSTILE = st.builds(
    event,
    st.sampled_from(NAMES),
    st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(VALUES), max_size=8),
)
ARRIVALS = st.integers(-10, 200)


@given(st.lists(st.tuples(HOSTILE, ARRIVALS), max_size=12), st.booleans())
def test_whatever_a_server_tells_spans_stand_in_what_they_are_in(
    told: list[tuple[Event, int]], is_followed: bool
) -> None:
    spans = spans_of(((each, BEGIN + arrived) for each, arrived in told), is_followed=is_followed)
    sound(spans, round(BEGIN * 1e9), round(END * 1e9))


def test_without_content_nothing_of_it_is_kept_until_the_end_but_what_a_model_used() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    process = {"model_name": "m", "usage": usage, "prompts": "long"}
    fold = Fold(content=False)
    for each in (
        *(started(), begins("a", inputs={"x": "long"})),
        ends("a", inputs={"x": "long"}, outputs={"y": "long"}, process_data=process),
        event("agent_log", {"node_id": "a", "data": {"x": "long"}}),
        event("new_kind", {"x": "long"}),
        finished(),
    ):
        fold.take(each)
    run = fold.timeline
    (node,) = run.executions
    assert (run.values, run.others, node.values, node.steps) == ({}, [], {}, {})
    assert node.model == {"model_name": "m", "usage": usage}
