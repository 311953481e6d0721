"""A run is submitted, and waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from dify_workflow.emulator import Emulator
from support import events
from support.events import RUN, TASK
from support.lost_runs import client_of, emulated, nodes_of, posts
from support.replay import Exchange, ReplayServer
from support.waiting import PATIENCE
from support.worlds import World


@pytest.fixture
def server14() -> Iterator[Emulator]:
    with emulated() as running:
        yield running


@pytest.mark.parametrize("version", ["1.0", "1.7", "1.9", "1.13", "1.14", "1.16"])
def test_a_run_is_submitted_now_and_its_outcome_fetched_later(version: str, both: World) -> None:
    with emulated(version) as emulator:
        client = client_of(both, emulator)
        submitted = client.submit_workflow({})
        assert submitted.status == "running"
        assert submitted.id
        assert submitted.task_id
        other = client_of(both, emulator)  # as in another process
        run = other.wait_for_run(submitted.id)
        assert (run.id, run.status, run.outputs) == (submitted.id, "succeeded", {"done": True})
        assert posts(emulator) == 1


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # trio's, of loops left
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_stream_whose_end_would_lose_the_record_is_read_in_the_background(
    backend: str,
) -> None:
    async def main(emulator: Emulator) -> Any:
        async with emulator.async_client("steps") as client:
            submitted = await client.submit_workflow({})
            assert submitted.id is not None
            with anyio.fail_after(PATIENCE):
                while True:
                    run = await client.info(submitted.id)
                    if run.status != "running":
                        return run
                    await anyio.sleep(0.02)

    with emulated("1.7") as emulator:
        run = anyio.run(main, emulator, backend=backend)
        assert (run.status, run.outputs) == ("succeeded", {"done": True})
        assert posts(emulator) == 1


def test_submitting_closes_the_connection_where_that_does_no_harm(
    both: World, server: ReplayServer
) -> None:
    left = threading.Event()

    def handler(exchange: Exchange) -> None:
        exchange.start_stream()
        exchange.chunk(events.started())
        if exchange.wait_until_left():
            left.set()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    run = client.submit_workflow({})
    assert (run.id, run.task_id, run.status) == (RUN, TASK, "running")
    assert left.wait(PATIENCE)


def test_waiting_tells_each_event(both: World, server14: Emulator) -> None:
    client = client_of(both, server14)
    told: list[Any] = []
    run = client.submit_workflow({})
    assert client.wait_for_run(run.id, on_event=told.append).status == "succeeded"
    assert nodes_of(told)[:2] == [("node_started", "start"), ("node_finished", "start")]
    assert told[-1].event == "workflow_finished"


def test_a_run_of_another_user_is_looked_up(both: World, server14: Emulator) -> None:
    client = client_of(both, server14)
    run = client.submit_workflow({})
    other = client_of(both, server14, user_id="somebody")
    assert other.wait_for_run(run.id).outputs == {"done": True}
    assert client.wait_for_run(run.id, user_id="dify-workflow").outputs == {"done": True}


def test_a_run_that_has_ended_is_returned_at_once(both: World, server14: Emulator) -> None:
    client = client_of(both, server14)
    run = client.run_workflow({})
    assert client.wait_for_run(run.id).outputs == {"done": True}


@pytest.mark.parametrize("bad", ["", "57455633"])
def test_waiting_for_an_invalid_run_id_is_refused(
    bad: str, both: World, server14: Emulator
) -> None:
    with pytest.raises(ValueError, match="must be a UUID"):
        client_of(both, server14).wait_for_run(bad)
    assert server14.requests == []


def test_what_on_event_raises_closes_the_stream(both: World, server14: Emulator) -> None:
    def fail(_event: object) -> None:
        raise KeyError("mine")

    client = client_of(both, server14)
    run = client.submit_workflow({})
    with pytest.raises(KeyError, match="mine"):
        client.wait_for_run(run.id, on_event=fail)
