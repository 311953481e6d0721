"""Exported apps on the emulator: inputs are checked, outputs are what a test names."""

from __future__ import annotations

from pathlib import Path

import pytest

from dify_workflow import InvalidInputsError, NodeStarted, WorkflowFile
from dify_workflow.codegen import differences
from dify_workflow.dsl import DSLError, fits, inputs_of_form, read_app
from dify_workflow.emulator import Emulator, app_from_dsl
from support.exports import end, export, node, write
from support.golden import EXPORTS, TESTS

STORY = TESTS / "dsl" / "story.yml"


@pytest.mark.parametrize("place", EXPORTS, ids=lambda place: place.stem)
def test_each_exported_app_runs_and_gives_values_of_its_types(place: Path) -> None:
    app = read_app(place)
    file = WorkflowFile.remote("https://example.com/a.pdf", type="document")
    values = {"select": "first", "number": 3, "json_object": {"street": "1"}, "file": file}
    inputs = {each.name: values.get(each.kind, "text") for each in app.inputs if each.required}
    with Emulator(app_from_dsl(place), linger=0.0) as emulator, emulator.client() as client:
        outputs = client.run_workflow(inputs).raise_for_status().outputs
        form = inputs_of_form([each.to_dict() for each in client.parameters().user_input_form])
    assert differences(app.inputs, form) == []
    assert app.ends
    types = {each.name: each.type for each in app.ends[0].outputs}
    assert outputs.keys() == types.keys()
    assert all(fits(types[name], value) for name, value in outputs.items())


def test_outputs_that_a_test_names_choose_the_end_and_the_rest_is_empty() -> None:
    with Emulator(linger=0.0) as emulator:
        emulator.app_from_dsl(STORY, outputs={"words": 3})
        with emulator.client() as client:
            outputs = client.run_workflow({"topic": "boxes"}).raise_for_status().outputs
            assert outputs["words"] == 3
            assert outputs["text"] == ""
            emulator.app_from_dsl(STORY, outputs={"draft": "no"}, name="story")
            outputs = client.run_workflow({"topic": "boxes"}).raise_for_status().outputs
            assert outputs == {"draft": "no", "note": None}


def test_the_app_comes_first_and_the_others_stay() -> None:
    with Emulator(linger=0.0) as emulator:
        before = [each.name for each in emulator.workflows]
        app = emulator.app_from_dsl(STORY, name="mine")
        assert [each.name for each in emulator.workflows] == ["mine", *before]
        assert app.key == "app-mine"


def test_inputs_are_checked_as_the_app_checks_them() -> None:
    with Emulator(app_from_dsl(STORY), linger=0.0) as emulator, emulator.client() as client:
        for inputs in ({}, {"topic": "x" * 81}, {"topic": "x", "style": "shy"}, {"topic": 3}):
            with pytest.raises(InvalidInputsError):
                client.run_workflow(inputs)


def test_nodes_on_every_path_are_passed_and_no_others(tmp_path: Path) -> None:
    nodes = (node("if", "if-else"), node("a", "code"), node("on", "template-transform"))
    edges = [
        ("start", "if"),
        ("if", "a", "true"),
        ("if", "on", "false"),
        ("a", "on"),
        ("on", "end"),
    ]
    place = write(tmp_path / "app.yml", export(*nodes, end(text=["on", "output"]), edges=edges))
    with (
        Emulator(app_from_dsl(place), linger=0.0) as emulator,
        emulator.client() as client,
        client.run_workflow_stream({}) as stream,
    ):
        ids = [event.data.node_id for event in stream if isinstance(event, NodeStarted)]
    assert ids == ["start", "if", "on", "end"]


def test_a_stub_that_the_app_would_not_give_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has draft, note or text, words, .*, not title"):
        app_from_dsl(STORY, outputs={"title": "x"})
    with pytest.raises(ValueError, match="has another type for: words"):
        app_from_dsl(STORY, outputs={"text": "x", "words": "three"})


def test_of_ends_that_give_the_same_name_the_one_with_the_type_is_taken(tmp_path: Path) -> None:
    count = node("count", "code", outputs={"n": {"type": "number"}})
    ends = end("first", text=["sys", "user_id"]), end("second", text=["count", "n"])
    edges = [("start", "count"), ("count", "first"), ("count", "second")]
    place = write(tmp_path / "app.yml", export(count, *ends, edges=edges))
    app = app_from_dsl(place, outputs={"text": 3})
    with Emulator(app, linger=0.0) as emulator, emulator.client() as client:
        assert client.run_workflow({}).outputs == {"text": 3}
    with pytest.raises(ValueError, match="another type for: text"):
        app_from_dsl(place, outputs={"text": True})


def test_what_is_no_workflow_app_is_refused(tmp_path: Path) -> None:
    chat = export(end(), app={"name": "chat", "mode": "chat"})
    with pytest.raises(DSLError, match="only workflow apps"):
        app_from_dsl(write(tmp_path / "chat.yml", chat))
