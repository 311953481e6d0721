"""Rows of the log one by one, and new ones as they come."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from dify_workflow import (
    APIStatusError,
    AsyncDifyWorkflow,
    LogCursorError,
    WorkflowLogs,
    WorkflowLogsRequest,
    WorkflowRunRequest,
)
from dify_workflow.emulator import Answer, Emulator, Fault
from support.logs import KEY, MOMENT, calls, client_of, fill, places
from support.worlds import World


@pytest.fixture(scope="module")
def server_of_logs() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def log(server_of_logs: Emulator) -> Emulator:
    """An emulator without any rows yet."""
    server_of_logs.reset()
    return server_of_logs


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


@pytest.mark.parametrize(
    "start",
    [
        lambda page: {"request": WorkflowLogsRequest(cursor=page.cursor)},
        lambda page: {"cursor": page.cursor},
        lambda page: {"last_id": page.last_id},
    ],
)
def test_a_tail_begins_after_a_cursor_or_row(
    start: Callable[[Any], dict[str, Any]], both: World, log: Emulator
) -> None:
    expected = fill(log, *[0] * 5, *[1] * 5, 2, 3)
    page = client_of(both, log).logs(WorkflowLogsRequest(limit=5))
    tail = client_of(both, log).tail_logs(**start(page), poll_interval=0.01)
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
