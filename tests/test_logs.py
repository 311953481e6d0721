"""Reading the log with both clients, over a real socket."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dify_workflow import (
    DifyPageResult,
    InvalidResponseError,
    LogCursorError,
    UnsupportedServerError,
    WorkflowLogs,
    WorkflowLogsRequest,
)
from dify_workflow.emulator import Emulator, PastRun
from dify_workflow.emulator.logs import ACCOUNT
from support.logs import BASE, MOMENT, calls, client_of, fill, places
from support.recordings import recording
from support.replay import Exchange, ReplayServer
from support.worlds import World

WHO: list[dict[str, Any]] = [
    {"user": "ann"},
    {"user": "bob"},
    {"user": None, "created_from": "installed-app"},  # by the account
]


@pytest.fixture(scope="module")
def server_of_logs() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def log(server_of_logs: Emulator) -> Emulator:
    """An emulator without any rows yet."""
    server_of_logs.reset()
    return server_of_logs


# --------------------------------------------------------------------------------------- pages


@pytest.mark.parametrize("version", ["1.0.1", "1.7.2", "1.9.2", "1.13.3", "1.14.2"])
def test_the_recorded_burst_of_twelve_read_two_by_two_gives_twelve(
    version: str, both: World, server: ReplayServer
) -> None:
    """Read by pages, every version lost rows of it (logs_burst_page1_limit2 and following)."""
    burst = json.loads(recording(f"{version}/logs_burst_all").body)["data"]
    chance = random.Random(0)

    def handler(exchange: Exchange) -> None:
        query = {
            name: values[0]
            for name, values in parse_qs(urlsplit(exchange.request.target).query).items()
        }
        before = query.get("created_at__before")
        last = datetime.fromisoformat(before).timestamp() if before else float("inf")
        after = query.get("created_at__after")
        first = datetime.fromisoformat(after).timestamp() if after else 0.0
        rows = [row for row in burst if first <= row["created_at"] <= last]
        chance.shuffle(rows)
        rows.sort(key=lambda row: -row["created_at"])
        page, limit = int(query["page"]), int(query["limit"])
        data = rows[(page - 1) * limit : page * limit]
        body = {"page": page, "limit": limit, "total": len(rows), "has_more": False, "data": data}
        exchange.whole(json.dumps(body).encode())

    client = both.client(base_url=server.handle(handler))
    pages = [client.logs(WorkflowLogsRequest(limit=2))]
    while pages[-1].has_more:
        pages.append(client.logs(WorkflowLogsRequest(limit=2, last_id=pages[-1].last_id)))
    rows = [row for page in pages for row in page]
    assert [len(page) for page in pages] == [2] * 6
    assert {row.id for row in rows} == {row["id"] for row in burst}
    assert len({row["created_at"] for row in burst}) <= 3
    assert {page.total for page in pages} == {12}


def test_pages_follow_each_other_by_id_by_request_and_by_cursor(both: World, log: Emulator) -> None:
    expected = fill(log, *[0] * 5, *[1] * 9, *range(2, 20))
    client = client_of(both, log)
    begun = client.logs(WorkflowLogsRequest(limit=4))

    def by_id(page: Any) -> Any:
        return client.logs(WorkflowLogsRequest(limit=4, last_id=page.last_id, max_scan=0))

    def by_request(page: Any) -> Any:
        return client_of(both, log).logs(page.next_request())

    def by_cursor(page: Any) -> Any:
        return client_of(both, log).logs(WorkflowLogsRequest(limit=4, cursor=page.cursor))

    for follow in (by_id, by_request, by_cursor):
        page, rows = begun, [*begun]
        while page.has_more:
            page = follow(page)
            rows += page
            assert (page.limit, page.total) == (4, len(expected))
        assert places(rows) == expected


def test_a_page_may_be_longer_than_an_answer(both: World, log: Emulator) -> None:
    expected = fill(log, *(number // 7 for number in range(250)))
    client = client_of(both, log)
    page = client.logs(WorkflowLogsRequest(limit=240))
    assert places(page) == expected[:240]
    assert (page.has_more, page.total, page.limit) == (True, 250, 240)
    rest = client.logs(page.next_request())
    assert places(rest) == expected[240:]
    assert (rest.has_more, rest.total) == (False, 250)
    end = client.logs(rest.next_request())
    assert (len(end), end.has_more, end.last_id) == (0, False, rest.last_id)
    assert end.next_request() == rest.next_request()


def test_an_empty_log_is_an_empty_page(both: World, log: Emulator) -> None:
    page = client_of(both, log).logs()
    assert (page.data, page.has_more, page.total) == ((), False, 0)
    assert (page.last_id, page.cursor) == (None, None)
    assert page.next_request() == WorkflowLogsRequest()


def test_a_page_and_what_follows_it_travel_between_processes(both: World, log: Emulator) -> None:
    expected = fill(log, *range(5))
    page = client_of(both, log).logs(WorkflowLogsRequest(limit=2))
    copy: DifyPageResult[WorkflowLogs] = pickle.loads(pickle.dumps(page))
    assert copy == page
    assert places(client_of(both, log).logs(copy.next_request())) == expected[2:4]


def test_rows_that_appear_at_the_head_shift_nothing_and_deleted_ones_are_not_invented(
    both: World, log: Emulator
) -> None:
    expected = fill(log, *range(30))
    client = client_of(both, log)
    page = client.logs(WorkflowLogsRequest(limit=10))
    fill(log, 29, 30, 31)
    log.delete_logs([expected[9][1], expected[12][1]])  # the last row of the page is one of them
    following = client.logs(page.next_request())
    assert places(following) == [*expected[10:12], *expected[13:21]]
    assert following.total == 30  # what it was when the first page was read


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ({"status": "failed"}, lambda run: run.status == "failed"),
        ({"created_by_end_user_session_id": "ann"}, lambda run: run.user == "ann"),
        ({"keyword": "bob"}, lambda run: run.user == "bob"),
        (
            {"created_at_after": MOMENT + timedelta(seconds=3.5)},
            lambda run: run.created_at >= BASE + 4,
        ),
        (
            {"created_at_before": MOMENT + timedelta(seconds=15.5)},
            lambda run: run.created_at <= BASE + 15,
        ),
        (
            {
                "created_at_after": MOMENT + timedelta(seconds=4),
                "created_at_before": MOMENT + timedelta(seconds=15),
                "status": "succeeded",
                "created_by_end_user_session_id": "ann",
            },
            lambda run: (
                BASE + 4 <= run.created_at <= BASE + 15
                and (run.status, run.user) == ("succeeded", "ann")
            ),
        ),
        ({"created_by_account": ACCOUNT["email"]}, lambda run: run.created_from == "installed-app"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_filters_hold_in_every_window(
    filters: dict[str, Any], matches: Any, both: World, log: Emulator
) -> None:
    chance = random.Random(0)
    runs = [
        PastRun(
            BASE + chance.randrange(20),
            status=chance.choice(["succeeded", "failed"]),
            **chance.choice(WHO),
        )
        for _ in range(350)
    ]
    log.add_runs(runs, "echo")
    expected = sorted(
        ((int(run.created_at), run.log_id) for run in runs if matches(run)), reverse=True
    )
    page = client_of(both, log).logs(WorkflowLogsRequest(limit=60, **filters))
    rows = [*page]
    while page.has_more:
        page = client_of(both, log).logs(page.next_request())
        rows += page
        assert page.total == len(expected)
    assert places(rows) == expected


# -------------------------------------------------------------------------------------- last_id


def test_a_last_id_of_another_process_is_looked_for(both: World, log: Emulator) -> None:
    expected = fill(log, *range(150))
    request = WorkflowLogsRequest(limit=5, last_id=expected[120][1])
    assert places(client_of(both, log).logs(request)) == expected[121:126]


def test_rows_that_were_returned_are_known_in_the_whole_process(both: World, log: Emulator) -> None:
    expected = fill(log, *range(150))
    client = client_of(both, log)
    row = list(client.iter_logs())[120]
    log.delete_logs([row.id])
    request = WorkflowLogsRequest(limit=5, last_id=row.id, max_scan=0)
    for each in (client, client.with_options(max_retries=0), client_of(both, log)):
        assert places(each.logs(request)) == expected[121:126]


def test_a_last_id_that_is_too_far_or_nowhere_is_an_error_that_says_what_helps(
    both: World, log: Emulator
) -> None:
    expected = fill(log, *range(150))
    client = client_of(both, log)
    far = expected[120]
    with pytest.raises(
        LogCursorError, match=r"none of the newest 120 rows .* Pass .* last_created_at"
    ):
        client.logs(WorkflowLogsRequest(last_id=far[1], max_scan=120))
    assert calls(log) == 3  # the first asks whether it is the id of a run
    assert len(client.logs(WorkflowLogsRequest(last_id=far[1], max_scan=121))) == 20
    given = WorkflowLogsRequest(limit=5, last_id=far[1], last_created_at=far[0], max_scan=0)
    assert places(client.logs(given)) == expected[121:126]
    with pytest.raises(LogCursorError, match=r"none of all 150 rows"):
        client.logs(WorkflowLogsRequest(last_id="4e1c9b00-0000-4000-8000-000000000000"))


# -------------------------------------------------------------------------------- calls counted


@pytest.mark.parametrize("each", [1, 5, 10, 20, 25])
def test_all_rows_of_even_seconds_take_a_call_for_a_hundred_and_one_more(
    each: int, both: World, log: Emulator
) -> None:
    expected = fill(log, *(number // each for number in range(800)))
    client = client_of(both, log)
    rows = client.iter_logs()
    begun = [next(rows) for _ in range(200)]
    cursor = rows.cursor
    assert places([*begun, *rows]) == expected
    assert calls(log) <= 8 + 1
    before = calls(log)
    assert places(client.iter_logs(WorkflowLogsRequest(cursor=cursor))) == expected[200:]
    assert calls(log) - before <= 6 + 1


@pytest.mark.parametrize("how", ["id", "request", "cursor"])
def test_a_page_that_follows_another_takes_no_call_for_its_total(
    how: str, both: World, log: Emulator
) -> None:
    expected = fill(log, *range(100))
    client = client_of(both, log)
    page = client.logs(WorkflowLogsRequest(limit=10))
    following = {
        "id": WorkflowLogsRequest(limit=10, last_id=page.last_id),
        "request": page.next_request(),
        "cursor": WorkflowLogsRequest(limit=10, cursor=page.cursor),
    }[how]
    assert calls(log) == 1
    page = client.logs(following)
    assert (places(page), page.total) == (expected[10:20], 100)
    assert calls(log) == 2


def test_a_position_read_by_another_client_needs_a_request_for_the_total(
    both: World, log: Emulator
) -> None:
    expected = fill(log, *range(100))
    time, row_id = expected[9]
    request = WorkflowLogsRequest(limit=10, last_id=row_id, last_created_at=time)
    client = client_of(both, log)
    page = client.logs(request)
    assert (places(page), page.total, calls(log)) == (expected[10:20], 100, 2)
    assert (client.logs(page.next_request()).total, calls(log)) == (100, 3)


# --------------------------------------------------------------------- servers that cannot do it


@pytest.mark.parametrize(
    "filters", [{"created_by_end_user_session_id": "ann"}, {"created_by_account": "a@example.com"}]
)
def test_a_server_that_ignores_the_user_is_refused_instead_of_believed(
    filters: dict[str, str], both: World
) -> None:
    with Emulator(server_version="1.0") as old:
        fill(old, 0, 1, user="bob")
        client = client_of(both, old)
        request = WorkflowLogsRequest(**filters)
        with pytest.raises(
            UnsupportedServerError, match=r"Dify 1\.0.* the runs of all users.* 1\.5"
        ):
            client.logs(request)
        assert calls(old) == 1
        with pytest.raises(UnsupportedServerError):  # now that its version is known
            next(client.iter_logs(request))
        assert calls(old) == 1
        assert len(client.logs()) == 2


def test_a_server_that_hides_its_version_is_believed_as_long_as_its_rows_are_the_users(
    both: World, server: ReplayServer
) -> None:
    page = json.loads(recording("1.14.2/logs_burst_all").body)
    url = server.handle(lambda exchange: exchange.whole(json.dumps(page).encode()))
    client = both.client(base_url=url)
    assert len(client.logs(WorkflowLogsRequest(created_by_end_user_session_id="burst"))) == 12
    with pytest.raises(UnsupportedServerError, match="a run of 'burst' instead of"):
        client.logs(WorkflowLogsRequest(created_by_end_user_session_id="ann"))


def test_a_server_that_answers_with_another_time_is_not_believed(
    both: World, server: ReplayServer
) -> None:
    client = both.client(base_url=server.url("1.14.2/logs_burst_all"))
    with pytest.raises(InvalidResponseError, match="a row outside the requested time"):
        client.logs(WorkflowLogsRequest(created_at_before=datetime(2020, 1, 1, tzinfo=UTC)))


def test_times_that_no_calendar_has_are_an_unreadable_answer(
    both: World, server: ReplayServer
) -> None:
    page = json.loads(recording("1.14.2/logs_burst_all").body)
    page["data"][0]["created_at"] = 10**15
    url = server.handle(lambda exchange: exchange.whole(json.dumps(page).encode()))
    with pytest.raises(InvalidResponseError, match="of an unexpected shape"):
        both.client(base_url=url).logs()
