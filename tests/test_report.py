"""The report of a run: what its events become on the page and in the picture."""

from __future__ import annotations

import html
import json
import re
import sys
from collections.abc import Iterable
from html.parser import HTMLParser
from io import StringIO
from typing import Any
from xml.etree import ElementTree as ET

import anyio
import pytest

from dify_workflow import AsyncDifyWorkflow, StreamInterruptedError, UnreadableEvent
from dify_workflow.emulator import Emulator, Fault, Input, Steps, human_input, node, workflow
from dify_workflow.emulator import iteration as each_of
from dify_workflow.events import EVENT_CLASSES
from dify_workflow.report import RunReport
from dify_workflow.report.layout import Layout, Row, lay_out
from dify_workflow.report.svg import Drawing, lines_of
from dify_workflow.timeline.text import word
from support.recordings import Recording, all_recordings
from support.run_events import (
    START,
    Event,
    begins,
    ends,
    event,
    everywhere,
    finished,
    gap,
    inside,
    iteration,
    of_recording,
    started,
)

STREAMS = [played for played in all_recordings() if played.is_stream and played.events]
EVIL = "</pre></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;\x00\x1b\ud800"
VOID = {"meta", "input"}


class Page(HTMLParser):
    """A page as its elements; one that is not closed, or closed twice, is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def layout(*events: Event | Iterable[Event]) -> Layout:
    report = RunReport()
    for each in events:
        for one in [each] if not isinstance(each, tuple) else each:
            report.add(one)
    return lay_out(report._fold.timeline)


def flat(rows: Iterable[Row]) -> list[Row]:
    return [each for row in rows for each in (row, *flat(row.rows))]


def outline(rows: Iterable[Row], lead: str = "") -> list[str]:
    """The rows as lines, those inside further right."""
    return [line for row in rows for line in (lead + row.title, *outline(row.rows, f"{lead} "))]


@pytest.mark.parametrize("played", STREAMS, ids=str)
def test_every_recorded_stream_becomes_a_page_and_a_picture(played: Recording) -> None:
    report = RunReport.of(of_recording(played))
    page = Page(report.html())
    rows = flat(lay_out(report._fold.timeline).rows)
    told = {
        raw["data"]["id"]: raw["data"]["title"]
        for raw in played.events
        if raw["event"] in {"node_started", "iteration_started", "loop_started"}
    }
    assert {row.execution.id for row in rows if row.execution} >= set(told)
    assert set(told.values()) <= {text.strip() for text in page.words}
    assert all(0 <= row.left <= row.left + row.width <= 1.000001 for row in rows)
    status = {raw["data"]["status"] for raw in played.events if raw["event"] == "workflow_finished"}
    assert {word(each) for each in status} <= {text.strip() for text in page.words}
    picture = ET.fromstring(report.svg())
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"


def test_the_page_draws_its_rows_as_the_picture_does() -> None:
    run = RunReport.of([started(), begins("a"), ends("a", status="failed"), gap(), finished()])
    found = lay_out(run._fold.timeline)
    drawing = Drawing(found)
    for part in (drawing.axis, drawing.foot, *map(drawing.row, lines_of(found))):
        assert part in run.html()
        assert part in run.svg()


def test_no_value_becomes_markup_whatever_field_it_stands_in() -> None:
    for value in (EVIL, f"javascript:{EVIL}", '" onload="alert(1)', "]]>", "{{7*7}}"):
        report = RunReport.of(everywhere(value))
        page = Page(report.html())
        assert not page.tags & {"script", "img", "a", "link", "iframe", "object", "form", "base"}
        assert not [name for name in page.attributes if name.startswith("on")]
        assert not page.attributes & {"href", "src", "srcset", "action", "formaction"}
        assert value.replace("\x00", "␀").replace("\x1b", "␛").replace("\ud800", "�") in page.words
        picture = ET.fromstring(report.svg())
        tags = {each.tag.rpartition("}")[2] for each in picture.iter()}
        assert not tags & {"script", "img", "image", "a", "foreignObject", "use"}
        frame = Page(report._repr_html_())
        assert (frame.tags, frame.words) == ({"iframe"}, [])
        report.html().encode()
        report.svg().encode()


def test_the_page_loads_nothing_and_may_run_nothing() -> None:
    text = RunReport.of([started(), finished()]).html()
    assert "default-src 'none'" in text
    assert "script-src" not in text
    assert not re.search(r"url\(|@import|https?:|<script|<link", text)


def test_shapes_that_no_server_sends_are_shown_as_far_as_they_can_be_read() -> None:
    odd = {"node_id": 3, "title": ["x"], "index": "a", "metadata": 5, "text": 7, "error": {}}
    odd |= {"created_at": 1e300, "elapsed_time": "long", "execution_metadata": [], "inputs": 5}
    odd |= {"actions": [1], "total_price": "NaN", "from_variable_selector": [{}], "id": None}
    huge = {"expiration_time": 9e11, "created_at": 9e11, "finished_at": -9e11, "elapsed_time": -5}
    for name in EVENT_CLASSES:
        report = RunReport.of([event(name), event(name, {}), event(name, odd), event(name, huge)])
        Page(report.html())
        ET.fromstring(report.svg())
    Page(RunReport().html())
    ET.fromstring(RunReport().svg())
    assert "There are no events of nodes" in RunReport().html()


def test_a_number_that_is_too_long_for_a_price_is_left_out() -> None:
    cost = {"total_tokens": 5, "total_price": "9E999999", "currency": "USD"}
    nodes = [each for id_ in "ab" for each in (begins(id_), ends(id_, execution_metadata=cost))]
    page = RunReport.of([started(), *nodes, finished()]).html()
    assert "USD" not in page
    assert len(page) < 100_000


def test_values_are_shown_as_they_are_up_to_a_length() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    values = {"text": "a\nb <b>", "number": 2**70, "empty": "", "long": "x" * 20_007, "deep": deep}
    page = RunReport.of([begins("n"), ends("n", outputs=values, outputs_truncated=True)]).html()
    words = Page(page).words
    assert {"a\nb <b>", str(2**70), "empty", "x" * 20_000} <= set(words)
    assert "… and 7 more characters." in words
    assert "This value is nested too deeply, or too long, to be shown." in words
    assert " cut by the server" in words


# ------------------------------------------------------------------------- what stands inside what


def test_what_runs_in_a_round_stands_in_it_also_where_only_its_end_tells_which() -> None:
    first, second = inside("read", 0), inside("read", 1)
    run = layout(
        started(),
        iteration("started", metadata={"iteration_length": 2}),
        iteration("next", index=0),
        iteration("next", index=1),
        (second[0], first[0], second[1], first[1]),
        iteration("next", index=2),  # up to Dify 1.8 there is one more than items
        iteration("completed", status="succeeded", elapsed_time=0.2, finished_at=START),
        finished(),
    )
    assert outline(run.rows) == ["Each", " Item 1", "  Read", " Item 2", "  Read"]
    rounds = run.rows[0].rows
    assert [row.together for row in rounds] == ["first", "last"], "they ran at the same time"
    assert "2 items" in run.rows[0].notes


def test_of_many_rounds_only_those_with_a_problem_are_open_at_first() -> None:
    def run_of(count: int) -> Layout:
        events: list[Event] = [iteration("started", metadata={"iteration_length": count})]
        for index in range(count):
            begin, end = inside("read", index)
            if index == 3:
                data = {**end.raw["data"], "status": "exception", "error": "odd"}
                end = event("node_finished", data)
            events += [iteration("next", index=index), begin, end]
        return layout(started(), *events, finished())

    (few,), (many,) = run_of(20).rows, run_of(21).rows
    assert few.is_open
    assert all(row.is_open for row in few.rows)
    assert not many.is_open
    assert [row.title for row in many.rows if row.is_open] == ["Item 4"]
    assert "1 failed inside" in many.notes


def test_a_loop_in_an_iteration_is_found_by_what_runs_in_both() -> None:
    loop = {"id": "loop", "node_id": "loop", "node_type": "loop", "title": "Loop"}
    both = {"iteration_id": "each", "loop_id": "loop"}
    events: list[Event] = [started(), iteration("started", metadata={"iteration_length": 2})]
    for index in range(2):
        run = str(index)
        events += [
            iteration("next", index=index),
            event("loop_started", {**loop, "created_at": START, "metadata": {"loop_length": 9}}),
            begins("count", run=run, **both),
            ends("count", run=run, **both),
            event("loop_completed", {**loop, "status": "succeeded", "elapsed_time": 0.1}),
        ]
    run_twice = layout(*events, finished())
    assert outline(run_twice.rows) == [
        "Each",
        *(" Item 1", "  Loop", "   Round 1", "    Count"),
        *(" Item 2", "  Loop", "   Round 1", "    Count"),
    ]


def test_nodes_that_stand_in_each_other_in_a_circle_or_without_end_are_all_there() -> None:
    circle = [
        begins("one", iteration_id="a", loop_id="b"),
        begins("two", iteration_id="b", loop_id="a"),
        begins("a", run="9", iteration_id="a"),
    ]
    report = RunReport.of([started(), *circle, finished()])
    assert {"One", "Two", "A"} <= set(Page(report.html()).words)
    deep = [
        begins(f"n{level}", node_type="iteration", iteration_id=f"n{level - 1}" if level else None)
        for level in range(2 * sys.getrecursionlimit())
    ]
    report = RunReport.of([started(), *deep, finished()])
    assert f"N{len(deep) - 1}" in Page(report.html()).words
    ET.fromstring(report.svg())


def test_parallel_branches_are_told_from_nodes_that_follow_each_other() -> None:
    run = layout(
        started(),
        (begins("start"), ends("start")),
        (begins("a", parallel_start_node_id="a"), begins("b", parallel_start_node_id="b")),
        (ends("a"), begins("c", parallel_start_node_id="a"), ends("b"), ends("c")),
        (begins("end"), ends("end")),
        finished(),
    )
    found = [(row.title, row.together, row.branch) for row in run.rows]
    assert found == [
        ("Start", "", None),
        ("A", "first", 1),
        ("C", "inner", 1),
        ("B", "last", 2),
        ("End", "", None),
    ]


def test_failures_retries_costs_and_tokens_are_added_up_along_the_tree() -> None:
    cost = {"total_tokens": 5, "total_price": "0.0000010", "currency": "USD"}
    place = {"iteration_id": "each"}
    retry = {"id": "get-1", "node_id": "get", "retry_index": 1, "error": "503", "elapsed_time": 0.2}
    meta = {**cost, "iteration_index": 0}
    run = layout(
        started(),
        (begins("get"), event("node_retry", retry), ends("get", status="failed", error="504")),
        iteration("started", metadata={"iteration_length": 1}),
        iteration("next", index=0),
        (begins("ask", **place), ends("ask", **place, execution_metadata=meta)),
        (begins("say"), ends("say", execution_metadata=cost)),
        finished(status="failed", error="504"),
    )
    get, each, say = run.rows
    assert get.notes[1:] == ("1 retry", "failed")
    assert [part.kind for part in get.parts] == ["attempt"]
    assert get.has_problem
    assert not say.has_problem
    assert (each.tokens, each.rows[0].tokens, say.tokens) == (5, 5, 5)
    assert str(run.costs["USD"]) == "0.0000020"
    assert (run.tokens, run.retries) == (7, 1)
    assert "failed inside" not in each.notes
    assert each.status == "lost", "nobody told that it ended"


def test_steps_reasoning_and_other_events_are_there() -> None:
    steps = [("one", None), ("two", "one"), ("round", "circle"), ("circle", "round")]
    events = [started(), begins("think")]
    for identifier, parent in steps:
        log = {"node_execution_id": "think-1", "id": identifier, "label": f"Call {identifier}"}
        data = {**log, "parent_id": parent, "status": "success", "data": {"k": identifier}}
        events.append(event("agent_log", data))
    thoughts = ({"node_id": "think", "reasoning": piece} for piece in ("Let me ", "see."))
    events += [event("reasoning_chunk", thought) for thought in thoughts]
    events += [event("text_chunk", {"text": "wrong"}), event("text_replace", {"text": "right"})]
    events += [event("new_kind", {"x": 1}), event("message_file", id="f", url="https://x/f.png")]
    page = RunReport.of([*events, ends("think"), finished()]).html()
    words = {text.strip() for text in Page(page).words}
    assert {f"Call {name} · success" for name, _ in steps} <= words
    assert {"Let me see.", "right", "Other events (2)"} <= words
    assert "wrong" not in words
    assert '"url": "https://x/f.png"' in page.replace("&quot;", '"')


# ------------------------------------------------------------------------- people, gaps and losses


@workflow(Input("topic"))
def article(inputs: dict[str, Any]) -> Steps:
    """Reads in parallel, asks a person, publishes."""

    def read(_word: str, _index: int) -> Steps:
        yield from node("read", title="Read", seconds=0.05)

    yield from each_of("each", ["one", "two", "three"], read, title="Each", parallel=True)
    yield from node("slow", title="Slow", seconds=0.3)
    answer = yield from human_input("ask", "Publish?", title="Ask")
    yield from node("publish", title="Publish", outputs={"by": answer.action}, seconds=0.1)
    return {"topic": inputs["topic"]}


def test_a_run_whose_stream_broke_and_that_waited_is_one_report() -> None:
    report = RunReport()
    with Emulator(article) as emulator, emulator.client("article") as client:
        # Behind the iteration: what a stream that is taken up again tells has no rounds.
        emulator.faults.cut_stream(after_events=15, on="POST")
        with client.run_workflow_stream({"topic": "boxes"}) as stream:
            passed = list(report.watch(stream))
        assert "the run waits for a person" in report.html().lower()
        paused = stream.result().paused
        assert paused is not None
        assert paused.forms[0].token is not None
        client.submit_human_input_form(paused.forms[0].token, "submit", {})
        with client.resume_workflow_stream(str(stream.run_id)) as stream:
            passed += report.watch(stream)
    run = lay_out(report._fold.timeline)
    assert outline(run.rows) == [
        "Start",
        *("Each", " Item 1", "  Read", " Item 2", "  Read", " Item 3", "  Read"),
        *("Slow", "Ask", "Publish", "End"),
    ], "nothing stands there twice, although the server told it twice"
    assert {row.status for row in flat(run.rows)} == {"succeeded"}
    assert {band.kind for band in run.bands} == {"gap", "pause"}
    assert run.timeline.status == "succeeded"
    page = report.html()
    assert "The stream was lost after" in page
    assert "Waited " in page
    assert sum(report._fold.timeline.events.values()) == len(passed)
    assert "<RunReport run_id=" in repr(report)


def test_a_stream_that_is_lost_for_good_says_so_and_where() -> None:
    def relay(report: RunReport, emulator: Emulator) -> None:
        client = emulator.client("article", recover=False)
        with client, client.run_workflow_stream({"topic": "boxes"}) as stream:
            for _ in report.watch(stream):
                pass

    async def arelay(report: RunReport, emulator: Emulator) -> None:
        options = {"base_url": emulator.base_url, "recover": False}
        client = AsyncDifyWorkflow("app-article", **options)
        async with client, client.run_workflow_stream({"topic": "boxes"}) as stream:
            async for _ in report.awatch(stream):
                pass

    with Emulator(article) as emulator:
        for world in ("sync", "async"):
            emulator.faults.add(Fault("POST", ending="cut", after_events=8), times=1)
            report = RunReport()
            with pytest.raises(StreamInterruptedError) as caught:
                if world == "sync":
                    relay(report, emulator)
                else:
                    anyio.run(arelay, report, emulator)
            words = " ".join(Page(report.html()).words)
            assert "the rest of the run is unknown" in words
            assert str(caught.value) in words
            (each,) = [row for row in lay_out(report._fold.timeline).rows if row.rows]
            assert each.status == "lost"
            assert each.notes == ("end not seen", "3 items")
            assert "Seen for" in words


def test_messages_that_are_no_events_are_told_and_shown_also_of_a_file() -> None:
    unread = UnreadableEvent.of("no JSON", b"<b>502</b>", None, None)
    events = [started(), unread, finished()]
    lines = StringIO("".join(f"{json.dumps(event.raw)}\n" for event in events))
    for report in (RunReport.of(events), RunReport.read(lines)):
        words = " ".join(Page(report.html()).words)
        assert "A message of the stream could not be read" in words
        assert "<b>502</b>" in words


def test_a_run_that_goes_on_and_one_that_was_stopped_say_so() -> None:
    assert "The run was still running" in RunReport.of([started(), begins("a")]).html()
    stopped = layout(started(), begins("a"), finished(status="stopped", error="Stopped by user."))
    assert [row.status for row in stopped.rows] == ["stopped"]
    assert layout(started(), begins("a")).rows[0].status == "running"
    refused = RunReport.of([event("error", message="Provider missing.", code="x")])
    assert "Provider missing." in refused.html()
    assert "failed" in refused.html()


def test_a_replay_adds_nodes_that_were_missed_and_takes_nothing_away() -> None:
    def again(kind: str, node: str, **data: Any) -> Event:
        ids = {"id": f"{node}-1", "node_id": node, "node_type": "code", "title": node.capitalize()}
        return event(kind, {**ids, "created_at": START, "finished_at": START + 1, **data})

    costs = {"execution_metadata": {"total_tokens": 5}, "outputs": {"x": 1}}
    each = {"node_type": "iteration", "id": "uuid"}
    run = layout(
        started(),
        (begins("a"), ends("a", **costs)),
        again("node_finished", "a", status="succeeded", elapsed_time=0.1),
        again("node_started", "b"),
        again("node_finished", "b", status="succeeded", elapsed_time=0.2),
        again("node_started", "each", **each),
        gap("it broke"),
        iteration("next", index=1),
        inside("read", 1),
        iteration("completed", status="succeeded", elapsed_time=0.5, finished_at=START + 1),
        finished(),
    )
    assert outline(run.rows) == ["A", "B", "Each", " Item 2", "  Read"]
    assert run.rows[0].tokens == 5
    assert run.rows[0].execution is not None
    assert run.rows[0].execution.values == {"Outputs": {"x": 1}}
    assert [band.kind for band in run.bands] == ["gap"]


# ------------------------------------------------------------------------- notebooks, and memory


def test_a_notebook_shows_the_page_in_a_frame_in_which_nothing_runs() -> None:
    report = RunReport.of([started(), begins("a"), ends("a"), finished()])
    shown = report._repr_html_()
    assert shown.startswith('<iframe sandbox title="Report of a workflow run"')
    source = re.search(r'srcdoc="([^"]*)"', shown)
    assert source is not None
    assert html.unescape(source[1]) == report.html()


def test_pieces_of_text_are_not_kept() -> None:
    report = RunReport()
    report.add(begins("llm"))
    data = {"text": "word ", "from_variable_selector": ["llm", "text"]}
    for _ in range(1000):
        piece = event("text_chunk", dict(data))
        before = sys.getrefcount(piece.raw)
        report.add(piece)
        after = sys.getrefcount(piece.raw)
        assert after == before
    assert len(report._fold.timeline.instants) < 10
    report.add(ends("llm"))
    assert "Streamed 5,000 characters in 1,000 pieces" in report.html()
