"""Seconds with hundreds of runs, read over a real socket; requests are counted."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest

from dify_workflow import LogCursorError, WorkflowLogsRequest
from dify_workflow.emulator import Emulator, PastRun
from support.replay import Exchange, ReplayServer
from support.tiers import MOSTLY_ASYNC
from support.worlds import World

KEY = "app-echo"
LAST_YEAR = int(time.time()) - 365 * 24 * 3600


@pytest.fixture
def log() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


def fill(log: Emulator, seconds: Iterable[int], each: int) -> set[str]:
    """Put so many rows into each of the seconds; their ids."""
    runs = [PastRun(second) for second in seconds for _ in range(each)]
    log.add_runs(runs, "echo")
    return {run.log_id for run in runs}


def calls(log: Emulator) -> int:
    return len([seen for seen in log.requests if "/workflows/logs" in seen.path])


@pytest.mark.parametrize("count", [100, 101, 200, 201, 437, 500, 1000, 2500])
def test_an_old_second_is_read_at_most_twice(count: int, both: World, log: Emulator) -> None:
    ids = fill(log, [LAST_YEAR], count)
    client = both.client(api_key=KEY, base_url=log.base_url)
    rows = [row.id for row in client.iter_logs()]
    assert len(rows) == len(ids)
    assert set(rows) == ids
    assert calls(log) <= 2 * math.ceil(count / 100) + 2


@MOSTLY_ASYNC
def test_many_full_seconds_among_others_cost_about_the_same_for_each_row(
    both: World, log: Emulator
) -> None:
    full = [LAST_YEAR + 50 * number for number in range(10)]
    ids = fill(log, full, 500)
    ids |= fill(log, range(LAST_YEAR - 2500, LAST_YEAR), 2)
    client = both.client(api_key=KEY, base_url=log.base_url)
    rows = [row.id for row in client.iter_logs()]
    assert len(rows) == len(ids)
    assert set(rows) == ids
    assert calls(log) < 200


@pytest.mark.slow
def test_a_hundred_seconds_of_five_hundred_rows_among_a_hundred_thousand(
    both: World, log: Emulator
) -> None:
    ids = fill(log, (LAST_YEAR + 50 * number for number in range(100)), 500)
    ids |= fill(log, range(LAST_YEAR - 50_000, LAST_YEAR), 1)
    client = both.client(api_key=KEY, base_url=log.base_url)
    rows = [row.id for row in client.iter_logs()]
    assert len(rows) == 100_000
    assert set(rows) == ids
    assert calls(log) < 2_000


# -------------------------------------------------------------------------------------- last_id


def test_the_id_of_a_run_finds_its_row_in_one_call(both: World, log: Emulator) -> None:
    fill(log, range(LAST_YEAR, LAST_YEAR + 300), 1)
    deep = PastRun(LAST_YEAR - 1)
    log.add_runs([deep], "echo")
    behind = fill(log, range(LAST_YEAR - 7, LAST_YEAR - 2), 1)
    client = both.client(api_key=KEY, base_url=log.base_url)
    page = client.logs(WorkflowLogsRequest(last_id=deep.id, max_scan=0))
    assert {row.id for row in page} == behind
    assert calls(log) <= 3
    page = client.logs(WorkflowLogsRequest(last_id=deep.id, status="succeeded"))
    assert {row.id for row in page} == behind


def test_the_id_of_a_run_is_looked_for_row_by_row_where_the_keyword_is_taken(
    both: World, log: Emulator
) -> None:
    runs = [PastRun(LAST_YEAR - number) for number in range(150)]
    log.add_runs(runs, "echo")
    client = both.client(api_key=KEY, base_url=log.base_url)
    for taken in ({"keyword": "sys.user_id"}, {"created_by_end_user_session_id": "dify-workflow"}):
        request = WorkflowLogsRequest(last_id=runs[120].id, limit=5, **taken)
        assert [row.id for row in client.logs(request)] == [run.log_id for run in runs[121:126]]


@pytest.mark.parametrize("status", [500, 503])
def test_a_search_that_fails_does_not_fail_what_row_by_row_can_be_found(
    status: int, both: World, log: Emulator
) -> None:
    runs = [PastRun(LAST_YEAR - number) for number in range(20)]
    log.add_runs(runs, "echo")
    log.faults.answer(status, on="GET /workflows/logs")  # the first, which looks for a run's id
    client = both.client(api_key=KEY, base_url=log.base_url, max_retries=0)
    page = client.logs(WorkflowLogsRequest(last_id=runs[10].log_id, limit=5))
    assert [row.id for row in page] == [run.log_id for run in runs[11:16]]
    assert log.requests[0].status == status


class LongLog:
    """A log with rows in each of a million seconds; an answer takes some time.

    Args:
        server: Where it is served.
        seconds: How long an answer takes.
        each: How many rows a second has.
    """

    def __init__(self, server: ReplayServer, seconds: float, each: int = 1) -> None:
        self.calls = 0
        self._seconds = seconds
        self._each = each
        self.url = server.handle(self._answer)

    def _answer(self, exchange: Exchange) -> None:
        self.calls += 1
        time.sleep(self._seconds)
        query = parse_qs(urlsplit(exchange.request.target).query)
        page, limit = int(query["page"][0]), int(query["limit"][0])
        begin = (LAST_YEAR - self._second(query, "created_at__before", LAST_YEAR)) * self._each
        oldest = self._second(query, "created_at__after", LAST_YEAR - 10**6)
        end = begin if "keyword" in query else (LAST_YEAR - oldest + 1) * self._each
        numbers = range(begin, end)[(page - 1) * limit : page * limit]
        rows = [self._row(number) for number in numbers]
        body = {"page": page, "limit": limit, "total": end - begin, "has_more": True, "data": rows}
        exchange.whole(json.dumps(body).encode())

    def _second(self, query: dict[str, list[str]], name: str, default: int) -> int:
        return int(datetime.fromisoformat(query[name][0]).timestamp()) if name in query else default

    def id_of(self, number: int) -> str:
        """The id of a row, which are numbered from the newest on."""
        return str(UUID(int=10**12 - number))

    def _row(self, number: int) -> dict[str, object]:
        nothing = ("workflow_run", "created_by_account", "created_by_end_user")
        made = {"created_from": "service-api", "created_by_role": "end_user"}
        second = LAST_YEAR - number // self._each
        return {
            "id": self.id_of(number),
            **made,
            **dict.fromkeys(nothing),
            "created_at": second,
        }


@pytest.mark.parametrize("each", [1, 5000])
def test_a_row_that_is_too_deep_is_an_error_within_five_seconds_that_says_what_helps(
    each: int, both: World, server: ReplayServer
) -> None:
    log = LongLog(server, seconds=0.5, each=each)
    client = both.client(base_url=log.url)
    with pytest.raises(LogCursorError, match=r"none of the newest \d+ rows.*last_created_at"):
        client.logs(WorkflowLogsRequest(last_id=str(uuid4())))
    assert log.calls <= 5 / 0.5


def test_whoever_raises_max_scan_has_the_row_looked_for_as_long_as_that_takes(
    both: World, server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dify_workflow._logs.pager.LONGEST_SEARCH", 0.0)
    log = LongLog(server, seconds=0)
    client = both.client(base_url=log.url)
    deep = log.id_of(10_500)
    page = client.logs(WorkflowLogsRequest(last_id=deep, max_scan=11_000, limit=1))
    assert [row.id for row in page] == [log.id_of(10_501)]
    with pytest.raises(LogCursorError):
        client.logs(WorkflowLogsRequest(last_id=str(uuid4())))
