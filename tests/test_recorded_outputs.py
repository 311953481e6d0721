"""What recorded runs gave fits the types that are made of their apps' exports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dify_workflow import OutputsMismatchError, WorkflowRunResponse
from dify_workflow.codegen import generate
from dify_workflow.dsl import app_of
from support.golden import load
from support.recorded_exports import RECORDED
from support.recordings import Recording, all_recordings

ENDED = ("succeeded", "partial-succeeded")


def outputs_in(value: Any) -> Iterator[dict[str, Any]]:
    """The outputs of each run that a payload tells of."""
    if isinstance(value, dict):
        outputs = value.get("outputs")
        if value.get("status") in ENDED and "workflow_id" in value and isinstance(outputs, dict):
            yield outputs
        for each in value.values():
            yield from outputs_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from outputs_in(each)


def payloads(recording: Recording) -> Iterator[Any]:
    if recording.is_stream:
        yield from recording.events
    elif recording.content_type.startswith("application/json"):
        try:
            yield json.loads(recording.body)
        except ValueError:  # cut
            return


def recorded() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for recording in all_recordings():
        for payload in payloads(recording):
            found.setdefault(recording.app, []).extend(outputs_in(payload))
    return {app: outputs for app, outputs in found.items() if outputs and app != "None"}


def test_each_recorded_app_that_gives_something_has_an_export() -> None:
    assert recorded().keys() == RECORDED.keys()


@pytest.mark.parametrize("name", RECORDED)
def test_outputs_of_recorded_runs_have_the_types_of_the_export(name: str, tmp_path: Path) -> None:
    ends = []
    for number, value in enumerate(RECORDED[name]):
        app = app_of(value, name)
        module = load(generate(app, class_name="Made"), tmp_path / f"{name}{number}.py")
        every = [each for each in vars(module) if each.startswith("MadeOutputs")]
        ends += [
            getattr(module, each) for each in every if each != "MadeOutputs" or len(every) == 1
        ]
    for outputs in recorded()[name]:
        run: WorkflowRunResponse[Any] = WorkflowRunResponse("id", "succeeded", outputs=outputs)
        (fitting,) = [each for each in ends if outputs.keys() == each.__required_keys__]
        assert run.outputs_as(fitting) == outputs


def test_outputs_of_another_type_would_be_found(tmp_path: Path) -> None:
    module = load(generate(app_of(RECORDED["slow"][0], "slow"), class_name="A"), tmp_path / "a.py")
    outputs = {"body": "{}", "status": "200"}
    run: WorkflowRunResponse[Any] = WorkflowRunResponse("id", "succeeded", outputs=outputs)
    with pytest.raises(OutputsMismatchError, match="is str, not int"):
        run.outputs_as(module.AOutputs)
