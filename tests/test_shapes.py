"""Answers of any shape are read or refused; only exceptions of this package are raised."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from dify_workflow import (
    DifyError,
    StreamEvent,
    UnreadableEvent,
    WorkflowLogsRequest,
    WorkflowRunResponse,
)
from dify_workflow._api import operations
from dify_workflow._api.log_query import LogQuery
from dify_workflow._http.answer import Answer
from dify_workflow._http.failures import status_error
from dify_workflow._http.request import Operation
from dify_workflow._secret import ApiKey
from dify_workflow._streams.session import StreamSession
from dify_workflow.inputs import problems, undeclared
from support.events import RUN
from support.recordings import Recording, all_recordings

KEY = ApiKey("app-key")
STRANGE: list[Any] = [
    None,
    True,
    -1,
    10**30,
    1e308,
    "",
    "text",
    "{}",
    "[1]",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    [],
    [None],
    [{}],
    {},
    {"a": [1]},
]

OPERATIONS: list[tuple[str, Operation[Any]]] = [
    ("/workflows/run/", operations.get_workflow_run(RUN)),
    ("/workflows/run", operations.run_workflow("run", {}, "u", mode="blocking")),
    (
        "/workflows/logs",
        operations.list_workflow_logs("logs", WorkflowLogsRequest(), LogQuery(None, None)),
    ),
    ("/stop", operations.stop_workflow_task("t", "u")),
    ("/form/human_input/", operations.get_human_input_form("t")),
    ("/files/upload", operations.preview_file(RUN, "u", as_attachment=False)),
    ("/info", operations.get_app_info()),
    ("/parameters", operations.get_app_parameters()),
    ("/meta", operations.get_app_meta()),
    ("/site", operations.get_app_site()),
    ("/end-users/", operations.get_end_user(RUN)),
]


def mutated(value: Any, chance: random.Random, rate: float = 0.08) -> Any:
    """The value with some of what is in it dropped, or of another type."""
    if chance.random() < rate:
        return chance.choice(STRANGE)
    if isinstance(value, dict):
        kept = {name: item for name, item in value.items() if chance.random() > rate / 2}
        return {name: mutated(item, chance, rate) for name, item in kept.items()}
    if isinstance(value, list):
        return [mutated(item, chance, rate) for item in value]
    return value


def some(kind: str, count: int = 60) -> list[Recording]:
    """Recordings of all versions whose content type begins so, always the same ones."""
    found = [played for played in all_recordings() if played.content_type.startswith(kind)]
    return random.Random(kind).sample(found, min(count, len(found)))


def operation_for(played: Recording) -> Operation[Any] | None:
    path = played.target.partition("?")[0]
    return next((operation for part, operation in OPERATIONS if part in path), None)


@pytest.mark.parametrize("played", some("application/json", 120), ids=str)
def test_answers(played: Recording) -> None:
    chance = random.Random(played.id)
    original = json.loads(played.body)
    operation = operation_for(played)
    for _ in range(40):
        body = json.dumps(mutated(original, chance)).encode()
        if played.status >= 400 or operation is None:
            error = status_error("run", played.status, {"retry-after": "1e400"}, body.decode())
            assert error.status_code == played.status
            continue
        try:
            read = operation.read(Answer("test", 200, {}, KEY, body))
        except DifyError as error:
            assert "test: " in str(error)
        else:
            assert repr(read)
            if isinstance(read, WorkflowRunResponse):
                use(read)


def use(run: WorkflowRunResponse) -> None:
    try:
        assert run.raise_for_status() is run
    except DifyError as error:
        assert str(error)


def mutated_stream(played: Recording, chance: random.Random) -> Iterator[bytes]:
    for line in played.body.splitlines(keepends=True):
        if not line.startswith(b"data: "):
            yield line
            continue
        payload = mutated(json.loads(line.removeprefix(b"data: ")), chance, 0.03)
        yield b"data: " + json.dumps(payload).encode() + b"\n"


@pytest.mark.parametrize("played", some("text/event-stream"), ids=str)
def test_streams(played: Recording) -> None:
    chance = random.Random(played.id)
    for _ in range(20):
        session = StreamSession("test", max_event_bytes=10**6)
        session.begin({}, KEY)
        session.run.stop_requested = chance.random() < 0.5
        for line in mutated_stream(played, chance):
            session.receive(line)
        session.finish()
        for event in session.ready:
            look_at(event)
        try:
            use(session.result())
        except DifyError as error:
            assert str(error)


def look_at(event: StreamEvent[Any]) -> None:
    assert repr(event)
    _ = event.id, event.task_id, event.status, event.message
    try:
        _ = event.data
    except DifyError as error:
        assert event.event in str(error)


@pytest.mark.parametrize(
    "played",
    [played for played in some("application/json", 2000) if played.target.endswith("/parameters")],
    ids=str,
)
def test_input_forms(played: Recording) -> None:
    chance = random.Random(played.id)
    form = json.loads(played.body).get("user_input_form")
    for _ in range(200):
        strange = mutated(form, chance)
        inputs = {name: chance.choice(STRANGE) for name in ("name", "file", "files", "n", "style")}
        assert isinstance(problems(strange, inputs), list)
        assert isinstance(undeclared(strange, inputs), list)


@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_answers_that_are_nested_deeply(depth: int) -> None:
    body = b'{"data":' + b"[" * depth + b"]" * depth + b"}"
    with pytest.raises(DifyError):
        operations.get_workflow_run(RUN).read(Answer("test", 200, {}, KEY, body))
    assert status_error("run", 500, {}, body.decode()).status_code == 500
    session = StreamSession("test", max_event_bytes=10**6)
    session.begin({}, KEY)
    session.receive(b"data: " + body + b"\n\n")
    (event,) = session.ready
    assert isinstance(event, UnreadableEvent)
    assert "nested too deeply" in event.reason
