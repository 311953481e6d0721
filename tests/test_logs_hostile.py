"""Reading a log that changes between any two requests, over a real socket, and a real server's."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import attrs
import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from dify_workflow import DifyWorkflow, WorkflowLogs, WorkflowLogsRequest, WorkflowRunRequest
from dify_workflow.emulator import Emulator, PastRun
from dify_workflow.emulator.logs import ACCOUNT
from support.logs import BASE, places
from support.worlds import World

KEY = "app-echo"
WHO: list[dict[str, Any]] = [
    {"user": "ann"},
    {"user": "bob"},
    {"user": None, "created_from": "installed-app"},  # by the account
]


class Reading:
    """One way through the log, by clients that hand it over, and what it must have come by."""

    def __init__(self, log: ChangingLog, request: WorkflowLogsRequest) -> None:
        self.filters = filters_of(request)
        self.request = request
        self.there_at_first = log.matching(self.filters)
        self.rows: list[WorkflowLogs] = []
        self.page: Any = None

    def next_request(self, how: str) -> WorkflowLogsRequest:
        if self.page is None:
            return self.request
        if how == "id":
            return attrs.evolve(self.request, last_id=self.page.last_id, max_scan=0)
        if how == "cursor":
            return attrs.evolve(self.request, cursor=self.page.cursor)
        following: WorkflowLogsRequest = self.page.next_request()
        return following

    def check(self, log: ChangingLog) -> None:
        found = places(self.rows)
        assert found == sorted(set(found), reverse=True), "each once, in order"
        ids = {row.id for row in self.rows}
        assert self.there_at_first & log.matching(self.filters) <= ids, "all that were there"
        for row in self.rows:
            run = log.ever[row.id]
            assert (row.created_at, row.status) == (run.created_at, run.status)
            assert matches(run, self.filters)


def at(second: float) -> datetime:
    return datetime.fromtimestamp(BASE + second, UTC)


FILTERS: list[dict[str, Any]] = [
    {},
    {"status": "failed"},
    {"created_by_end_user_session_id": "ann"},
    {"status": "succeeded", "created_by_end_user_session_id": "bob"},
    {"keyword": "ann"},
    {"created_by_account": ACCOUNT["email"]},
    {"created_at_after": at(30)},
    {"created_at_before": at(60.5), "status": "failed"},
    {"created_at_after": at(9.5), "created_at_before": at(80), "keyword": "bob"},
]
"""Each of the six, alone and with others."""


def filters_of(request: WorkflowLogsRequest) -> dict[str, Any]:
    names = {name for filters in FILTERS for name in filters}
    return {name: getattr(request, name) for name in names if getattr(request, name)}


def matches(run: PastRun, filters: dict[str, Any]) -> bool:
    holds: dict[str, Callable[[Any], bool]] = {
        "status": lambda value: run.status == value,
        "created_by_end_user_session_id": lambda value: run.user == value,
        "keyword": lambda value: run.user == value,
        "created_by_account": lambda _: run.created_from == "installed-app",
        "created_at_after": lambda value: run.created_at >= value.timestamp(),
        "created_at_before": lambda value: run.created_at <= value.timestamp(),
    }
    return all(holds[name](value) for name, value in filters.items())


class ChangingLog:
    """The log of an emulator, and what is known of it."""

    def __init__(self, emulator: Emulator, chance: random.Random) -> None:
        emulator.reset()
        self.emulator = emulator
        self.chance = chance
        self.runs: dict[str, PastRun] = {}
        self.ever: dict[str, PastRun] = {}
        self.share = 0.0

    def add(self, second: int, count: int) -> None:
        runs = [
            PastRun(
                BASE + second,
                status=self.chance.choice(["succeeded", "failed", "partial-succeeded"]),
                **self.chance.choice(WHO),
            )
            for _ in range(count)
        ]
        self.emulator.add_runs(runs, "echo")
        self.runs.update((run.log_id, run) for run in runs)
        self.ever.update((run.log_id, run) for run in runs)

    def add_at_head(self, count: int) -> None:
        """Rows appear at the head, or up to two seconds behind it."""
        newest = max((run.created_at for run in self.runs.values()), default=BASE) - BASE
        self.add(int(newest) + self.chance.randint(-2, 1), count)

    def delete(self, count: int) -> None:
        ids = self.chance.sample(list(self.runs), min(count, len(self.runs)))
        self.emulator.delete_logs(ids)
        for row_id in ids:
            del self.runs[row_id]

    def change(self) -> None:
        """Before each call: perhaps something appears, perhaps something goes."""
        if self.chance.random() < self.share:
            self.add_at_head(self.chance.randint(1, 3))
        if self.chance.random() < self.share:
            self.delete(1)

    def matching(self, filters: dict[str, Any]) -> set[str]:
        return {row_id for row_id, run in self.runs.items() if matches(run, filters)}


class HostileLog(RuleBasedStateMachine):
    """Readers that go on with each other's cursors, while the log changes."""

    world: World
    emulator: Emulator
    connections: httpx.Client | httpx.AsyncClient
    log: ChangingLog

    @initialize(
        seed=st.integers(0, 2**32),
        share=st.sampled_from([0.0, 0.2, 0.6]),
        bursts=st.lists(
            st.tuples(st.integers(0, 90), st.sampled_from([1, 1, 2, 7, 40])), max_size=12
        ),
        overfull=st.sampled_from([0, 0, 0, 0, 101, 300]),
    )
    def begin(self, seed: int, share: float, bursts: list[tuple[int, int]], overfull: int) -> None:
        self.log = type(self).log = ChangingLog(self.emulator, random.Random(seed))
        for second, count in bursts:
            self.log.add(second, count)
        self.log.add(self.log.chance.randint(0, 90), overfull)
        self.log.share = share
        self.readings: list[Reading] = []

    @rule(count=st.integers(1, 30))
    def rows_appear(self, count: int) -> None:
        self.log.add_at_head(count)

    @rule(count=st.integers(1, 10))
    def rows_go(self, count: int) -> None:
        self.log.delete(count)

    @rule(
        limit=st.one_of(st.integers(1, 100), st.integers(100, 1000)),
        filters=st.sampled_from(FILTERS),
    )
    def a_reading_begins(self, limit: int, filters: dict[str, Any]) -> None:
        limit = max(limit, len(self.log.runs) // 5)  # so that it comes to an end
        request = WorkflowLogsRequest(limit=limit, **filters)
        self.readings.append(Reading(self.log, request))

    @precondition(lambda self: self.readings)
    @rule(data=st.data(), how=st.sampled_from(["id", "request", "cursor", "iterator"]))
    def a_reading_goes_on(self, data: st.DataObject, how: str) -> None:
        self.read(data.draw(st.sampled_from(self.readings)), how)

    def read(self, reading: Reading, how: str) -> None:
        request = reading.next_request(how)
        client = self.world.client(
            api_key=KEY, base_url=self.emulator.base_url, http_client=self.connections
        )
        if how == "iterator":
            reading.page = next(iter(client.iter_logs(request).pages()), None)
        else:
            reading.page = client.logs(request)
        reading.rows += reading.page or ()
        if reading.page is None or not reading.page.has_more:
            self.readings.remove(reading)
            reading.check(self.log)
        else:
            assert len(reading.page) == request.limit

    def teardown(self) -> None:
        while getattr(self, "readings", None):
            self.read(self.readings[0], "cursor")


@contextmanager
def connections(
    world: World, before_call: Callable[[], None]
) -> Iterator[httpx.Client | httpx.AsyncClient]:
    """An httpx client that does something before it sends a request."""

    async def hook(_: httpx.Request) -> None:
        before_call()

    if world.name == "sync":
        with httpx.Client(event_hooks={"request": [lambda _: before_call()]}) as client:
            yield client
    else:
        async_client = httpx.AsyncClient(event_hooks={"request": [hook]})
        yield async_client
        world.call(async_client.aclose)


@pytest.mark.slow
def test_readers_lose_no_row_and_repeat_none_while_the_log_changes(both: World) -> None:
    class Machine(HostileLog):
        world = both

    def change() -> None:
        Machine.log.change()

    few = settings(
        max_examples=50,
        stateful_step_count=10,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    with (
        Emulator() as Machine.emulator,
        connections(both, change) as Machine.connections,
    ):
        run_machine(Machine, settings=few)


# ----------------------------------------------------------------------------- a real server

LIVE_URL = os.environ.get("DIFY_BASE_URL")
LIVE_KEY = os.environ.get("DIFY_KEY_ECHO")


@pytest.mark.live
@pytest.mark.skipif(not (LIVE_URL and LIVE_KEY), reason="needs DIFY_BASE_URL, DIFY_KEY_ECHO")
def test_a_burst_of_twelve_runs_on_a_real_server_read_two_by_two_gives_twelve(both: World) -> None:
    """The app takes the input `name` and answers at once, as `echo` of the recordings does."""
    client = both.client(base_url=LIVE_URL, api_key=LIVE_KEY)
    user = f"burst-{uuid4()}"

    def run(_: int) -> str:
        request = WorkflowRunRequest({"name": "burst"}, user_id=user)
        with DifyWorkflow(LIVE_KEY, base_url=LIVE_URL) as own:
            return str(own.run_workflow(request).id)

    with ThreadPoolExecutor(12) as pool:
        runs = set(pool.map(run, range(12)))
    request = WorkflowLogsRequest(limit=2, created_by_end_user_session_id=user)
    page = client.logs(request)
    rows = [*page]
    while page.has_more:
        page = client.logs(page.next_request())
        rows += page
    assert places(rows) == sorted(set(places(rows)), reverse=True)
    assert sorted(row.workflow_run.id for row in rows) == sorted(runs)
    assert places(client.iter_logs(request)) == places(rows)
