"""What goes wrong on demand goes wrong on the wire, for the requests that were asked for."""

from __future__ import annotations

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
from dify_workflow.emulator import Emulator, Fault, Sleep, node, workflow
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
