"""What a change of openapi.yaml comes to: new code, and nothing to write by hand in the overlay."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dify_workflow import events
from dify_workflow import models as facade
from dify_workflow_api import models as wire
from scripts.contract import (
    arguments_by_class,
    event_problems,
    facade_types,
    field_problems,
    sources_of,
    unsent_fields,
)
from scripts.generate.__main__ import main as generate
from support.events import finished, message, started
from support.replay import Exchange, ReplayServer
from support.spec import ROOT, spec

OVERLAY = ROOT / "overlay" / "dify_workflow"


def next_spec() -> dict[str, Any]:
    """openapi.yaml with an event, two fields and an endpoint that newer servers might have."""
    changed = copy.deepcopy(spec())
    schemas = changed["components"]["schemas"]
    data = {"node_id": "n", "percent": 40.5, "note": None}
    message = {"event": "weather_changed", "workflow_run_id": "r", "task_id": "t", "data": data}
    schemas["WeatherChangedEvent"] = {
        "type": "object",
        "description": "How far a node is. Sent once a second.",
        "x-since": "1.18.0",
        "required": list(message),
        "properties": {
            "event": {"const": "weather_changed"},
            "workflow_run_id": {"type": "string"},
            "task_id": {"type": "string"},
            "data": {"$ref": "#/components/schemas/WeatherChangedData"},
        },
        "examples": [message],
    }
    schemas["WeatherChangedData"] = {
        "type": "object",
        "required": ["node_id", "percent"],
        "properties": {
            "node_id": {"type": "string"},
            "percent": {"type": "number"},
            "note": {"type": "string", "x-since": "1.19.0"},
        },
    }
    changed["x-stream-events"]["weather_changed"] = {
        "$ref": "#/components/schemas/WeatherChangedEvent"
    }
    for name, field in [("WorkflowFinishedData", "cost"), ("AppInfo", "icon")]:
        schemas[name]["properties"][field] = {"type": "string", "x-since": "1.18.0"}
    changed["paths"]["/meta"]["get"]["x-since"] = "1.18.0"
    return changed


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both packages, as they are generated from the changed document."""
    folder = tmp_path_factory.mktemp("tree")
    (folder / "spec.yaml").write_text(yaml.safe_dump(next_spec()), encoding="utf-8")
    shutil.copytree(OVERLAY, folder / "overlay" / "dify_workflow")
    (folder / "generated").mkdir()
    generate(["--spec", str(folder / "spec.yaml"), "--into", str(folder)])
    return folder


def said_by(tree: Path, program: str, *arguments: str) -> Any:
    """What a program prints as JSON that imports the packages of the tree."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": f"{tree / 'overlay'}{os.pathsep}{tree / 'generated'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


RUN = """
import json, sys
from dify_workflow import AsyncDifyWorkflow, DifyWorkflow, WeatherChanged, NotFoundError, events

with DifyWorkflow("app-key", base_url=sys.argv[1]) as client:
    with client.run_workflow_stream({}) as stream:
        seen = list(stream)
    (progress,) = [event for event in seen if isinstance(event, WeatherChanged)]
    last = seen[-1]
    info = client.app_info()
    try:
        client.meta()
    except NotFoundError as error:
        refusal = str(error)
    print(json.dumps({
        "percent": progress.data.percent,
        "note": progress.data.note,
        "cost": last.data.cost,
        "raw cost": stream.result().raw["data"]["cost"],
        "icon": info.icon,
        "documented": WeatherChanged.__doc__.split("\\n\\n")[1].strip(),
        "exported": "WeatherChanged" in events.__all__,
        "refusal": refusal,
    }))
"""


def newer_server(exchange: Exchange) -> None:
    if exchange.request.target.endswith("/workflows/run"):
        exchange.start_stream()
        exchange.chunk(started())
        exchange.chunk(message("weather_changed", {"node_id": "llm", "percent": 40.5}))
        exchange.chunk(finished(cost="0.01"))
        exchange.end_stream()
    elif exchange.request.target.endswith("/info"):
        exchange.whole(b'{"name": "echo", "description": "", "tags": [], "icon": "cat"}')
    else:
        exchange.whole(b"Not Found", 404, "Not Found", x_version="1.17.1")


@pytest.mark.slow
def test_a_new_event_and_new_fields_reach_users_without_a_line_of_the_overlay(
    tree: Path, server: ReplayServer
) -> None:
    assert said_by(tree, RUN, server.handle(newer_server)) == {
        "percent": 40.5,
        "note": None,
        "cost": "0.01",
        "raw cost": "0.01",
        "icon": "cat",
        "documented": "Sent once a second. Since Dify 1.18.0.",
        "exported": True,
        "refusal": "meta: needs Dify 1.18 or newer; this server is 1.17.1 (404: Not Found)",
    }


@pytest.mark.slow
def test_generating_twice_changes_nothing(tree: Path) -> None:
    def contents() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(tree.rglob("*.py"))}

    before = contents()
    assert len(before) > 200
    generate(["--spec", str(tree / "spec.yaml"), "--into", str(tree)])
    assert contents() == before


@pytest.mark.slow
def test_what_is_committed_is_what_the_spec_gives(tmp_path: Path) -> None:
    (tmp_path / "overlay" / "dify_workflow").mkdir(parents=True)
    (tmp_path / "generated").mkdir()
    generate(["--into", str(tmp_path)])
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        if ".ruff_cache" not in path.parts:
            here = ROOT / path.relative_to(tmp_path)
            assert here.read_bytes() == path.read_bytes(), f"{here}: see generated/README.md"


# --------------------------------------------------------------------------------- the contract


def test_the_overlay_has_what_the_spec_and_its_own_types_ask_for() -> None:
    sources = sources_of(OVERLAY)
    assert list(event_problems(spec()["x-stream-events"], events.EVENT_CLASSES, wire)) == []
    assert list(field_problems(facade_types(facade), sources)) == []


def test_an_event_without_a_class_and_a_class_without_an_event_are_named() -> None:
    classes = dict(events.EVENT_CLASSES)
    classes.pop("loop_next")
    listed = [name for name in spec()["x-stream-events"] if name != "text_chunk"]
    assert list(event_problems(listed, classes, wire)) == [
        "x-stream-events lists loop_next, which has no event class: make generate",
        "events.TextChunk is for text_chunk, which x-stream-events does not list",
    ]


def test_an_event_whose_payload_is_not_generated_is_named() -> None:
    class Strange(events.TextChunk):  # type: ignore[misc]  # final, but who would look
        _model = "NoModel"

    problems = list(event_problems(["strange"], {"strange": Strange}, wire))
    assert problems == ["events.Strange reads a NoModel, which is not generated"]


def test_a_field_that_nothing_fills_in_is_named() -> None:
    call = "WorkflowStopResponse()\nUploadedFile(1, 2, 3, created_at=4, source_url=5, raw=6)"
    types = [facade.WorkflowStopResponse, facade.UploadedFile]
    assert set(field_problems(types, [call])) == {
        "WorkflowStopResponse.result has no source: nothing in the overlay sets it",
        *(
            f"UploadedFile.{name} has no source: nothing in the overlay sets it"
            for name in ("extension", "mime_type", "created_by")
        ),
    }


def test_fields_of_requests_that_no_method_sends_are_named() -> None:
    calls = ["wire.StopTaskBody()", "wire.AudioToTextBody(file=part, user=user)"]
    assert list(unsent_fields(wire, calls)) == ["StopTaskBody.user"]


def test_what_calls_fill_in_is_added_up() -> None:
    given = arguments_by_class(["Run(1, a=2)\nwire.Run(b=3)", "Run(1, 2, *more)"])
    assert given["Run"] == (3, {"a", "b"})
