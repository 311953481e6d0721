"""The tree of a run, folded from every recorded stream."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from dify_workflow.cli.lines import tree_lines
from dify_workflow.cli.tree import RunTree
from dify_workflow.events import EVENT_CLASSES
from dify_workflow.events.base import UnknownEvent
from support.recordings import Recording, all_recordings

STREAMS = [played for played in all_recordings() if played.is_stream and played.events]


@pytest.mark.parametrize("played", STREAMS, ids=str)
def test_every_recorded_stream_becomes_a_tree_with_a_line_for_each_node(played: Recording) -> None:
    tree = RunTree()
    for raw in played.events:
        tree.take(EVENT_CLASSES.get(raw["event"], UnknownEvent)(raw))
        assert all(cell_len(line.plain) <= 40 for line in tree_lines(tree, 40, height=5))
    tree.settle(str(played.events[-1].get("data", {}).get("status")))
    nodes = {
        raw["data"]["node_id"]
        for raw in played.events
        if raw["event"] in {"node_started", "node_finished", "iteration_started", "loop_started"}
    }
    assert {node.id for node, _ in tree.walk()} >= nodes
    assert len(tree_lines(tree, 200)) <= len(nodes) + 1
    assert not [node for node, _ in tree.walk() if node.is_running]
    spans = (event for event in played.events if event["event"].startswith(("iteration_", "loop_")))
    if not any(spans):
        assert all(node.rounds == 1 for node, _ in tree.walk())
    text = [raw["data"]["text"] for raw in played.events if raw["event"] == "text_chunk"]
    assert tree.text == "".join(text)


ODD = [5, "x\x1b", [1], {"a": 1}, None, True, 2**70, float("nan"), float("inf"), -1, "\ud800"]
ODD_KEYS = ("total_tokens", "iteration_length", "loop_length")
NODE = {"id": "a-1", "node_id": "a", "title": "A", "node_type": "code"}
ENDED = {**NODE, "status": "succeeded", "elapsed_time": 0.1, "error": None, "total_tokens": 3}
EVENTS = {
    "node_started": NODE,
    "node_retry": {**NODE, "error": "e"},
    "node_finished": {**ENDED, "execution_metadata": {"total_tokens": 3}},
    "iteration_started": {**NODE, "node_id": "i", "metadata": {"iteration_length": 3}},
    "iteration_next": {**NODE, "node_id": "i", "index": 1},
    "iteration_completed": {**ENDED, "node_id": "i"},
    "loop_started": {**NODE, "node_id": "l", "metadata": {"loop_length": 3}},
    "loop_next": {**NODE, "node_id": "l", "index": 1},
    "loop_completed": {**ENDED, "node_id": "l"},
    "human_input_form_filled": {"node_id": "h", "node_title": "H", "action_text": "ok"},
}


@pytest.mark.parametrize("name", EVENTS)
def test_values_of_any_kind_can_be_drawn(name: str) -> None:
    data = EVENTS[name]
    odd = [{**data, key: value} for key in data for value in ODD]
    odd += [{**data, key: {each: value}} for key in data for each in ODD_KEYS for value in ODD]
    for changed in odd:
        tree = RunTree()
        for event, payload in {**EVENTS, name: changed}.items():
            envelope = {"event": event, "workflow_run_id": "r", "task_id": "t"}
            tree.take(EVENT_CLASSES[event]({**envelope, "data": payload}))
            assert all(cell_len(line.plain) <= 80 for line in tree_lines(tree, 80))
