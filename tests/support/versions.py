"""Code for tests of the emulated versions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from support.bench import Bench, Call, Live
from support.likeness import Answer

VERSIONS = ("1.0.1", "1.7.2", "1.9.2", "1.13.3", "1.14.2", "1.16.1")
"""The versions that were recorded."""

SOME_ID = "57455633-bab6-4ea6-b8d6-850b5ae09145"

_JSON = [("Content-Type", "application/json")]


def by_version(expected: Sequence[Any]) -> pytest.MarkDecorator:
    """What is expected of 1.0, 1.7, 1.9, 1.13, 1.14 and 1.16, in this order."""
    cases = list(zip(VERSIONS, expected, strict=True))
    return pytest.mark.parametrize(("bench", "expected"), cases, indirect=["bench"], ids=VERSIONS)


def get(bench: Bench, path: str, app: str = "echo") -> Answer:
    return bench.answer(Call(app, "GET", f"/v1{path}"))


def post(bench: Bench, path: str, body: Any, app: str = "echo") -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    return bench.answer(Call(app, "POST", f"/v1{path}", _JSON, text.encode()))


def detail(bench: Bench, app: str, run_id: str) -> dict[str, Any]:
    return bench.get(app, f"/workflows/run/{run_id}")


def logged(bench: Bench, app: str) -> list[str]:
    """Statuses of the runs in the logs of an app."""
    return [row["workflow_run"]["status"] for row in bench.get(app, "/workflows/logs")["data"]]


def names(live: Live) -> list[str]:
    return [event["event"] for event in live.events]


def going_on(bench: Bench, app: str = "slow") -> Live:
    """A run that goes on, at its first node."""
    bench.hold({"secs": "1"})
    return bench.start(app, {"secs": "1"}, "u1").read(lambda live: len(live.events) >= 4)
