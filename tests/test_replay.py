"""A reconnected stream continues as if it had not broken, except for a gap. Without I/O."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_workflow import StreamGap
from dify_workflow._secret import ApiKey
from dify_workflow._streams import session as session_module
from dify_workflow._streams.protocol import OpenStream, RunCalls, SendCall, Wait
from dify_workflow._streams.recovery import Recovery, RecoveryPolicy
from dify_workflow._streams.session import Rescue, StreamSession
from dify_workflow.models import WorkflowRunResponse
from support.recordings import Recording, all_recordings

RUN = "57455633-bab6-4ea6-b8d6-850b5ae09145"
TASK = "44a56c70-faea-4439-965c-f26b48543bbd"
KEY = ApiKey("app-test-key")

NODE_EVENTS = ("node_started", "node_finished")


def calls() -> RunCalls:
    """Calls that nobody sends: what they are told to be is what the tests look at."""
    return RunCalls(
        events=lambda run_id, last_id: (run_id, last_id),  # type: ignore[arg-type, return-value]  # stands for a call
        detail=lambda run_id: run_id,  # type: ignore[arg-type, return-value]  # likewise
        logs=lambda: "logs",  # type: ignore[arg-type, return-value]  # likewise
        form=lambda token: token,  # type: ignore[arg-type, return-value]  # likewise
        server_version=lambda: "1.14.2",
    )


def equipped(**options: Any) -> StreamSession:
    session = StreamSession("call", max_event_bytes=10**7, **options)
    session.set_rescue(Rescue(lambda: Recovery(calls(), RecoveryPolicy())))
    session.begin({}, KEY)
    return session


def rejoin(session: StreamSession) -> Any:
    """Let a lost stream be taken up, and return what was asked for that."""
    steps = session.recovered()
    step = next(steps)
    while isinstance(step, Wait):
        step = steps.send(None)
    assert isinstance(step, OpenStream)
    session.begin({}, KEY)
    with pytest.raises(StopIteration):
        steps.send(None)
    return step.call


def written(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def event(name: str, **data: Any) -> dict[str, Any]:
    return {"event": name, "workflow_run_id": RUN, "task_id": TASK, "data": data}


def started(reason: str = "initial") -> dict[str, Any]:
    return event("workflow_started", id=RUN, reason=reason, inputs={})


def begun(node: str, *, live: bool = True) -> dict[str, Any]:
    return event("node_started", id=node, node_id=node, **({"inputs_truncated": 0} if live else {}))


def ended(node: str, *, live: bool = True, status: str = "succeeded") -> dict[str, Any]:
    keys = {"inputs_truncated": False} if live else {}
    return event("node_finished", id=node, node_id=node, status=status, **keys)


def form(name: str) -> dict[str, Any]:
    return event("human_input_required", form_id=name, node_id="ask")


def paused(*names: str) -> dict[str, Any]:
    return event("workflow_paused", status="paused", reasons=[{"form_id": name} for name in names])


def finished() -> dict[str, Any]:
    return event("workflow_finished", id=RUN, status="succeeded")


def names_of(session: StreamSession) -> list[str]:
    """What was delivered: names of events, with the node or form that they are about."""
    names = []
    for each in session.ready:
        data = each.raw["data"]
        about = data.get("form_id") or data.get("node_id") or data.get("text")
        names.append(f"{each.event} {about}" if about else each.event)
    return names


TEXT = event("text_chunk", text="x")
TOLD_ONCE: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]], list[str]]] = [
    # what is held, what was told before the break, what is told after it, what of that is new
    (
        "what was told is not told again",
        [started(), begun("a"), ended("a"), begun("b")],
        [started(), begun("a", live=False), ended("a", live=False), begun("b", live=False), TEXT],
        ["stream_gap", "text_chunk x"],
    ),
    (
        "a node is known again however its ids are written",
        [started(), *map(begun, ('qu"ote', "ünïcode", "back\\slash")), ended("ünïcode")],
        [
            *(started(), begun('qu"ote', live=False), begun("ünïcode", live=False)),
            *(ended("ünïcode", live=False), begun("back\\slash", live=False), TEXT),
        ],
        ["stream_gap", "text_chunk x"],
    ),
    (
        "what the gap swallowed is told, and the gap behind it",
        [started(), begun("a")],
        [started(), begun("a", live=False), ended("a", live=False), begun("b", live=False), TEXT],
        ["node_finished a", "node_started b", "stream_gap", "text_chunk x"],
    ),
    (
        "the gap stands before the first live node",
        [started(), begun("a")],
        [started(), begun("a", live=False), ended("a")],
        ["stream_gap", "node_finished a"],
    ),
    (
        "a live event that the replay has told already is not told twice",
        [started(), begun("a")],
        [started(), begun("a", live=False), ended("a", live=False), ended("a"), begun("b")],
        ["node_finished a", "stream_gap", "node_started b"],
    ),
    (
        "of a finished run there is its end alone",
        [started(), begun("a")],
        [finished()],
        ["stream_gap", "workflow_finished"],
    ),
    (
        "the start is not told behind what followed it, where the first events were lost",
        [begun("b")],
        [started(), begun("a", live=False), ended("a", live=False), begun("b", live=False), TEXT],
        ["node_started a", "node_finished a", "stream_gap", "text_chunk x"],
    ),
    (
        "a pause in the gap is told, with its forms and without the node that replays show",
        [started(), begun("ask")],
        [
            started(),
            begun("ask", live=False),
            ended("ask", live=False, status="paused"),
            form("f1"),
            paused("f1"),
        ],
        ["stream_gap", "human_input_required f1", "workflow_paused"],
    ),
    (
        "a resumption is always told, and its node starts once more",
        [started(), begun("ask"), form("f1")],
        [started(), begun("ask", live=False), form("f1"), started("resumption"), begun("ask")],
        ["stream_gap", "workflow_started", "node_started ask"],
    ),
    (
        "forms are told apart by their ids, not by their node",
        [started(), begun("ask"), form("f1")],
        [started(), begun("ask", live=False), form("f1"), form("f2"), TEXT],
        ["stream_gap", "human_input_required f2", "text_chunk x"],
    ),
]


@pytest.mark.parametrize(
    ("before", "after", "new"), [row[1:] for row in TOLD_ONCE], ids=[row[0] for row in TOLD_ONCE]
)
def test_a_replay_delivers_only_new_events(
    before: list[dict[str, Any]], after: list[dict[str, Any]], new: list[str]
) -> None:
    session = equipped()
    session.receive(written(*before))
    session.finish()
    session.ready.clear()
    rejoin(session)
    session.receive(written(*after))
    assert names_of(session) == new


def test_a_gap_with_several_reconnections_is_delivered_once() -> None:
    session = equipped()
    session.receive(written(started(), begun("a")))
    for _ in range(3):
        session.finish()
        rejoin(session)
        session.receive(written(started(), begun("a", live=False)))
    session.receive(written(TEXT))
    assert [each.event for each in session.ready].count("stream_gap") == 1


def test_a_second_gap_is_delivered_too() -> None:
    session = equipped()
    session.receive(written(started()))
    for _ in range(2):
        session.finish()
        rejoin(session)
        session.receive(written(started(), TEXT))
    gaps = [each for each in session.ready if isinstance(each, StreamGap)]
    assert len(gaps) == 2
    assert gaps[0].data["reason"]
    assert (gaps[0].id, gaps[0].task_id) == (RUN, TASK)


def test_a_stream_without_a_snapshot_does_not_tell_what_was_before_it() -> None:
    session = equipped(run_id=RUN, from_start=False)
    session.receive(written(begun("b")))
    session.finish()
    session.ready.clear()
    rejoin(session)
    old = [started(), begun("a", live=False), ended("a", live=False)]
    session.receive(written(*old, begun("b", live=False), ended("b", live=False), TEXT))
    assert names_of(session) == ["node_finished b", "stream_gap", "text_chunk x"]


def test_replayed_events_have_the_true_task_id() -> None:
    session = equipped()
    session.receive(written(started()))
    session.finish()
    rejoin(session)
    session.receive(written({**finished(), "task_id": RUN}))
    final = session.ready[-1]
    assert (final.event, final.task_id, final.raw["task_id"]) == ("workflow_finished", TASK, TASK)
    result = session.result()
    assert (result.task_id, result.status) == (TASK, "succeeded")


def test_the_ids_of_events_are_kept_and_sent() -> None:
    session = equipped()
    session.receive(b"id: 7-0\n" + written(started()))
    session.finish()
    assert rejoin(session) == (RUN, "7-0")
    session.finish()
    assert session.feed.last_event_id == "7-0"


def test_the_id_of_a_run_may_come_in_the_head_of_the_answer() -> None:
    session = StreamSession("call", max_event_bytes=1000)
    session.set_rescue(Rescue(lambda: Recovery(calls(), RecoveryPolicy())))
    session.begin({"x-workflow-run-id": RUN}, KEY)
    session.finish()
    assert rejoin(session) == (RUN, None)


def test_an_ended_run_is_delivered_from_its_detail_after_two_lookups() -> None:
    session = equipped(run_id=RUN)
    session.receive(written(started()))
    looked_up = WorkflowRunResponse(id=RUN, status="succeeded", outputs={"a": 1}, total_tokens=3)
    for _ in range(2):
        assert not session.ended
        steps = session.recovered()
        assert isinstance(next(steps), SendCall)
        with pytest.raises(StopIteration):
            steps.send(looked_up)
    assert session.ready[-1].synthetic
    assert (session.result().outputs, session.result().total_tokens) == ({"a": 1}, 3)


def test_the_end_of_a_run_that_has_ended_is_awaited_for_a_moment_and_not_for_a_ping() -> None:
    session = equipped(run_id=RUN)
    session.receive(written(started()))
    assert session.read_timeout is None
    steps = session.recovered()
    next(steps)
    with pytest.raises(StopIteration):
        steps.send(WorkflowRunResponse(id=RUN, status="succeeded", outputs={"a": 1}))
    assert not session.ended
    assert session.read_timeout is not None
    assert session.read_timeout <= 1.0
    session.finish()  # nothing came
    assert session.result().outputs == {"a": 1}
    assert session.ready[-1].synthetic


def test_the_end_that_was_under_way_is_taken_however_late_somebody_reads_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_module, "GRACE", -1.0)  # it is over at once
    session = equipped(run_id=RUN)
    session.receive(written(started()))
    steps = session.recovered()
    next(steps)
    with pytest.raises(StopIteration):
        steps.send(WorkflowRunResponse(id=RUN, status="succeeded"))
    session.receive(written(begun("a"), finished()))
    assert [each.event for each in session.ready][-2:] == ["node_started", "workflow_finished"]
    assert not session.ready[-1].synthetic


# ------------------------------------------------------------------------------ recorded streams


@cache
def whole_streams() -> tuple[Recording, ...]:
    """Recorded streams of runs from their start to their end, on servers that have /events."""
    return tuple(
        each
        for each in all_recordings()
        if each.version in ("1.14.2", "1.16.1")
        and each.method == "POST"
        and each.is_stream
        and each.events
        and each.events[0]["event"] == "workflow_started"
        and each.events[-1]["event"] == "workflow_finished"
        and any(event["event"] == "node_started" for event in each.events)
    )


def snapshot(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a server tells of a run of which these events were: nodes, with fewer keys."""
    replayed: list[dict[str, Any]] = [events[0]]
    ends = {each["data"]["id"]: each for each in events if each["event"] == "node_finished"}
    for each in events:
        if each["event"] == "node_started":
            node = each["data"]["id"]
            replayed += [each, ends[node]] if node in ends else [each]
    return [_with_fewer_keys(each) for each in replayed]


def _with_fewer_keys(event: dict[str, Any]) -> dict[str, Any]:
    data = {key: value for key, value in event["data"].items() if not key.endswith("_truncated")}
    return {**event, "data": data, "task_id": event["workflow_run_id"]}


def test_there_are_recorded_streams_to_cut() -> None:
    assert len(whole_streams()) > 20


@given(st.data())
def test_any_cut_of_a_recorded_stream_tells_each_node_once_and_in_order(
    data: st.DataObject,
) -> None:
    played = data.draw(st.sampled_from(whole_streams()))
    events = played.events
    cut = data.draw(st.integers(len(written(events[0])), len(written(*events)) - 3))
    session = equipped()
    session.receive(written(*events)[:cut])
    session.finish()
    delivered = sum(each.event != "stream_gap" for each in session.ready)
    resumed = data.draw(st.integers(delivered, len(events) - 1))
    rejoin(session)
    session.receive(written(*snapshot(events[:resumed]), *events[resumed:]))

    assert session.ended
    told = [each for each in session.ready if each.event in NODE_EVENTS]
    keys = [(each.event, each.raw["data"]["id"]) for each in told]
    wanted = [
        (each["event"], each["data"]["id"]) for each in events if each["event"] in NODE_EVENTS
    ]
    assert Counter(keys) == Counter(wanted)
    for name, node in keys:
        if name == "node_finished":
            assert keys.index(("node_started", node)) < keys.index((name, node))
    names = [each.event for each in session.ready]
    assert names.count("workflow_started") == names.count("stream_gap") == 1
    assert names[0] == "workflow_started"
    assert session.result().outputs == (events[-1]["data"]["outputs"] or {})
    assert session.result().task_id == events[0]["task_id"]
