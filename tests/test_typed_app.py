"""Typed modules run their apps: by dict or by keyword, sync and async."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dify_workflow import (
    AsyncTypedApp,
    InvalidInputsError,
    RunDeadlineExceededError,
    TypedApp,
    WorkflowFile,
)
from dify_workflow.emulator import Emulator
from support.golden import MODULES, TESTS, imported
from support.worlds import Waiting, World

STORY = TESTS / "dsl" / "story.yml"


@pytest.fixture(scope="module")
def served() -> Iterator[Emulator]:
    with Emulator(linger=0.2) as running:
        for name in ("story", "contracts", "form"):
            running.app_from_dsl(TESTS / "dsl" / f"{name}.yml")
        running.app_from_dsl(STORY, outputs={"text": "On boxes", "words": 2})
        yield running


def app_of(both: World, served: Emulator, name: str) -> Any:
    """The class of a golden module, around a client of one of the two worlds."""
    module = imported(MODULES / f"{name}.py")
    client = both.client(api_key=f"app-{name}", base_url=served.base_url)
    if isinstance(client, Waiting):
        made = getattr(module, f"Async{name.title()}")(client.target)
        return Waiting(client._portal, made)
    return getattr(module, name.title())(client)


def test_inputs_are_a_dict_or_keywords(both: World, served: Emulator) -> None:
    story = app_of(both, served, "story")
    for run in (
        story.run({"topic": "boxes", "style": "loud"}),
        story.run(topic="boxes", style="loud"),
        story.run(inputs={"topic": "boxes", "style": "loud"}, response_mode="blocking"),
    ):
        outputs = run.raise_for_status().outputs
        assert (outputs["text"], outputs["words"]) == ("On boxes", 2)
        with served.client("story") as client:
            detail = client.info(run.id)
        assert detail.inputs is not None
        assert (detail.inputs["topic"], detail.inputs["style"]) == ("boxes", "loud")


def test_options_go_where_those_of_the_client_go(both: World, served: Emulator) -> None:
    story = app_of(both, served, "story")
    runs = [
        story.run({"topic": "a"}, user="Ann", trace_id="t", deadline=60, stop_on_deadline=True),
        story.run(topic="a", user="Ann", deadline=60),
    ]
    for run in runs:
        assert run.inputs["sys.user_id"] == "Ann"
        assert run.inputs["topic"] == "a"
    with pytest.raises(RunDeadlineExceededError):
        story.run(topic="a", deadline=0.000_001)
    with pytest.raises(TypeError, match="sped"):
        story.run({"topic": "a"}, sped=3)


def test_a_stream_a_submitted_run_and_a_wait_give_the_same_outputs(
    both: World, served: Emulator
) -> None:
    story = app_of(both, served, "story")
    with story.stream(topic="boxes", user="Ann") as stream:
        names = [event.event for event in stream]
    assert names[-1] == "workflow_finished"
    run = story.submit(topic="boxes", user="Ann")
    outputs = story.wait(run.id, user="Ann", deadline=60).outputs
    assert outputs == stream.result().outputs
    assert outputs["words"] == 2


def test_node_ids_of_the_module_are_those_of_the_events(both: World, served: Emulator) -> None:
    nodes = imported(MODULES / "story.py").StoryNodes
    with app_of(both, served, "story").stream(topic="boxes") as stream:
        seen = {event.data.node_id for event in stream if event.event == "node_finished"}
    assert {nodes.WRITE, nodes.GOOD_ENOUGH, nodes.COUNT_WORDS} <= seen


def test_bad_inputs_are_refused_as_ever(both: World, served: Emulator) -> None:
    with pytest.raises(InvalidInputsError, match="must be one of"):
        app_of(both, served, "story").run(topic="boxes", style="shy")
    with pytest.raises(InvalidInputsError, match="topic is required"):
        app_of(both, served, "story").run()


def test_files_are_paths_uploads_or_addresses(
    both: World, served: Emulator, tmp_path: Path
) -> None:
    place = tmp_path / "a.pdf"
    place.write_bytes(b"%PDF")
    contracts = app_of(both, served, "contracts")
    page = WorkflowFile.remote("https://example.com/b.pdf", type="document")
    run = contracts.run(contract=place, annexes=[page, place])
    assert run.raise_for_status().outputs["texts"] == []


def test_names_that_are_none_in_python_are_given_as_a_dict(both: World, served: Emulator) -> None:
    inputs = {"姓名": "Ann", "class": "first", "address": {"street": "1"}}
    assert app_of(both, served, "form").run(inputs).raise_for_status().outputs["street"] == ""


def test_sync_and_async_have_the_same_methods() -> None:
    for name in ("run", "stream", "submit", "wait"):
        sync, async_ = getattr(TypedApp, name), getattr(AsyncTypedApp, name)
        assert str(inspect.signature(sync)) == str(inspect.signature(async_)).replace("Async", "")
        assert sync.__doc__ == re.sub(r"Async|\b(?:async|await) ", "", async_.__doc__)
