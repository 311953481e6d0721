"""The emulator answers as a server of 1.14.2 does."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from dify_workflow import BadRequestError, DifyWorkflow, NotFoundError, WorkflowLogsRequest
from dify_workflow.emulator import (
    BeginNode,
    Emulator,
    EndNode,
    FormAnswer,
    Input,
    Outputs,
    PastRun,
    Sleep,
    Step,
    Text,
    failing_node,
    llm,
    node,
    workflow,
)
from dify_workflow.emulator.dialect import Settings, dialect_of
from dify_workflow.emulator.requests import RunRequest
from dify_workflow.emulator.state import State
from dify_workflow.emulator.store import Store
from support.recordings import recording
from support.spec import stream_events, validator
from support.waiting import PATIENCE, SOON, wait_until
from support.workflows import approval

VERSION = "1.14.2"


@pytest.fixture
def http(emulator: Emulator) -> Iterator[httpx.Client]:
    """A bare client for what the facade would never send."""
    headers = {"Authorization": "Bearer app-echo"}
    with httpx.Client(base_url=emulator.base_url, headers=headers, timeout=PATIENCE) as client:
        yield client


def run(name: str = "Ann", mode: str = "blocking") -> dict[str, Any]:
    return {"inputs": {"name": name}, "user": "u1", "response_mode": mode}


def events_of(body: str) -> list[dict[str, Any]]:
    return [json.loads(block[6:]) for block in body.split("\n\n") if block.startswith("data: ")]


# ------------------------------------------------------------------------------------- streams


def test_the_events_have_the_names_order_and_keys_of_the_recording(http: httpx.Client) -> None:
    body = http.post("/workflows/run", json=run("Ann ☃", "streaming")).text
    mine, theirs = events_of(body), recording("1.14.2/run_streaming_echo").events
    # The one difference: there the text comes before its node has ended.
    assert sorted(event["event"] for event in mine) == sorted(event["event"] for event in theirs)
    by_name = {event["event"]: event for event in theirs}
    for event in mine:
        assert list(event) == list(by_name[event["event"]])
        assert list(event["data"]) == list(by_name[event["event"]]["data"])
        validator(stream_events()[event["event"]], VERSION).validate(event)
    assert "☃" in body, "raw UTF-8, as orjson writes it"


def test_a_stream_is_pinged_while_nothing_happens() -> None:
    with Emulator(ping_interval=0.05, linger=0) as emulator:
        url = f"{emulator.base_url}/workflows/run"
        body = {"inputs": {"secs": 1}, "user": "u1", "response_mode": "streaming"}
        answer = httpx.post(url, json=body, headers={"Authorization": "Bearer app-slow"}).text
    assert answer.count("event: ping\n\n") > 3


def test_a_run_goes_on_when_nobody_listens(emulator: Emulator) -> None:
    with emulator.client("slow") as client:
        with client.run_workflow_stream({"secs": 0.3}) as stream:
            next(stream)
        run_id = stream.run_id
        assert run_id is not None
        assert client.info(run_id).status == "running"
        assert client.logs(WorkflowLogsRequest(keyword=run_id)).data[0].status == "running"
        wait_until(lambda: client.info(run_id).status != "running")


def test_a_stopped_run_stays_running_in_detail_and_log(emulator: Emulator) -> None:
    with emulator.client("slow") as client:
        with client.run_workflow_stream({"secs": 20}) as stream:
            stream.stop()
            stopped = stream.result()
        assert stopped.status == "stopped"
        detail = client.info(stopped.id)
        assert (detail.status, detail.finished_at, detail.total_steps) == ("running", None, 0)
        assert client.stop_workflow_stream(stopped.task_id or "").result == "success"


# ------------------------------------------------------------------------------------- answers


def test_a_blocking_run_answers_as_recorded(http: httpx.Client) -> None:
    answer = http.post("/workflows/run", json=run("Ann ☃"))
    played = recording("1.14.2/run_blocking_echo")
    assert answer.headers["content-type"] == played.content_type
    theirs = json.loads(played.body)
    assert list(answer.json()) == list(theirs)
    assert list(answer.json()["data"]) == list(theirs["data"])
    assert answer.json()["data"]["outputs"] == {"greeting": "Ann ☃"}
    assert answer.text.isascii()
    assert '": ' in answer.text


def test_an_unknown_key_and_run_and_path_are_refused_as_recorded(http: httpx.Client) -> None:
    wrong = http.get("/info", headers={"Authorization": "Bearer app-nobody"})
    assert (wrong.status_code, wrong.json()["message"]) == (401, "Access token is invalid")
    assert wrong.headers["www-authenticate"] == 'Bearer realm="api"'
    unknown = http.get(f"/workflows/run/{'a' * 8}-aaaa-4aaa-8aaa-{'a' * 12}")
    assert unknown.json() == json.loads(recording("1.14.2/err_run_detail_unknown").body)
    no_uuid = http.get("/workflows/run/nope")
    assert no_uuid.json() == json.loads(recording("1.16.1/err_detail_not_uuid").body)
    assert no_uuid.status_code == 500
    page = http.get("/nope")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    other = http.post("/workflows/48ce767e-af1e-4a18-97ec-102a512e769f/run", json=run())
    assert (other.status_code, other.json()["code"]) == (404, "not_found")
    bad_file = http.post("/files/upload", files={"file": ("a\\b.txt", b"x", "text/plain")})
    assert bad_file.json()["message"] == "Filename contains invalid characters"


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "limit=abc", "page=0", "status=running", "status="),
        *("created_at__before=nonsense", "created_at__after=1795344336.5"),
    ],
)
def test_log_queries_that_the_server_refuses_also_where_there_are_no_runs(
    query: str, http: httpx.Client
) -> None:
    headers = {"Authorization": "Bearer app-partial"}
    answer = http.get(f"/workflows/logs?{query}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param")


def test_logs_are_filtered_and_paged() -> None:
    with Emulator() as emulator, emulator.client("echo") as client:
        past = time.time() - 60
        emulator.add_runs(
            (
                PastRun(past + number, user=f"u{number}", inputs={"name": f"n{number}"})
                for number in range(5)
            ),
            "echo",
        )

        def names(**filters: Any) -> list[str]:
            page = client.logs(WorkflowLogsRequest(**filters))
            return [row.created_by_end_user.session_id for row in page if row.created_by_end_user]

        assert names() == ["u4", "u3", "u2", "u1", "u0"]
        assert names(limit=2) == ["u4", "u3"]
        assert client.logs(WorkflowLogsRequest(limit=2)).has_more
        assert names(keyword="N3") == ["u3"]
        assert names(created_by_end_user_session_id="u1") == ["u1"]
        assert names(status="failed") == []
        now = datetime.now(UTC)
        assert names(created_at_after=now + timedelta(seconds=10)) == []
        assert len(names(created_at_before=now + timedelta(seconds=10))) == 5
        assert names(created_at_before=now - timedelta(days=1)) == []
        assert names(created_at_after=now - timedelta(days=1)) == ["u4", "u3", "u2", "u1", "u0"]


def test_each_app_sees_its_own_runs(emulator: Emulator) -> None:
    with emulator.client("echo") as client:
        run_id = client.run_workflow({"name": "Ann"}).id
    with emulator.client("slow") as other, pytest.raises(NotFoundError):
        other.info(run_id)


# ----------------------------------------------------------------------------------- workflows


def serve(made: Any, inputs: dict[str, Any]) -> Any:
    with Emulator(made, linger=0) as emulator, emulator.client() as client:
        return client.run_workflow(inputs)


def test_a_generator_returns_outputs_and_an_async_one_yields_them() -> None:
    @workflow(Input("n", "number"))
    def sync(inputs: dict[str, Any]) -> Any:
        yield from node("double", outputs={"n": inputs["n"] * 2})
        return {"n": inputs["n"] * 2}

    @workflow(Input("n", "number"))
    async def async_(inputs: dict[str, Any]) -> AsyncGenerator[Step, None]:
        yield BeginNode("double")
        yield Sleep(0)
        yield EndNode("double", {"n": inputs["n"] * 2})
        yield Outputs({"n": inputs["n"] * 2})

    for made in (sync, async_):
        done = serve(made, {"n": "4"})
        assert (done.status, done.outputs, done.total_steps) == ("succeeded", {"n": 8}, 3)


def test_a_workflow_that_raises_fails_with_the_text() -> None:
    @workflow()
    def broken(_inputs: dict[str, Any]) -> Any:
        yield Text("so far")
        raise KeyError("gone")

    done = serve(broken, {})
    assert (done.status, done.message, done.outputs) == ("failed", "KeyError: 'gone'", {})


def test_a_failing_node_fails_the_run() -> None:
    @workflow()
    def failing(_inputs: dict[str, Any]) -> Any:
        yield from failing_node("boom", "no luck")

    done = serve(failing, {})
    assert (done.status, done.message, done.exceptions_count) == ("failed", "no luck", 1)


def test_a_model_node_counts_its_tokens() -> None:
    @workflow(name="talk", description="Talks.")
    def made(_inputs: dict[str, Any]) -> Any:
        yield from llm("talk", ["Hel", "lo"])
        return {"text": "Hello"}

    assert (made.name, made.key, made.description) == ("talk", "app-talk", "Talks.")
    assert serve(made, {}).total_tokens == 2


def test_inputs_are_converted_as_the_server_does() -> None:
    inputs = [Input("a", required=False, default="x"), Input("n", "number", required=False)]

    @workflow(*inputs)
    def made(given: dict[str, Any]) -> Any:
        yield Sleep(0)
        return given

    assert serve(made, {"a": "b\0c", "n": "1.5", "other": 1}).outputs == {"a": "bc", "n": 1.5}
    assert serve(made, {"n": " "}).outputs == {"a": "x", "n": None}


@pytest.mark.parametrize("step", ["hello", None, {"a": 1}])
def test_a_step_that_is_none_fails_the_run_and_is_told(
    step: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @workflow()
    def wrong(_inputs: dict[str, Any]) -> Any:
        yield step

    done = serve(wrong, {})
    assert done.status == "failed"
    assert f"{step!r} is not a step" in done.message
    assert "The workflow wrong raised." in caplog.text


def test_who_follows_a_run_that_ends_at_that_moment_hears_its_end() -> None:
    @workflow()
    def short(_inputs: dict[str, Any]) -> Iterator[Step]:
        yield from node("echo")

    async def followed() -> bytes:
        state = State([short], Store(":memory:"), dialect_of(VERSION), Settings(linger=0.0))
        run = await state.start(RunRequest(short, short, {}, "u1", "http://h", is_streamed=True))
        asked = state.streams.of_active(run.record, run, snapshot=True, continues=False)
        while not run.has_ended:
            await run.changed()
        async with asyncio.timeout(5):
            return [chunk async for chunk in asked][-1]

    assert b"workflow_finished" in asyncio.run(followed())


def test_who_follows_a_run_that_goes_on_before_the_stream_is_read_misses_nothing() -> None:
    async def followed() -> list[tuple[str, str | None]]:
        state = State([approval], Store(":memory:"), dialect_of(VERSION), Settings(linger=0.0))
        inputs = {"topic": "boxes"}
        asked = RunRequest(approval, approval, inputs, "u1", "http://h", is_streamed=True)
        run = await state.start(asked)
        while run.record.status != "paused":
            await run.changed()
        chunks = state.streams.of_active(run.record, run, snapshot=True, continues=True)
        (form,) = state.forms.waiting(run.record.id)
        run.answer(form, FormAnswer("approve", {"comment": "yes"}))
        while not run.has_ended:
            await run.changed()
        events = [json.loads(chunk[6:]) async for chunk in chunks if chunk.startswith(b"data: ")]
        return [(each["event"], each["data"].get("node_id")) for each in events]

    told = asyncio.run(followed())
    pause = [("human_input_required", "ask"), ("workflow_paused", None)]
    begin, end = told.index(("workflow_paused", None)), told[-1]
    assert told[begin - 1 : begin + 1] == pause
    assert told[begin + 1 : begin + 3] == [("workflow_started", None), ("node_started", "ask")]
    assert told.count(("node_finished", "end")) == 1
    assert end == ("workflow_finished", None)


HALF_A_REQUEST = b"""POST /v1/workflows/run HTTP/1.1\r
Host: h\r
Authorization: Bearer app-echo\r
Content-Type: application/json\r
Content-Length: 100\r
\r
{"inputs": """


def test_a_client_that_dies_in_mid_request_is_no_error_of_the_emulators(
    capfd: pytest.CaptureFixture[str],
) -> None:
    @workflow()
    def echo(_inputs: dict[str, Any]) -> Iterator[Step]:
        yield from node("echo")

    with Emulator(echo) as emulator:
        host, port = urlsplit(emulator.base_url).netloc.split(":")
        with socket.create_connection((host, int(port))) as dying:
            dying.sendall(HALF_A_REQUEST)
        with emulator.client("echo") as client:
            assert client.run_workflow({}).status == "succeeded"
    assert not capfd.readouterr().err
    assert [seen.status for seen in emulator.requests if seen.method == "POST"] == [200]


def test_outputs_that_are_no_dict_fail_the_run() -> None:
    @workflow()
    def wrong(_inputs: dict[str, Any]) -> Any:
        yield Sleep(0)
        return 5

    assert serve(wrong, {}).message == "TypeError: the outputs must be a dict, not 5"


def test_a_function_that_yields_nothing_is_no_workflow() -> None:
    with pytest.raises(TypeError, match="is not a generator function"):
        workflow()(lambda inputs: inputs)  # type: ignore[arg-type,return-value]  # that is the point


def test_it_says_what_is_wrong_before_it_has_started_or_where_there_is_no_such_workflow(
    emulator: Emulator,
) -> None:
    with pytest.raises(RuntimeError, match="has not started"):
        _ = Emulator().base_url
    with pytest.raises(LookupError, match=r"no workflow 'nope'\. There are: story, echo"):
        emulator.client("nope")


def test_two_emulators_at_once_have_ports_of_their_own() -> None:
    with Emulator() as one, Emulator() as two:
        assert one.base_url != two.base_url
        for emulator in (one, two):
            with emulator.client("echo") as client:
                assert client.app_info().name == "echo"


def test_it_stops_within_a_moment_although_streams_are_open(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with Emulator() as emulator:
        client = emulator.client("slow")
        stream = client.run_workflow_stream({"secs": 20})
        next(stream)
        began = time.monotonic()
    assert time.monotonic() - began < SOON
    assert capfd.readouterr() == ("", ""), "no word of what it cut"
    stream.close()
    client.close()


def test_it_stops_at_once_where_nothing_is_open() -> None:
    """A suite has one for each test."""

    def seconds() -> float:
        with Emulator() as emulator:
            with emulator.client("echo") as client:
                client.app_info()
            began = time.monotonic()
        return time.monotonic() - began

    assert min(seconds() for _ in range(10)) < 0.05


def test_a_second_start_and_a_port_that_is_taken_are_errors_at_once() -> None:
    emulator = Emulator()
    with emulator:
        with pytest.raises(RuntimeError, match="has been started before"):
            emulator.start()
        port = int(emulator.base_url.removesuffix("/v1").rpartition(":")[2])
        with pytest.raises(OSError):  # noqa: PT011  # its text is the system's
            Emulator(port=port).start()
    with pytest.raises(RuntimeError, match="make a new Emulator"), emulator:
        pass
    emulator.stop()


def test_a_client_for_an_app_by_name(emulator: Emulator) -> None:
    with emulator.client(user_id="me") as first:
        assert isinstance(first, DifyWorkflow)
        assert (first.app_info().name, first.user_id) == ("story", "me")
    with emulator.client("failing") as client, pytest.raises(BadRequestError):
        client.run_workflow({"msg": 5}, response_mode="blocking")
