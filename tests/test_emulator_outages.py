"""A server that is away for a while: nobody listens, or a proxy in its place; runs go on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from dify_workflow.emulator import Emulator, Sleep, node, workflow
from support.bench import Bench, Call, bench_with

AWAY = pytest.mark.parametrize("answer", ["refuse", "close", 502, 503, 504])
GOES_ON = threading.Event()


@workflow()
def gated(_inputs: dict[str, Any]) -> Any:
    yield from node("think")
    while not GOES_ON.is_set():
        yield Sleep(0.01)
    return {"done": True}


@pytest.fixture
def bench() -> Iterator[Bench]:
    GOES_ON.clear()
    with bench_with(gated) as made:
        yield made
    GOES_ON.set()


def met(bench: Bench) -> Any:
    """What a request meets that has a connection of its own."""
    headers = {"Authorization": "Bearer app-gated"}
    try:
        return httpx.get(f"{bench.emulator.base_url}/info", headers=headers).status_code
    except httpx.TransportError as error:
        return type(error)


MET: dict[Any, set[Any]] = {
    "refuse": {httpx.ConnectError},
    # Whether the request had left when the connection ended is chance.
    "close": {httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError},
}


@AWAY
def test_runs_go_on_and_their_streams_end_as_usual(answer: Any, bench: Bench) -> None:
    live = bench.start("gated", {}, "u1").read(lambda live: "node_finished" in live.names)
    bench.emulator.outage(answer=answer)
    assert met(bench) in MET.get(answer, {answer})
    GOES_ON.set()
    assert live.read().names[-1] == "workflow_finished"
    assert met(bench) in MET.get(answer, {answer})
    bench.emulator.end_outage()
    assert met(bench) == 200
    assert bench.get("gated", f"/workflows/run/{live.run_id}")["status"] == "succeeded"


@AWAY
def test_streams_are_cut_where_that_is_asked_for_and_their_runs_go_on(
    answer: Any, bench: Bench
) -> None:
    live = bench.start("gated", {}, "u1").read(lambda live: "node_finished" in live.names)
    bench.emulator.outage(answer=answer, cut_streams=True)
    assert live.read().broke is not None
    assert "workflow_finished" not in live.names
    GOES_ON.set()
    bench.emulator.end_outage()
    deadline = time.monotonic() + 20
    while bench.get("gated", f"/workflows/run/{live.run_id}")["status"] != "succeeded":
        assert time.monotonic() < deadline


@AWAY
def test_an_outage_ends_by_itself_at_the_same_address(answer: Any, bench: Bench) -> None:
    address = bench.emulator.base_url
    began = time.monotonic()
    bench.emulator.outage(0.5, answer)
    found = [met(bench)]
    while found[-1] != 200:
        assert time.monotonic() - began < 20
        found.append(met(bench))
    assert time.monotonic() - began >= 0.5
    assert set(found[:-1]) <= MET.get(answer, {answer})
    assert bench.emulator.base_url == address
    bench.emulator.end_outage()  # without effect
    assert met(bench) == 200


def test_a_proxys_page_is_html_that_names_no_version(bench: Bench) -> None:
    bench.emulator.outage(answer=503)
    page = bench.answer(Call("gated", "POST", "/v1/workflows/run"))
    assert (page.status, page.headers["content-type"]) == (503, "text/html")
    assert b"503 Service Unavailable" in page.body
    assert "x-version" not in page.headers


def test_connections_that_are_idle_end_with_the_server(bench: Bench) -> None:
    with httpx.Client(headers={"Authorization": "Bearer app-gated"}) as client:
        url = f"{bench.emulator.base_url}/info"
        assert client.get(url).status_code == 200
        bench.emulator.outage()
        with pytest.raises(httpx.TransportError):
            client.get(url)


def test_nobody_listens_at_the_port(bench: Bench) -> None:
    place = urlsplit(bench.emulator.base_url)
    assert place.hostname
    assert place.port
    bench.emulator.outage()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((place.hostname, place.port))


def test_outages_follow_each_other_and_a_reset_ends_one(bench: Bench) -> None:
    for _ in range(3):
        bench.emulator.outage()
        bench.emulator.end_outage()
    assert met(bench) == 200
    with pytest.raises(ValueError, match="not 500"):
        bench.emulator.outage(answer=500)  # type: ignore[arg-type]  # that is the point
    bench.emulator.outage(answer="close")
    with pytest.raises(RuntimeError, match="an outage already"):
        bench.emulator.outage()
    bench.emulator.reset()
    assert met(bench) == 200
    bench.emulator.outage(0.05)
    bench.emulator.end_outage()
    bench.emulator.outage()
    time.sleep(0.2)
    assert met(bench) is httpx.ConnectError, "the end of the first is none of the second"


@AWAY
def test_an_emulator_may_be_stopped_while_it_is_away(
    answer: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    with Emulator() as emulator:
        emulator.outage(60, answer)
    assert capfd.readouterr() == ("", "")
    with pytest.raises(RuntimeError, match="does not run"):
        emulator.outage()
    emulator.end_outage()
