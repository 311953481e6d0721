"""When things happened, and where that is on the axis. Pure."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_workflow.report import RunReport
from dify_workflow.report.axis import Axis
from dify_workflow.report.layout import Layout, lay_out
from dify_workflow.timeline.model import Instant, settle
from support.run_events import START, Event, begins, ends, event, finished, started

CLOSE = pytest.approx


def laid_out(events: list[tuple[Event, float | None]]) -> Layout:
    report = RunReport()
    for each, arrived in events:
        report.add(each, arrived=arrived)
    return lay_out(report._fold.timeline)


def times(layout: Layout) -> list[tuple[float, float]]:
    """Begin and end of each row, in seconds since the run began."""
    found = [row.execution for row in layout.rows if row.execution]
    return [
        (each.begin.time - layout.axis.begin, each.end.time - layout.axis.begin)
        for each in found
        if each.end
    ]


def test_without_arrivals_durations_and_order_say_when_within_the_second() -> None:
    run = laid_out(
        [
            (each, None)
            for each in (
                started(),
                *(begins("a"), ends("a", seconds=0.3)),
                *(begins("b"), ends("b", at=1, seconds=0.4)),  # so the run began at .3 or later
                *(begins("c", at=1), ends("c", at=1, seconds=0.1)),
                finished(1, elapsed_time=0.85),
            )
        ]
    )
    assert times(run) == [CLOSE((0, 0.3)), CLOSE((0.3, 0.7)), CLOSE((0.7, 0.8))]
    assert run.elapsed == 0.85


def test_arrivals_are_believed_unless_they_are_late_by_the_servers_clock() -> None:
    ahead = 5000.0  # the watcher's clock
    run = laid_out(
        [
            (started(), START + ahead + 0.5),
            (begins("a"), START + ahead + 0.5),
            (ends("a", at=1, seconds=0.75), START + ahead + 1.25),
            (begins("b", at=1), START + ahead + 9),
            (ends("b", at=2, seconds=0.25), START + ahead + 9),
            (finished(9, created_at=START), START + ahead + 9.5),
        ]
    )
    (a, b) = times(run)
    assert a == CLOSE((0, 0.75), abs=0.01)
    assert b[1] - b[0] == CLOSE(0.25, abs=0.01), "told late; how long it took is known"
    assert b[1] < 3
    assert run.began == CLOSE(START + 0.25, abs=0.26)


@given(
    st.lists(st.tuples(st.floats(0, 0.9), st.floats(0, 3)), min_size=1, max_size=20),
    st.floats(0, 0.999),
    st.booleans(),
)
def test_no_time_is_before_its_second_and_none_goes_back(
    steps: list[tuple[float, float]], offset: float, watched: bool
) -> None:
    now, instants = 1000 + offset, [Instant(0, 1000.0, 1000 + offset if watched else None)]
    for order, (wait, work) in enumerate(steps, 1):
        now += wait
        begin = Instant(2 * order, float(int(now)), now if watched else None)
        now += work
        end = Instant(2 * order + 1, float(int(now)), now if watched else None, begin, work)
        instants += [begin, end]
    settle(reversed(instants))
    for before, after in pairwise(instants):
        assert after.time >= before.time - 1e-6
    for each in instants:
        assert each.stamp is not None
        assert each.time >= each.stamp - 1e-6 or each.stamp == 1000


def test_long_waits_take_little_room_and_the_axis_says_when_it_goes_on() -> None:
    axis = Axis(0, 3610, [(5, 3605)])
    assert axis.is_broken
    assert axis.place(3605) - axis.place(5) == CLOSE(0.12 / 1.12, abs=0.01)
    texts = [tick.text for tick in axis.ticks()]
    assert texts[0] == "0 s"
    assert "1 h 0 min" in texts
    assert any(text.startswith("+") for text in texts)
    assert not Axis(0, 10, [(1, 1.5)]).is_broken


@given(st.floats(0.001, 1e7), st.lists(st.floats(0, 1), max_size=6))
def test_ticks_are_round_apart_and_in_order(length: float, shares: list[float]) -> None:
    ends_of = sorted(length * share for share in shares)
    waits = list(zip(ends_of[::2], ends_of[1::2], strict=False))
    axis = Axis(0, length, waits)
    places = [tick.place for tick in axis.ticks()]
    assert 1 <= len(places) <= 16
    assert all(after - before >= 0.069 for before, after in pairwise(places))
    # The axis is 530 pixels wide, and a letter of its labels about 6.
    spans = [
        (x - half * (tick.place > 0), x + half * (2 - (tick.place > 0)))
        for tick in axis.ticks()
        for x, half in [(tick.place * 530, len(tick.text) * 3.0)]
    ]
    assert all(right < left for (_, right), (left, _) in pairwise(spans))
    marks = [axis.place(length * share / 10) for share in range(11)]
    assert marks == sorted(marks)
    assert (marks[0], marks[-1]) == (0, CLOSE(1))


def test_a_wait_that_is_all_there_is_is_not_shortened() -> None:
    assert not Axis(0, 1, [(0, 1)]).is_broken
    assert [tick.text for tick in Axis(0, 1, [(0, 1 - 1e-16)]).ticks()]


def test_a_pause_is_a_band_from_the_form_to_the_answer() -> None:
    form = {"form_id": "f", "node_id": "ask", "form_content": "Yes?", "actions": [{"id": "yes"}]}
    form["inputs"] = [{"output_variable_name": "note", "type": "paragraph"}, 5]
    filled = {"node_id": "ask", "action_id": "yes", "submitted_data": {"note": "ok"}}
    paused = {"status": "paused", "elapsed_time": 0.2, "created_at": START}
    events = [
        started(),
        begins("ask"),
        event("human_input_required", form),
        event("human_input_required", form),  # told again to whoever takes the stream up
        event("workflow_paused", paused),
        event("workflow_paused", paused),
        started(3600, reason="resumption"),
        event("human_input_form_filled", filled),
        ends("ask", at=3600, seconds=0.01),
        (finished(3600, elapsed_time=0.3)),
    ]
    run = laid_out([(each, None) for each in events])
    (band,) = run.bands
    assert band.text.startswith("waited for a person, 59 min") or "1 h 0 min" in band.text
    assert run.axis.is_broken
    assert run.elapsed > 3500
    (row,) = run.rows
    assert [part.kind for part in row.parts] == ["wait"]
    assert row.execution is not None
    (asked,) = row.execution.forms.values()
    assert (asked.answer, asked.values) == ("yes", {"note": "ok"})
    page = RunReport.of(events).html()
    for said in (" for a person: yes", "Fields: note, ?", "Actions: yes", "Filled in"):
        assert said in page
