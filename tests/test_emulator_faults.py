"""What goes wrong on demand goes wrong on the wire, for the requests that were asked for."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dify_workflow import (
    APIConnectionError,
    DifyWorkflow,
    GatewayTimeoutError,
    RateLimitError,
    StreamInterruptedError,
    UnknownEvent,
)
from dify_workflow.emulator import Emulator, Fault, Faults, Sleep, node, workflow
from support.waiting import PATIENCE

RUN = {"inputs": {"name": "Ann"}, "user": "u1", "response_mode": "streaming"}


@pytest.fixture
def faulty() -> Iterator[Emulator]:
    with Emulator(linger=0, silence=0.2) as emulator:
        yield emulator


@pytest.fixture
def client(faulty: Emulator) -> Iterator[DifyWorkflow]:
    with faulty.client("echo", max_retries=0) as made:
        yield made


@pytest.fixture
def http(faulty: Emulator) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer app-echo"}
    with httpx.Client(base_url=faulty.base_url, headers=headers, timeout=PATIENCE) as made:
        yield made


def received(http: httpx.Client) -> tuple[bytes, type[Exception] | None]:
    """What arrives of a stream, and how it ends."""
    body = b""
    try:
        with http.stream("POST", "/workflows/run", json=RUN) as response:
            for chunk in response.iter_raw():
                body += chunk
    except httpx.TransportError as error:
        return body, type(error)
    return body, None


@pytest.mark.parametrize(
    ("ending", "error"),
    [
        ("cut", httpx.RemoteProtocolError),
        ("reset", httpx.ReadError),
        ("close", None),
        ("stall", None),  # and the end that comes with the silence
    ],
)
def test_a_stream_ends_after_so_many_events(
    ending: Any, error: type[Exception] | None, faulty: Emulator, http: httpx.Client
) -> None:
    faulty.faults.cut_stream(after_events=2, ending=ending)
    body, failure = received(http)
    assert body.count(b"data: ") == 2
    assert body.endswith(b"\n\n")
    assert failure is error


def test_a_stream_ends_after_so_many_bytes(faulty: Emulator, http: httpx.Client) -> None:
    faulty.faults.cut_stream(after_bytes=100)
    body, failure = received(http)
    assert len(body) == 100
    assert failure is httpx.RemoteProtocolError


def test_a_stream_that_is_cut_at_once_brings_nothing(faulty: Emulator, http: httpx.Client) -> None:
    faulty.faults.cut_stream()
    assert received(http) == (b"", httpx.RemoteProtocolError)


def test_a_run_goes_on_when_its_stream_is_cut(faulty: Emulator, client: DifyWorkflow) -> None:
    faulty.faults.cut_stream(after_events=1)
    with pytest.raises(StreamInterruptedError) as interrupted:
        client.with_options(recover=False).run_workflow({"name": "Ann"})
    assert interrupted.value.run_id is not None
    with client.resume_workflow_stream(interrupted.value.run_id, user_id="dify-workflow") as stream:
        assert stream.result().outputs == {"greeting": "Ann"}


def test_a_fault_meets_as_many_requests_as_it_says(faulty: Emulator, http: httpx.Client) -> None:
    faulty.faults.answer(500, on="GET /info", times=2)
    found = [http.get("/info").status_code for _ in range(3)]
    assert found == [500, 500, 200]
    faulty.faults.answer(500, times=None)
    assert [http.get("/meta").status_code for _ in range(3)] == [500] * 3
    faulty.faults.clear()
    assert http.get("/meta").status_code == 200


def test_a_fault_passes_over_other_requests(faulty: Emulator, http: httpx.Client) -> None:
    faulty.faults.answer(503, on="POST /workflows/run")
    assert http.get("/info").status_code == 200
    assert http.post("/workflows/run", json=RUN).status_code == 503


def test_refusals_and_proxies_pages_are_read_as_the_errors_they_are(
    faulty: Emulator, client: DifyWorkflow
) -> None:
    faulty.faults.answer(429, retry_after=1)
    with pytest.raises(RateLimitError) as limited:
        client.app_info()
    assert limited.value.headers["retry-after"] == "1"
    faulty.faults.answer(504)
    with pytest.raises(GatewayTimeoutError, match="504 Gateway Time-out"):
        client.app_info()
    faulty.faults.answer(418, '{"code": "teapot", "message": "short and stout", "status": 418}')
    with pytest.raises(Exception, match="short and stout"):
        client.app_info()


def test_a_proxy_gives_up_while_the_run_goes_on(faulty: Emulator, client: DifyWorkflow) -> None:
    faulty.faults.answer(504, on="POST /workflows/run", runs_anyway=True)
    with pytest.raises(GatewayTimeoutError):
        client.with_options(recover=False).run_workflow({"name": "Ann"}, response_mode="blocking")
    (row,) = client.logs()
    assert row.workflow_run is not None
    posts = [each for each in faulty.requests if each.method == "POST"]
    assert [(each.path, each.status) for each in posts] == [("/workflows/run", 504)]


def test_an_answer_comes_late(faulty: Emulator, http: httpx.Client) -> None:
    faulty.faults.delay(PATIENCE, on="GET /info")
    with pytest.raises(httpx.ReadTimeout):
        http.get("/info", timeout=httpx.Timeout(PATIENCE, read=0.1))


def test_first_events_are_lost(faulty: Emulator, client: DifyWorkflow) -> None:
    faulty.faults.drop_first_events(2)
    with client.run_workflow_stream({"name": "Ann"}) as stream:
        assert next(stream).event == "text_chunk"
        stream.result()
    assert stream.result().outputs == {"greeting": "Ann"}


def test_things_nobody_knows_are_sent(faulty: Emulator, client: DifyWorkflow) -> None:
    faulty.faults.unknown_event()
    with client.run_workflow_stream({"name": "Ann"}) as stream:
        events = list(stream)
    assert sum(isinstance(event, UnknownEvent) for event in events) == len(events) // 2
    faulty.faults.unknown_fields()
    with client.run_workflow_stream({"name": "Ann"}) as stream:
        assert all("field_from_tomorrow" in event.raw["data"] for event in stream)
    faulty.faults.unknown_status()
    with client.run_workflow_stream({"name": "Ann"}) as stream:
        assert stream.result().status == "frozen"


def test_events_are_changed_as_a_function_says(faulty: Emulator, client: DifyWorkflow) -> None:
    faulty.faults.edit_events(lambda event: [] if event["event"] == "text_chunk" else [event])
    with client.run_workflow_stream({"name": "Ann"}) as stream:
        assert "".join(stream.text) == ""


def test_each_byte_comes_alone(faulty: Emulator, http: httpx.Client) -> None:
    faulty.faults.split_bytes()
    with http.stream("POST", "/workflows/run", json=RUN) as response:
        body = response.read()
    assert body.count(b"data: ") == 7
    assert body.startswith(b"event: ping\n\n")


def test_pings_stop() -> None:
    @workflow()
    def waits(_inputs: dict[str, Any]) -> Any:
        yield Sleep(0.1)
        return {}

    with Emulator(waits, ping_interval=0.01, linger=0) as emulator:
        url, headers = f"{emulator.base_url}/workflows/run", {"Authorization": "Bearer app-waits"}
        body = {"inputs": {}, "user": "u", "response_mode": "streaming"}
        assert httpx.post(url, json=body, headers=headers).text.count("event: ping") > 2
        emulator.faults.stop_pings()
        assert "event: ping" not in httpx.post(url, json=body, headers=headers).text


def test_a_worker_dies_and_its_run_stays_running(faulty: Emulator, client: DifyWorkflow) -> None:
    faulty.faults.kill_worker(after_events=2)
    with pytest.raises(StreamInterruptedError) as interrupted:
        client.with_options(recover=False).run_workflow({"name": "Ann"})
    run_id = interrupted.value.run_id
    assert run_id is not None
    assert client.info(run_id).status == "running"  # kill_worker_detail, for ever


def test_all_workers_die_at_once() -> None:
    reached = threading.Event()

    @workflow()
    def waits(_inputs: dict[str, Any]) -> Any:
        yield node("a")
        reached.set()
        yield Sleep(60)
        return {}

    with Emulator(waits, silence=0.3) as emulator, emulator.client(recover=False) as client:
        with client.run_workflow_stream({}) as stream:
            next(stream)
            assert reached.wait(PATIENCE)
            emulator.kill_workers()
            with pytest.raises(StreamInterruptedError):
                stream.result()
        assert stream.run_id is not None
        assert client.info(stream.run_id).status == "running"


def test_faults_meet_together(faulty: Emulator, http: httpx.Client) -> None:
    faulty.faults.drop_first_events(1)
    faulty.faults.add(Fault(splits=True, without_pings=True))
    faulty.faults.cut_stream(after_events=2)
    body, failure = received(http)
    assert b"ping" not in body
    assert b"workflow_started" not in body
    assert failure is httpx.RemoteProtocolError


def test_a_reset_forgets_faults_requests_and_runs(faulty: Emulator, client: DifyWorkflow) -> None:
    client.run_workflow({"name": "Ann"})
    faulty.faults.answer(500, times=None)
    faulty.reset()
    assert faulty.requests == []
    assert len(client.logs()) == 0


def test_a_connection_that_faults_broke_is_the_clients_error(
    faulty: Emulator, client: DifyWorkflow
) -> None:
    faulty.stop()
    with pytest.raises(APIConnectionError):
        client.app_info()


# ------------------------------------------------------------------- mistakes are errors at once

MISTAKES: dict[str, tuple[Any, type[Exception], str]] = {
    "a text as status": (lambda f: f.answer("x"), TypeError, "status must be a whole number"),
    "a status below 200": (lambda f: f.answer(99), ValueError, "status must be from 200 to 999"),
    "a truth as status": (
        lambda f: f.answer(status=True),
        TypeError,
        "status must be a whole number",
    ),
    "bytes as body": (lambda f: f.answer(500, b"x"), TypeError, "body must be str"),
    "two lines in a header": (
        lambda f: f.answer(500, retry_after="1\r\nx: y"),
        ValueError,
        "headers cannot be sent in a header",
    ),
    "a negative delay": (lambda f: f.delay(-1), ValueError, "delay must be at least 0, not -1"),
    "a text as delay": (lambda f: f.delay("1"), TypeError, "delay must be a number, not '1'"),
    "no number as delay": (lambda f: f.delay(float("nan")), ValueError, "delay must be at least"),
    "a late start in the past": (lambda f: f.start_late(-1), ValueError, "start_delay must be"),
    "no times": (lambda f: f.delay(1, times=0), ValueError, "times must be at least 1, not 0"),
    "half a time": (lambda f: f.delay(1, times=1.5), TypeError, "times must be a whole number"),
    "a negative count": (
        lambda f: f.cut_stream(after_events=-1),
        ValueError,
        "after_events must be at least 0",
    ),
    "half a byte": (lambda f: f.cut_stream(after_bytes=1.5), TypeError, "after_bytes must be a"),
    "an unknown ending": (
        lambda f: f.cut_stream(ending="melt"),
        ValueError,
        "ending must be one of 'cut', 'reset', 'stall', 'close', None, not 'melt'",
    ),
    "an ending of streams for a connection": (
        lambda f: f.break_connection(ending="stall"),
        ValueError,
        "ending must be one of 'cut', 'reset', not 'stall'",
    ),
    "an unknown winner": (
        lambda f: f.race_stop("nobody"),
        ValueError,
        "stop_winner must be one of 'queue', 'engine'",
    ),
    "drops of minus one": (lambda f: f.drop_first_events(-1), ValueError, "drops must be at"),
    "an edit that is no function": (lambda f: f.edit_events(1), TypeError, "edit must be a func"),
    "a path without a method": (
        lambda f: f.delay(1, on="/workflows/run"),
        ValueError,
        "on must begin like a request without the base URL's path, such as 'POST /workflows/run'",
    ),
    "the base URL's path": (
        lambda f: f.delay(1, on="POST /v1/workflows/run"),
        ValueError,
        "on must begin like a request without the base URL's path",
    ),
    "no fault": (lambda f: f.add("cut"), TypeError, "fault must be Fault, not 'cut'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_fault_is_an_error_at_once(name: str) -> None:
    faults = Faults()
    make, kind, said = MISTAKES[name]
    with pytest.raises(kind, match=re.escape(said)):
        make(faults)
    assert faults.take("POST /workflows/run", "answer") == []


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({"ping_interval": 0}, ValueError, "ping_interval must be at least 0.001, not 0"),
        ({"linger": -1}, ValueError, "linger must be at least 0, not -1"),
        ({"silence": "long"}, TypeError, "silence must be a number, not 'long'"),
        ({"workers": -1}, ValueError, "workers must be at least 0, not -1"),
        ({"workers": 1.5}, TypeError, "workers must be a whole number, not 1.5"),
        ({"resume_delay": -0.1}, ValueError, "resume_delay must be at least 0"),
        ({"clock_shift": float("inf")}, ValueError, "clock_shift must be from"),
        ({"date_header": "no"}, TypeError, "date_header must be bool, not 'no'"),
        ({"port": 70_000}, ValueError, "port must be from 0 to 65535, not 70000"),
        ({"port": "http"}, TypeError, "port must be a whole number, not 'http'"),
        ({"log_level": "loud"}, ValueError, "log_level must be one of 'critical'"),
        ({"server_version": 1.14}, TypeError, "server_version must be str, not 1.14"),
        ({"server_version": "2.0"}, ValueError, "server_version must be one of 1.0"),
    ],
)
def test_a_mistake_in_a_setting_is_an_error_at_once(
    settings: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=re.escape(said)):
        Emulator(**settings)


def test_an_edit_that_returns_nothing_breaks_the_stream_and_the_log_says_why(
    faulty: Emulator, client: DifyWorkflow, caplog: pytest.LogCaptureFixture
) -> None:
    faulty.faults.edit_events(lambda _event: None)  # type: ignore[arg-type,return-value]  # the mistake
    stream = client.with_options(recover=False, check_inputs=False)
    with pytest.raises(StreamInterruptedError, match=r"\)\. Dify 1\.14\.2 also sends nothing"):
        stream.run_workflow({"name": "Ann"})
    assert "edit must return the events to send, not None." in caplog.text


def test_a_mistake_in_a_change_of_a_setting_changes_nothing(faulty: Emulator) -> None:
    with pytest.raises(ValueError, match="workers must be at least 0, not -1"):
        faulty.workers = -1
    with pytest.raises(ValueError, match="seconds must be at least 0, not -1"):
        faulty.outage(-1)
    with pytest.raises(TypeError, match="is not a workflow: put @workflow"):
        faulty.serve(lambda _inputs: iter(()))  # type: ignore[arg-type]  # the decorator is missing
    with faulty.client("echo") as client:
        assert client.run_workflow({"name": "Ann"}).status == "succeeded"
