"""Reading the log with both clients, over a real socket."""

from __future__ import annotations

import asyncio
import json
import pickle
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dify_workflow import (
    APIStatusError,
    AsyncDifyWorkflow,
    DifyPageResult,
    InvalidResponseError,
    LogCursorError,
    UnsupportedServerError,
    WorkflowLogs,
    WorkflowLogsRequest,
    WorkflowRunRequest,
)
from dify_workflow.emulator import Answer, Emulator, Fault, PastRun
from dify_workflow.emulator.logs import ACCOUNT
from support.logs import BASE, places
from support.recordings import recording
from support.replay import Exchange, ReplayServer
from support.worlds import World

MOMENT = datetime.fromtimestamp(BASE, UTC)
KEY = "app-echo"
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


def client_of(both: World, emulator: Emulator, **options: Any) -> Any:
    return both.client(base_url=emulator.base_url, api_key=KEY, **options)


def fill(emulator: Emulator, *seconds: int, **fields: Any) -> list[tuple[int, str]]:
    """Put a row into each of the seconds after `BASE`; their places, in order."""
    runs = [PastRun(BASE + second, **fields) for second in seconds]
    emulator.add_runs(runs, "echo")
    return sorted(((int(run.created_at), run.log_id) for run in runs), reverse=True)


def calls(emulator: Emulator) -> int:
    return len([seen for seen in emulator.requests if "/workflows/logs" in seen.path])


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


# ---------------------------------------------------------------------------------------- rows


def test_iterating_gives_every_row_and_a_cursor_to_continue(both: World, log: Emulator) -> None:
    expected = fill(log, *(number // 9 for number in range(330)))
    rows = client_of(both, log).iter_logs()
    assert rows.cursor is None
    begun = [next(rows) for _ in range(150)]
    rest = client_of(both, log).iter_logs(WorkflowLogsRequest(cursor=rows.cursor))
    assert rest.cursor == rows.cursor
    place = WorkflowLogsRequest(last_id=begun[-1].id, last_created_at=begun[-1].created_at)
    assert client_of(both, log).iter_logs(place).cursor == rows.cursor
    assert places([*begun, *rest]) == expected
    assert list(rest) == []
    assert list(client_of(both, log).iter_logs(WorkflowLogsRequest(cursor=rest.cursor))) == []


def test_iterating_reads_when_rows_are_needed_and_at_most_an_answer_ahead(
    both: World, log: Emulator
) -> None:
    fill(log, *range(1000))
    threads = set(threading.enumerate())
    rows = client_of(both, log).iter_logs()
    assert calls(log) == 0
    for _ in range(90):
        next(rows)
    assert calls(log) == 1
    for _ in range(100):
        next(rows)
    assert calls(log) == 2
    if both.name == "sync":  # the server's own threads aside, reading ahead needs none
        assert {each for each in threading.enumerate() if "emulator" not in each.name} <= threads


def test_iterating_ends_at_its_limit_and_asks_for_no_more_than_that_takes(
    both: World, log: Emulator
) -> None:
    expected = fill(log, *range(300))
    client = client_of(both, log)
    assert places(client.iter_logs(limit=7)) == expected[:7]
    assert calls(log) == 1
    assert places(client.iter_logs(limit=150)) == expected[:150]
    assert list(client.iter_logs(limit=0)) == []


def test_iterating_keeps_to_the_times(both: World, log: Emulator) -> None:
    expected = fill(log, *range(300))

    def at(seconds: float) -> datetime:
        return MOMENT + timedelta(seconds=seconds)

    client = client_of(both, log)
    rows = client.iter_logs(since=at(99.5), until=at(250.5))
    begun = [next(rows) for _ in range(10)]
    assert places([*begun, *rows]) == expected[49:200]
    narrow = WorkflowLogsRequest(created_at_after=at(200), created_at_before=at(220))
    assert places(client.iter_logs(narrow, since=at(0), until=at(210))) == expected[89:100]
    assert list(client.iter_logs(narrow, since=at(221))) == []
    half = client.iter_logs(narrow, since=at(0))
    begun = [next(half) for _ in range(10)]
    on = WorkflowLogsRequest(
        created_at_after=at(200), created_at_before=at(220), cursor=half.cursor
    )
    assert places([*begun, *client.iter_logs(on, since=at(0))]) == expected[79:100]


def test_pages_of_an_iteration_continue_where_it_was(both: World, log: Emulator) -> None:
    expected = fill(log, *(number // 3 for number in range(130)))
    client = client_of(both, log)
    rows = client.iter_logs(WorkflowLogsRequest(limit=50), limit=125)
    begun = [next(rows) for _ in range(5)]
    pages = list(rows.pages())
    assert [len(page) for page in pages] == [50, 50, 20]
    assert [page.has_more for page in pages] == [True] * 3
    assert {page.total for page in pages} == {130}
    assert places([*begun, *(row for page in pages for row in page)]) == expected[:125]
    assert places(client.logs(pages[0].next_request())) == expected[55:105]
    assert list(client.iter_logs(limit=0).pages()) == []


def test_pages_between_times_follow_each_other_between_these_times(
    both: World, log: Emulator
) -> None:
    expected = fill(log, *range(100))
    client = client_of(both, log)
    until = MOMENT + timedelta(seconds=80)
    since = MOMENT + timedelta(seconds=10)
    page = next(iter(client.iter_logs(since=since, until=until).pages()))
    assert (places(page), page.total) == (expected[19:39], 71)
    rows = [*page]
    while page.has_more:
        page = client.logs(page.next_request())
        rows += page
    assert places(rows) == expected[19:90]


def test_after_an_error_an_iteration_continues_with_the_next_row(
    both: World, log: Emulator
) -> None:
    expected = fill(log, *(number // 60 for number in range(300)))
    rows = client_of(both, log, max_retries=0).iter_logs()
    come: list[WorkflowLogs] = []
    failures = 0
    while True:
        log.faults.add(Fault(on="GET /workflows/logs", answer=Answer(500, "{}")))
        try:
            while True:
                come.append(next(rows))
        except StopIteration:
            break
        except APIStatusError:
            failures += 1
            come.extend(next(rows) for _ in range(1))
    assert failures > 2
    assert places(come) == expected


def test_a_row_after_which_to_begin_that_is_not_there_shows_when_iterating(
    both: World, log: Emulator
) -> None:
    fill(log, 0)
    request = WorkflowLogsRequest(last_id="4e1c9b00-0000-4000-8000-000000000000")
    rows = client_of(both, log).iter_logs(request)
    with pytest.raises(LogCursorError, match="none of all 1 rows"):
        next(rows)


def test_the_repr_of_an_iterator_has_its_cursor(both: World, log: Emulator) -> None:
    fill(log, 0)
    rows = client_of(both, log).iter_logs()
    assert repr(rows).endswith("LogIterator cursor=None>")
    next(rows)
    assert repr(rows).endswith(f"LogIterator cursor={rows.cursor!r}>")


# ------------------------------------------------------------------------------------ new rows


def test_a_tail_gives_new_rows_oldest_first_also_late_ones_each_once(
    both: World, log: Emulator
) -> None:
    fill(log, *range(20))
    tail = client_of(both, log).tail_logs(poll_interval=0.01)
    new = fill(log, 19, 20, 21)
    assert places(next(tail) for _ in new) == new[::-1]
    late = fill(log, 19, 18)
    assert places(next(tail) for _ in late) == late[::-1]
    newest = fill(log, *[22] * 120)
    assert places(next(tail) for _ in newest) == newest[::-1]


def test_a_tail_of_an_empty_log_gives_the_first_run_and_the_next(
    both: World, log: Emulator
) -> None:
    client = client_of(both, log)
    tail = client.tail_logs(poll_interval=0.01)
    for name in ("Ann", "Bob"):
        run = client.run_workflow(WorkflowRunRequest({"name": name}))
        assert next(tail).workflow_run.id == run.id


def test_a_tail_begins_after_a_cursor(both: World, log: Emulator) -> None:
    expected = fill(log, *[0] * 5, *[1] * 5, 2, 3)
    client = client_of(both, log)
    page = client.logs(WorkflowLogsRequest(limit=5))
    tail = client_of(both, log).tail_logs(
        WorkflowLogsRequest(cursor=page.cursor), poll_interval=0.01
    )
    assert places(next(tail) for _ in range(4)) == expected[:4][::-1]
    (new,) = fill(log, 3)
    assert places([next(tail)]) == [new]


def test_a_tail_keeps_to_the_filters(both: World, log: Emulator) -> None:
    request = WorkflowLogsRequest(
        created_by_end_user_session_id="ann", created_at_after=MOMENT + timedelta(seconds=5)
    )
    tail = client_of(both, log).tail_logs(request, poll_interval=0.01)
    fill(log, *range(8), user="bob")
    new = fill(log, *range(8), user="ann")
    assert places(next(tail) for _ in range(3)) == new[:3][::-1]


def test_after_an_error_a_tail_continues_where_it_was(both: World, log: Emulator) -> None:
    tail = client_of(both, log, max_retries=0).tail_logs(poll_interval=0.01)
    new = fill(log, 0, 1)
    log.faults.add(Fault(on="GET /workflows/logs", answer=Answer(500, "{}")))
    with pytest.raises(APIStatusError):
        next(tail)
    assert places(next(tail) for _ in new) == new[::-1]


def test_a_tail_waits_between_two_looks(both: World, log: Emulator) -> None:
    tail = client_of(both, log).tail_logs(poll_interval=0.2)
    log.reset()
    timer = threading.Timer(0.3, fill, (log, 0))
    timer.start()
    next(tail)
    timer.join()
    assert 2 <= calls(log) <= 3


def test_an_async_tail_begins_when_it_is_first_iterated(log: Emulator) -> None:
    fill(log, 0)

    async def follow() -> WorkflowLogs:
        async with AsyncDifyWorkflow(KEY, base_url=log.base_url) as client:
            tail = client.tail_logs(poll_interval=0.01)
            fill(log, 1)  # there before it begins
            waiting = asyncio.ensure_future(anext(tail))
            while calls(log) < 3:  # noqa: ASYNC110  # another thread counts
                await asyncio.sleep(0.005)
            new.extend(fill(log, 2))
            return await waiting

    new: list[tuple[int, str]] = []
    assert places([asyncio.run(follow())]) == new


def test_an_async_iteration_that_is_cancelled_continues_with_the_next_row(log: Emulator) -> None:
    expected = fill(log, *(number // 60 for number in range(300)))

    async def read() -> list[WorkflowLogs]:
        come: list[WorkflowLogs] = []
        async with AsyncDifyWorkflow(KEY, base_url=log.base_url) as client:
            rows = client.iter_logs()
            while True:
                before = calls(log)
                waiting = asyncio.ensure_future(anext(rows))
                while calls(log) == before and not waiting.done():  # noqa: ASYNC110  # likewise
                    await asyncio.sleep(0.001)
                waiting.cancel()
                try:
                    come.append(await waiting)
                except asyncio.CancelledError:
                    pass
                except StopAsyncIteration:
                    return come
                try:
                    come.append(await anext(rows))
                except StopAsyncIteration:
                    return come

    assert places(asyncio.run(read())) == expected
