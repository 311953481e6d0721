"""What happens to the run when its deadline passes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from dify_workflow import (
    HumanInputForm,
    InvalidRequestError,
    StreamInterruptedError,
    WorkflowStreamError,
)
from dify_workflow.emulator import Emulator, Sleep, human_input, workflow
from support import events
from support.deadlines import DEADLINE, passes, send_for_ever, stream_of, wait_until_left
from support.events import PING, RUN, TASK
from support.recordings import recording
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE, SOON
from support.worlds import World, world


@pytest.fixture(scope="module", autouse=True)
def _everything_is_imported(emulator: Emulator) -> None:
    """What the first call of a process imports may take longer than a deadline of these tests."""
    for name in ("sync", "async"):
        with world(name) as made:
            client = made.client(base_url=emulator.base_url, api_key="app-echo")
            for mode in ("streaming", "blocking"):
                client.run_workflow({"name": "Ann"}, response_mode=mode, deadline=PATIENCE)


def test_behind_an_error_event_the_error_counts(both: World, server: ReplayServer) -> None:
    url = server.handle(stream_of(events.error(), then=wait_until_left))
    client = both.client(base_url=url, check_inputs=False)
    began = time.monotonic()
    with pytest.raises(WorkflowStreamError, match="No provider"):
        client.run_workflow({}, deadline=DEADLINE, stop_on_deadline=True)
    assert time.monotonic() - began < DEADLINE + SOON


# ------------------------------------------------------------------------------- in a recovery


def answering(**answers: Callable[[Exchange], Any]) -> Callable[[Exchange], None]:
    """Answers by the last word of the path; a run breaks off after one event.

    Args:
        answers: What happens to requests; by default they are not answered.
    """

    def handler(exchange: Exchange) -> None:
        path = exchange.request.target.partition("?")[0].rstrip("/").split("/")
        what = "detail" if path[-2:-1] == ["run"] else path[-1]
        answers.get(what, wait_until_left)(exchange)

    return handler


def run_broken_off(exchange: Exchange) -> None:
    exchange.start_stream()
    exchange.chunk(events.started())


def not_there(exchange: Exchange) -> None:
    exchange.whole(b"<title>404</title>", 404, content_type="text/html")


def still_running(exchange: Exchange) -> None:
    body = {**json.loads(recording("1.14.2/ev1_detail_finished").body), "id": RUN}
    exchange.whole(json.dumps({**body, "status": "running", "finished_at": None}).encode())


def proxy_gave_up(exchange: Exchange) -> None:
    exchange.whole(b"<title>502</title>", 502, content_type="text/html")


RECOVERIES = {
    "while its stream is taken up": answering(run=run_broken_off),
    "between two attempts to take it up": answering(run=run_broken_off, events=proxy_gave_up),
    "in a stream that was taken up": answering(
        run=run_broken_off, events=stream_of(PING, then=send_for_ever(PING, 0.02))
    ),
    "while the run is looked up": answering(run=run_broken_off, events=not_there),
    "between two looks": answering(run=run_broken_off, events=not_there, detail=still_running),
}


@pytest.mark.parametrize("handler", RECOVERIES.values(), ids=RECOVERIES.keys())
def test_of_a_run_whose_stream_broke(
    both: World, server: ReplayServer, handler: Callable[[Exchange], None]
) -> None:
    client = both.client(base_url=server.handle(handler), check_inputs=False, max_reattach=99)
    with passes() as caught:
        client.run_workflow({}, deadline=DEADLINE)
    assert (caught.value.run_id, caught.value.task_id) == (RUN, TASK)
    assert isinstance(caught.value.__cause__, StreamInterruptedError)
    assert caught.value.last_event.event == "workflow_started"


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_while_a_run_without_an_id_is_looked_for(
    mode: str, both: World, server: ReplayServer
) -> None:
    url = server.handle(answering(run=lambda _: None))  # broken off without an answer
    client = both.client(base_url=url, check_inputs=False)
    with passes() as caught:
        client.run_workflow({}, response_mode=mode, deadline=DEADLINE)
    assert caught.value.request_sent is True
    assert "during the search for the run. Whether the run has started is not known" in str(
        caught.value
    )


def test_while_a_run_is_waited_for(both: World, emulator: Emulator) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-slow")
    run = client.submit_workflow({"secs": 30})
    for stops in (False, True):
        with passes() as caught:
            client.wait_for_run(run.id, deadline=DEADLINE, stop_on_deadline=stops)
        assert "wait_for_run: the deadline of " in str(caught.value)
        assert caught.value.run_id == run.id
    # What the server replays names no task, and nothing else has come.
    assert (caught.value.task_id, caught.value.stop_requested) == (None, False)
    assert "because no event has named its task" in str(caught.value)


@pytest.mark.parametrize("at", ["the form", "the answer", "the person", "the rest of the run"])
def test_while_people_are_asked(at: str, both: World) -> None:
    @workflow()
    def asking(_inputs: Any) -> Any:
        yield from human_input("ask", "Well?")
        yield Sleep(30)
        return {}

    asked: list[str] = []

    def callback(form: HumanInputForm) -> tuple[str, dict[str, Any]]:
        asked.append(form.content)
        if at == "the person":
            threading.Event().wait(DEADLINE)
        return form.actions[0].id, {}

    with Emulator(asking, mends_stops=True, linger=0) as emulator:
        slow = {"the form": "GET /form/", "the answer": "POST /form/"}
        if at in slow:
            emulator.faults.delay(PATIENCE, on=slow[at])
        client = both.client(base_url=emulator.base_url, api_key="app-asking")
        with passes() as caught:
            client.run_workflow(
                {}, on_human_input=callback, deadline=DEADLINE, stop_on_deadline=True
            )
        assert caught.value.stop_requested is True
        posts = [each for each in emulator.requests if each.path.endswith("/run")]
    assert len(posts) == 1
    assert len(asked) == (at != "the form")


# ------------------------------------------------------------------------------------- stopping


def stops(server: ReplayServer, url: str) -> list[str]:
    path = url.removeprefix(server.origin)
    targets = [request.target for request in server.requests]
    return [each for each in targets if each.startswith(path) and each.endswith("/stop")]


def test_the_run_is_stopped_where_that_was_asked_for(both: World, server: ReplayServer) -> None:
    url = server.handle(stream_of(events.started(), then=wait_until_left))
    client = both.client(base_url=url, check_inputs=False)
    with passes() as caught:
        client.run_workflow({}, deadline=DEADLINE, stop_on_deadline=True)
    assert caught.value.stop_requested is True
    assert f"the server was asked to stop its task {TASK}." in str(caught.value)
    assert len(stops(server, url)) == 1
    with passes():
        client.run_workflow({}, deadline=DEADLINE)
    assert len(stops(server, url)) == 1, "and only there"


def test_a_stopped_run_does_not_continue(both: World) -> None:
    with Emulator(mends_stops=True, linger=0) as emulator:
        client = both.client(base_url=emulator.base_url, api_key="app-slow")
        with passes() as caught:
            client.run_workflow({"secs": 30}, deadline=DEADLINE, stop_on_deadline=True)
        assert client.resume_workflow_stream(caught.value.run_id).result().status == "stopped"
        with passes() as caught:
            client.run_workflow({"secs": 30}, deadline=DEADLINE)
        assert client.info(caught.value.run_id).status == "running"


def test_the_error_says_that_the_stop_failed(both: World, server: ReplayServer) -> None:
    answer = stream_of(events.started(), then=wait_until_left)

    def handler(exchange: Exchange) -> None:
        if exchange.request.target.endswith("/stop"):
            exchange.whole(b'{"code": "forbidden", "message": "no"}', 403)
            return
        answer(exchange)

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    with passes() as caught:
        client.run_workflow({}, deadline=DEADLINE, stop_on_deadline=True)
    assert caught.value.stop_requested is False
    assert "because stopping it failed: stop_workflow_stream: " in str(caught.value)


def test_a_run_whose_task_is_not_known_is_not_stopped_and_the_error_says_so(
    both: World, server: ReplayServer
) -> None:
    url = server.handle(stream_of(PING, then=wait_until_left))
    client = both.client(base_url=url, check_inputs=False)
    with passes() as caught:
        client.run_workflow({}, deadline=DEADLINE, stop_on_deadline=True)
    assert caught.value.stop_requested is False
    assert "because no event has named its task" in str(caught.value)
    assert not stops(server, url)


# -------------------------------------------------------------------------------------- refusing


@pytest.mark.parametrize("deadline", [0, -1, float("inf"), float("nan"), "5", True])
@pytest.mark.parametrize("method", ["run_workflow", "run_workflow_stream"])
def test_an_invalid_deadline_is_refused(deadline: Any, method: str, both: World) -> None:
    client = both.client(base_url="http://127.0.0.1:1/v1")
    expected = f"a number of seconds above zero, or None for none, not {deadline!r}"
    message = f"{method}: deadline must be {expected}"
    with pytest.raises(InvalidRequestError, match=message):
        getattr(client, method)({}, deadline=deadline)


def test_a_deadline_of_any_length_is_taken(both: World, emulator: Emulator) -> None:
    client = both.client(base_url=emulator.base_url, api_key="app-echo")
    unbound = client.with_options(timeout=None)
    for deadline in (1e7, 1e300, 10**400):
        assert unbound.run_workflow({"name": "Ann"}, deadline=deadline).status == "succeeded"


def test_a_stop_that_could_never_be_sent_is_refused(both: World) -> None:
    client = both.client(base_url="http://127.0.0.1:1/v1")
    with pytest.raises(InvalidRequestError, match="stop_on_deadline needs a deadline"):
        client.run_workflow_stream({}, stop_on_deadline=True)
    with pytest.raises(InvalidRequestError, match="needs response_mode='streaming'"):
        client.run_workflow({}, response_mode="blocking", deadline=1, stop_on_deadline=True)
