"""The tree of a run, folded from every recorded stream."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from dify_workflow._event import UnknownEvent
from dify_workflow.cli._drawing import tree_lines
from dify_workflow.cli._tree import RunTree
from dify_workflow.events import EVENT_CLASSES
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
    assert "".join(tree.text) == "".join(text)


def test_the_tail_of_a_long_text_is_found_without_the_rest() -> None:
    tree = RunTree()
    tree.text = ["one ", "two ", "three"]
    assert [tree.text_tail(length) for length in (3, 5, 7, 100)] == [
        "ree",
        "three",
        "o three",
        "one two three",
    ]
