"""Links between recordings: which request started the run of another recording."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from support.recordings import Recording, all_recordings

JSONObject = dict[str, Any]

ROLES = {
    "run_id": re.compile(r"(?<=/workflows/run/)[^/?]+|(?<=/workflow/)[^/?]+(?=/events)"),
    "task_id": re.compile(r"(?<=/workflows/tasks/)[^/?]+(?=/stop)"),
    "form_token": re.compile(r"(?<=/form/human_input/)[^/?]+"),
    "workflow_id": re.compile(r"(?<=/workflows/)[^/?]+(?=/run)"),
    "end_user_id": re.compile(r"(?<=/end-users/)[^/?]+"),
    "file_id": re.compile(r"(?<=/files/)[^/?]+(?=/preview)"),
}
"""Where in a target an id stands, by what it is the id of."""

FILE_ID = re.compile(r'(?<="upload_file_id": ")[^"]+')
"""An uploaded file in the body of a request."""

_SOME_INPUTS: dict[str, JSONObject] = {
    "echo": {"name": "x"},
    "files": {},
    "human2": {"topic": "Two"},
    "manysteps": {"n": 600},
    "slow": {"secs": "5"},
    "slowsteps": {"secs": "2"},
    "versions": {"name": "x"},
}
"""Inputs of runs whose start is not among the recordings, by app."""


@dataclass(frozen=True)
class Start:
    """How a run was started.

    Args:
        app: Name of the app.
        inputs: The inputs.
        user: The user.
        is_streamed: Whether it was started in streaming mode.
    """

    app: str
    inputs: JSONObject
    user: str
    is_streamed: bool


@cache
def id_in(played: Recording) -> str | None:
    """The id in a recording's target."""
    found = (pattern.search(played.target) for pattern in ROLES.values())
    return next((match[0] for match in found if match), None)


@cache
def start_of(played: Recording) -> Start:
    """How the run was started that a recording is about, or that it starts itself."""
    if is_run(played):
        return _start(played)
    starter = starter_of(played)
    if starter is not None:
        return _start(starter)
    shown = _shown_inputs(played)
    inputs = {name: value for name, value in shown.items() if not name.startswith("sys.")}
    user = shown.get("sys.user_id", "u1")
    return Start(played.app, inputs or _SOME_INPUTS[played.app], user, is_streamed=True)


def starter_of(played: Recording) -> Recording | None:
    """The recording that started the run: by the id in the target, else of the same group."""
    about = id_in(played)
    runs = [other for other in of_version(played.version) if is_run(other)]
    if about is not None:
        return next((other for other in runs if about.encode() in other.body), None)
    same = (other for other in runs if other.app == played.app and group(other) == group(played))
    return next(same, None)


def group(played: Recording) -> str:
    """What recordings of one conversation have in common, such as ``stop1``."""
    return played.path.stem.removeprefix("logs_").partition("_")[0]


def _start(played: Recording) -> Start:
    body = json.loads(played.request_bytes)
    is_streamed = body.get("response_mode") == "streaming"
    return Start(played.app, body["inputs"], str(body["user"]), is_streamed)


def _shown_inputs(played: Recording) -> JSONObject:
    """The inputs that a recorded run detail shows."""
    if not played.content_type.startswith("application/json"):
        return {}
    shown: JSONObject = json.loads(json.loads(played.body).get("inputs") or "{}")
    return shown


def is_run(played: Recording) -> bool:
    """Whether a recorded request starts a run."""
    path = played.target.partition("?")[0]
    return played.method == "POST" and path.endswith("/run") and played.status == 200


@cache
def of_version(version: str) -> tuple[Recording, ...]:
    return tuple(each for each in all_recordings() if each.version == version)


def answers_to_forms(played: Recording) -> Iterator[JSONObject]:
    """What was filled in: as the recording itself shows it, or those of its group."""
    shown = [
        event["data"]["outputs"]
        for event in played.events
        if event["event"] == "node_finished" and event["data"]["node_type"] == "human-input"
    ]
    filled = [outputs for outputs in shown if outputs]
    if filled:
        for outputs in filled:
            inputs = {name: text for name, text in outputs.items() if not name.startswith("__")}
            yield {"inputs": inputs, "action": outputs["__action_id"]}
        return
    for other in of_version(played.version):
        if other.path.stem.startswith(f"{group(played)}_submit") and other.status == 200:
            yield {**json.loads(other.request_bytes)}
