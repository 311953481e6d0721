"""Before a run is streamed, its inputs are checked if the server would not answer invalid ones."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dify_workflow import (
    APIStatusError,
    InvalidInputsError,
    RunOutcomeUnknownError,
    WorkflowRunRequest,
)
from dify_workflow._api import preparation as _preparation
from dify_workflow.emulator import Emulator, Input
from support import events
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE
from support.worlds import World


class Server:
    """Answers /parameters with a form and every run with a stream, and counts what it is asked."""

    def __init__(self, replay: ReplayServer, *, version: str | None = "1.14.2") -> None:
        self.asked: Counter[str] = Counter()
        self.form: Any = [Input("name", max_length=5).to_wire()]
        self.status = 200
        self.version = version
        self.hold: threading.Event | None = None
        self.was_asked = threading.Event()
        self.inputs: list[Any] = []
        self.url = replay.handle(self._answer)

    def _answer(self, exchange: Exchange) -> None:
        what = exchange.request.target.rpartition("/")[2]
        self.asked[what] += 1
        version = {"x_version": self.version} if self.version else {}
        if what == "parameters":
            self.was_asked.set()
            if self.hold is not None:
                self.hold.wait(PATIENCE)
            body = json.dumps({"user_input_form": self.form}).encode()
            exchange.whole(body, self.status, **version)
            return
        self.inputs.append(json.loads(exchange.request.body)["inputs"])
        exchange.head(content_type="text/event-stream", transfer_encoding="chunked", **version)
        exchange.chunk(events.started() + events.finished())
        exchange.end_stream()


def test_bad_inputs_are_refused_with_every_problem_before_the_run_is_sent(
    both: World, server: ReplayServer
) -> None:
    asked = Server(server)
    asked.form = [Input("name").to_wire(), Input("n", "number").to_wire()]
    with pytest.raises(InvalidInputsError, match="run_workflow: the app does not accept") as caught:
        both.client(base_url=asked.url).run_workflow({"n": "x"})
    assert [problem.name for problem in caught.value.problems] == ["name", "n"]
    assert isinstance(caught.value, ValueError)
    assert "run" not in asked.asked


def test_a_misspelled_input_is_named_beside_the_one_that_is_missing(
    both: World, server: ReplayServer
) -> None:
    asked = Server(server)
    with pytest.raises(
        InvalidInputsError, match=r"name is required .* It has no input 'nmae'"
    ) as caught:
        both.client(base_url=asked.url).run_workflow({"nmae": "Ann"})
    assert caught.value.undeclared == ("nmae",)


def test_the_form_is_asked_for_once_and_kept(both: World, server: ReplayServer) -> None:
    asked = Server(server)
    client = both.client(base_url=asked.url)
    for _ in range(3):
        client.with_options(user_id="u").run_workflow({"name": "Ann"})
    assert asked.asked == {"parameters": 1, "run": 3}


def test_the_form_is_kept_for_each_key(both: World, server: ReplayServer) -> None:
    asked = Server(server)
    client = both.client(base_url=asked.url)
    for key in ("app-a", "app-b", "app-a"):
        client.run_workflow(WorkflowRunRequest({"name": "Ann"}, api_key=key))
    assert asked.asked["parameters"] == 2


def test_the_form_is_asked_for_again_after_five_minutes(
    both: World, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Server(server)
    client = both.client(base_url=asked.url)
    assert _preparation.FORM_LIFETIME == 300
    client.run_workflow({"name": "Ann"})
    monkeypatch.setattr(_preparation, "FORM_LIFETIME", 0.0)
    client.run_workflow({"name": "Ann"})
    assert asked.asked["parameters"] == 2


def test_the_form_is_asked_for_again_before_anything_is_refused(
    both: World, server: ReplayServer
) -> None:
    asked = Server(server)
    client = both.client(base_url=asked.url)
    client.run_workflow({"name": "Ann"})
    asked.form = [Input("name", max_length=50).to_wire()]  # published again
    client.run_workflow({"name": "Ann of Green Gables"})
    assert asked.asked == {"parameters": 2, "run": 2}
    with pytest.raises(InvalidInputsError):
        client.run_workflow({})
    assert asked.asked == {"parameters": 3, "run": 2}


@pytest.mark.parametrize("version", ["1.12.1", "1.16.1"])
def test_a_server_that_refuses_by_itself_is_asked_no_more_once_its_version_is_known(
    version: str, both: World, server: ReplayServer
) -> None:
    asked = Server(server, version=version)
    client = both.client(base_url=asked.url)
    for _ in range(3):
        client.run_workflow({})
    assert asked.asked == {"parameters": 1, "run": 3}


def test_a_server_whose_version_is_hidden_is_checked(both: World, server: ReplayServer) -> None:
    asked = Server(server, version=None)
    client = both.client(base_url=asked.url)
    with pytest.raises(InvalidInputsError):
        client.run_workflow({})
    assert client.server_version is None


def test_the_check_can_be_switched_off(both: World, server: ReplayServer) -> None:
    asked = Server(server)
    both.client(base_url=asked.url, check_inputs=False).run_workflow({})
    both.client(base_url=asked.url).with_options(check_inputs=False).run_workflow({})
    assert asked.asked == {"run": 2}


def test_another_version_of_the_workflow_is_not_checked_by_the_published_form(
    both: World, server: ReplayServer
) -> None:
    asked = Server(server)
    request = WorkflowRunRequest({"old": 1}, workflow_id=events.WORKFLOW)
    both.client(base_url=asked.url).run_workflow(request)
    assert asked.asked == {"run": 1}


@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_form_that_cannot_be_had_fails_no_run_and_costs_one_call(
    status: int, both: World, server: ReplayServer
) -> None:
    asked = Server(server)
    asked.status = status
    assert both.client(base_url=asked.url).run_workflow({}).status == "succeeded"
    assert asked.asked == {"parameters": 1, "run": 1}


def test_a_form_of_another_shape_fails_no_run(both: World, server: ReplayServer) -> None:
    asked = Server(server)
    asked.form = None
    assert both.client(base_url=asked.url).run_workflow({}).status == "succeeded"


def test_inputs_that_the_server_ignores_are_logged(
    both: World, server: ReplayServer, caplog: pytest.LogCaptureFixture
) -> None:
    asked = Server(server)
    both.client(base_url=asked.url).run_workflow({"name": "Ann", "nmae": "Bob"})
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "does not declare the inputs ['nmae']" in warning.getMessage()
    assert "Bob" not in warning.getMessage()


def test_a_path_is_checked_as_the_file_it_will_be_and_uploaded_only_then(
    both: World, server: ReplayServer, tmp_path: Path
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"x")
    asked = Server(server)
    asked.form = [
        Input("doc", "file", file_types=["document"]).to_wire(),
        Input("name").to_wire(),
    ]
    with pytest.raises(InvalidInputsError) as caught:
        both.client(base_url=asked.url).run_workflow({"doc": path})
    assert [problem.name for problem in caught.value.problems] == ["doc", "name"]
    assert asked.asked == {"parameters": 1}


def test_without_the_check_bad_inputs_meet_silence_and_then_an_error() -> None:
    with Emulator(silence=0.1) as emulator, emulator.client("echo", check_inputs=False) as client:
        with pytest.raises(RunOutcomeUnknownError, match="no run of this user") as unknown:
            client.run_workflow({})
        assert unknown.value.candidates == ()
        with pytest.raises(APIStatusError, match="name is required in input form"):
            client.run_workflow({}, response_mode="blocking")
