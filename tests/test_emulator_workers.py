"""Workers take streamed runs from a queue, one after the other, and die or are restarted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from dify_workflow.emulator import Emulator, Sleep, human_input, node, workflow
from support.bench import Bench, Live, bench_with
from support.versions import logged

NEWER = pytest.mark.parametrize("version", ["1.13", "1.14", "1.15", "1.16"])
SHUTDOWN = "Aborted: Workflow stopped because the worker is shutting down."


@workflow()
def quick(_inputs: dict[str, Any]) -> Any:
    yield from node("think")
    return {"done": True}


@workflow()
def endless(_inputs: dict[str, Any]) -> Any:
    yield from node("think")
    yield from node("work", seconds=60)
    return {}


@workflow()
def approval(_inputs: dict[str, Any]) -> Any:
    yield from human_input("ask", "?")
    return {}


def start(bench: Bench, app: str = "quick") -> Live:
    return bench.start(app, {}, "u1")


def is_at_work(live: Live) -> bool:
    return live.names.count("node_started") >= 3


def until(bench: Bench, app: str, done: Callable[[list[str]], bool]) -> list[str]:
    """The statuses in an app's logs, once they are as is waited for."""
    deadline = time.monotonic() + 20
    while not done(found := logged(bench, app)):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return found


def emulator_of(bench: Bench, *, workers: int) -> Emulator:
    bench.emulator.workers = workers
    return bench.emulator


# ------------------------------------------------------------------------------------ the queue


@NEWER
def test_a_run_waits_behind_one_ping_until_a_worker_takes_it(version: str) -> None:
    options = {"server_version": version, "ping_interval": 0.02, "workers": 0}
    with bench_with(quick, **options) as bench:
        live = start(bench).read(lambda live: bool(live.pieces))
        time.sleep(0.3)  # as long as 15 pings
        assert logged(bench, "quick") == []
        emulator_of(bench, workers=1)
        names = live.read().names
        assert names[:2] == ["ping", "workflow_started"]
        assert bench.get("quick", f"/workflows/run/{live.run_id}")["status"] == "succeeded"
        assert logged(bench, "quick") == ["succeeded"]


def test_the_workers_pings_begin_with_its_work() -> None:
    with bench_with(endless, ping_interval=0.05, workers=0) as bench:
        live = start(bench, "endless").read(lambda live: bool(live.pieces))
        time.sleep(0.2)
        emulator_of(bench, workers=1)
        live.read(lambda live: live.names[-3:] == ["ping"] * 3)
        assert live.names[1] == "workflow_started"


def test_no_more_runs_go_on_than_there_are_workers_and_they_begin_in_their_order() -> None:
    order: list[int] = []
    going_on: list[int] = []
    most = 0

    @workflow()
    def counted(_inputs: dict[str, Any]) -> Any:
        nonlocal most
        number = len(order)
        order.append(number)
        going_on.append(number)
        most = max(most, len(going_on))
        yield Sleep(0.02)
        going_on.remove(number)
        return {"number": number}

    with bench_with(counted, workers=0) as bench:
        streams = [start(bench, "counted").read(lambda live: bool(live.pieces)) for _ in range(6)]
        assert order == []
        emulator_of(bench, workers=2)
        ended = [live.read().events[-1]["data"]["outputs"]["number"] for live in streams]
    assert ended == [0, 1, 2, 3, 4, 5]
    assert most == 2


def test_a_run_in_the_queue_is_made_though_its_client_has_left() -> None:
    with bench_with(quick, workers=0) as bench:
        live = start(bench).read(lambda live: bool(live.pieces))
        live.close()
        assert logged(bench, "quick") == []
        emulator_of(bench, workers=1)
        assert until(bench, "quick", bool) != []
        until(bench, "quick", lambda found: found == ["succeeded"])


def test_the_server_ends_a_stream_that_waits_too_long_and_runs_it_later() -> None:
    with bench_with(quick, workers=0, silence=0.2) as bench:
        live = start(bench).read()
        assert (live.names, live.is_whole) == (["ping"], True)
        emulator_of(bench, workers=1)
        until(bench, "quick", lambda found: found == ["succeeded"])


def test_a_paused_run_needs_no_worker_until_it_is_answered() -> None:
    with bench_with(approval, quick, workers=1) as bench:
        live = start(bench, "approval").read()
        assert start(bench).read().names[-1] == "workflow_finished"
        emulator_of(bench, workers=0)
        bench.post("approval", f"/form/human_input/{live.form_token}", ANSWER)
        listening = bench.listen("approval", live.run_id, "u1")
        assert bench.get("approval", f"/workflows/run/{live.run_id}")["status"] == "paused"
        emulator_of(bench, workers=1)
        assert listening.read().names[:2] == ["ping", "workflow_started"]


ANSWER = {"inputs": {}, "action": "submit", "user": "u1"}


def test_blocking_runs_and_those_of_older_servers_do_not_wait() -> None:
    with bench_with(quick, workers=0) as bench:
        bench.run("quick", {}, "u1")
        assert logged(bench, "quick") == ["succeeded"]
    with bench_with(quick, workers=0, server_version="1.10") as bench:
        assert start(bench).read().names[-1] == "workflow_finished"


def test_a_reset_empties_the_queue_and_gives_the_settings_back() -> None:
    with bench_with(quick) as bench:
        emulator = emulator_of(bench, workers=0)
        emulator.resume_delay, emulator.clock_shift, emulator.date_header = 5.0, 60.0, False
        start(bench).read(lambda live: bool(live.pieces))
        emulator.reset()
        assert emulator.workers is None
        assert (emulator.resume_delay, emulator.clock_shift, emulator.date_header) == (0.1, 0, True)
        assert start(bench).read().names[-1] == "workflow_finished"
        assert logged(bench, "quick") == ["succeeded"]


# ------------------------------------------------------------------------- runs that come late


@pytest.mark.parametrize(
    ("version", "ending"),
    [("1.13", "cut"), ("1.14", "reset"), ("1.15", "cut"), ("1.16", "reset")],
)
def test_a_run_is_made_after_its_connection_broke_behind_the_ping(
    version: str, ending: Any
) -> None:
    with bench_with(quick, server_version=version) as bench:
        bench.emulator.faults.cut_stream(after_pings=1, ending=ending)
        bench.emulator.faults.start_late(1.5)
        began = time.monotonic()
        live = start(bench).read()
        assert live.names == ["ping"]
        assert live.broke is not None
        assert logged(bench, "quick") == []
        until(bench, "quick", lambda found: found == ["succeeded"])
        assert time.monotonic() - began >= 1.5


@pytest.mark.parametrize(
    ("ending", "error"), [("cut", httpx.RemoteProtocolError), ("reset", httpx.ReadError)]
)
@pytest.mark.parametrize("mode", ["streaming", "blocking"])
@pytest.mark.parametrize("is_made", [True, False])
def test_a_connection_breaks_before_any_byte_and_the_run_is_made_or_not(
    is_made: bool, mode: str, ending: Any, error: type[Exception]
) -> None:
    with bench_with(quick) as bench:
        bench.emulator.faults.break_connection(
            ending=ending, runs_anyway=is_made, on="POST /workflows/run"
        )
        body = {"inputs": {}, "user": "u1", "response_mode": mode}
        with pytest.raises(error):
            bench.post("quick", "/workflows/run", body)
        (refused,) = bench.emulator.requests
        assert (refused.path, refused.status) == ("/workflows/run", 0)
        if is_made:
            until(bench, "quick", lambda found: found == ["succeeded"])
        else:
            bench.run("quick", {}, "u2")
            assert logged(bench, "quick") == ["succeeded"], "the other one alone"


def test_a_run_whose_answer_is_lost_may_be_made_later() -> None:
    with bench_with(quick) as bench:
        bench.emulator.faults.break_connection(runs_anyway=True)
        bench.emulator.faults.start_late(1.5)
        with pytest.raises(httpx.RemoteProtocolError):
            start(bench)
        assert logged(bench, "quick") == []
        until(bench, "quick", lambda found: found == ["succeeded"])


def test_other_requests_do_not_meet_these_faults() -> None:
    with bench_with(quick) as bench:
        bench.emulator.faults.break_connection(on="POST /workflows/run")
        bench.emulator.faults.start_late(60)
        bench.emulator.faults.race_stop("engine")
        assert bench.get("quick", "/info")["name"] == "quick"
        with pytest.raises(httpx.RemoteProtocolError):
            start(bench)
        bench.run("quick", {}, "u1")  # in the API process
        assert bench.emulator.faults.met == 1


# ---------------------------------------------------------------------------- their end


def test_workers_that_are_restarted_stop_their_runs_at_once() -> None:
    with bench_with(endless, quick, server_version="1.16", workers=2) as bench:
        running = [start(bench, "endless").read(is_at_work) for _ in range(2)]
        waiting = start(bench).read(lambda live: bool(live.pieces))
        began = time.monotonic()
        bench.emulator.restart_workers()
        for live in running:
            last = live.read().events[-1]["data"]
            assert (last["status"], last["error"], last["outputs"]) == ("stopped", SHUTDOWN, {})
            kept = bench.get("endless", f"/workflows/run/{live.run_id}")
            assert (kept["status"], kept["error"]) == ("stopped", SHUTDOWN)
            assert kept["finished_at"] is not None
        assert time.monotonic() - began < 10, "the nodes take 60 seconds"
        assert logged(bench, "endless") == ["stopped", "stopped"]
        assert waiting.read().names[-1] == "workflow_finished"
        assert logged(bench, "quick") == ["succeeded"]


def test_paused_and_blocking_runs_outlive_a_restart_of_the_workers() -> None:
    gate = threading.Event()
    ids: list[str] = []

    @workflow()
    def gated(_inputs: dict[str, Any]) -> Any:
        yield from node("think")
        while not gate.is_set():
            yield Sleep(0.01)
        return {}

    with bench_with(approval, gated, server_version="1.16") as bench:
        paused = start(bench, "approval").read()
        blocking = threading.Thread(target=lambda: ids.append(bench.run("gated", {}, "u1")))
        blocking.start()
        until(bench, "gated", bool)
        bench.emulator.restart_workers()
        assert bench.get("approval", f"/workflows/run/{paused.run_id}")["status"] == "paused"
        gate.set()
        blocking.join()
        assert logged(bench, "gated") == ["succeeded"]


@pytest.mark.parametrize("version", ["1.13", "1.14", "1.15"])
def test_before_1_16_a_worker_that_is_restarted_brings_its_runs_to_their_end(version: str) -> None:
    gate = threading.Event()

    @workflow()
    def gated(_inputs: dict[str, Any]) -> Any:
        yield from node("think")
        while not gate.is_set():
            yield Sleep(0.01)
        return {}

    with bench_with(gated, server_version=version) as bench:
        live = start(bench, "gated").read(lambda live: "node_finished" in live.names)
        bench.emulator.restart_workers()
        gate.set()
        assert live.read().events[-1]["data"]["status"] == "succeeded"


def test_workers_that_die_leave_the_queue_to_others() -> None:
    with bench_with(endless, quick, workers=1, silence=2.0) as bench:
        dying = start(bench, "endless").read(is_at_work)
        waiting = start(bench).read(lambda live: bool(live.pieces))
        bench.emulator.kill_workers()
        assert waiting.read().names[-1] == "workflow_finished"
        assert "workflow_finished" not in dying.read().names
        assert logged(bench, "endless") == ["running"]
