"""How many requests reading the log takes; docs/logs.md has the limits."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dify_workflow import WorkflowLogsRequest
from dify_workflow._api.log_query import LogAnswer, LogQuery
from dify_workflow._logs.pager import LogMemory, LogPager
from dify_workflow._logs.walk import LATEST
from support.logs import ListedLog, row

thorough = settings(max_examples=100)

Layout = tuple[tuple[int, int], ...]
"""Pairs of a second and how many rows it has."""

limits = st.one_of(st.integers(1, 1000), st.sampled_from([1, 2, 20, 90, 99, 100, 101, 200, 1000]))


def layouts() -> st.SearchStrategy[Layout]:
    """Seconds that fill no answer: far from each other, one after the other, or all alike."""
    sizes = st.one_of(st.integers(1, 5), st.integers(1, 99))
    scattered = st.dictionaries(st.integers(0, 400), sizes, max_size=40).map(dict.items).map(tuple)
    dense = st.lists(sizes, max_size=30).map(enumerate).map(tuple)
    alike = st.sampled_from([1, 10, 20, 25, 34, 50, 51, 99])
    even = st.builds(lambda size, count: tuple((at, size) for at in range(count)), alike, sizes)
    return st.one_of(scattered, dense, even)


def log_of(layout: Layout) -> ListedLog:
    chance = random.Random(0)
    return ListedLog(row(second, chance) for second, count in layout for _ in range(count))


def cut_answers(log: ListedLog) -> list[tuple[LogQuery, LogAnswer]]:
    """The windows of several seconds whose answers were full."""
    asked = zip(log.queries, log.answers, strict=True)
    return [
        (query, answer)
        for query, answer in asked
        if len(answer.rows) == query.limit and not (query.after and query.after == query.before)
    ]


def straddling(log: ListedLog) -> set[int]:
    """The seconds that have rows within an answer and behind its end."""
    size = Counter(row.created_at for row in log.rows.values())
    shown = [Counter(row.created_at for row in answer.rows) for _, answer in cut_answers(log)]
    return {min(cut) for cut in shown if cut[min(cut)] < size[min(cut)]}


def unsettled(log: ListedLog) -> set[int]:
    """The seconds at which answers were cut that reach into the newest seconds."""
    newest = max(row.created_at for row in log.rows.values())
    return {
        min(row.created_at for row in answer.rows)
        for query, answer in cut_answers(log)
        if query.before is None or query.before >= newest - LATEST
    }


def due(log: ListedLog, count: int, *, from_cursor: bool = False) -> int:
    """How many calls so many rows may take; a page from a cursor may share a second with others."""
    return math.ceil(count / 100) + len(straddling(log) | unsettled(log)) + 1 + from_cursor


def rows_read(log: ListedLog, request: WorkflowLogsRequest, most: int | None = None) -> int:
    """How many rows an iteration gives."""
    pager, count = LogPager(request, LogMemory(), most=most), 0
    while log.drive(pager.fetch()):
        while pager.pop():
            count += 1
    return count


@thorough
@given(layouts())
@example(((0, 99), (1, 99), (2, 99)))
@pytest.mark.slow
def test_reading_all_rows(layout: Layout) -> None:
    log = log_of((*layout, (1000, 1)))  # which has left the newest seconds behind
    count = rows_read(log, WorkflowLogsRequest())
    assert count == len(log.rows)
    assert len(log.queries) <= math.ceil(count / 100) + len(straddling(log)) + 1
    assert {query.page for query in log.queries} == {1}


@pytest.mark.slow
@thorough
@given(layouts())
@example(tuple((second, 50) for second in range(40)))
def test_reading_all_rows_of_a_log_that_is_dense_at_its_head(layout: Layout) -> None:
    log = log_of((*layout, (len(layout), 1)))
    count = rows_read(log, WorkflowLogsRequest())
    assert count == len(log.rows)
    assert len(log.queries) <= due(log, count)
    assert len(unsettled(log)) <= LATEST + 2


@pytest.mark.slow
@thorough
@given(layouts(), limits)
def test_reading_page_after_page(layout: Layout, limit: int) -> None:
    log = log_of((*layout, (len(layout), 1)))
    memory, request = LogMemory(), WorkflowLogsRequest(limit=limit)
    count, has_more = 0, True
    while has_more and count < 10 * limit:
        log.queries.clear()
        log.answers.clear()
        page = log.drive(LogPager(request, memory).page())
        assert len(log.queries) <= due(log, len(page), from_cursor=count > 0)
        assert {query.page for query in log.queries} == {1}
        assert page.total == len(log.rows)
        count, has_more, request = count + len(page), page.has_more, page.next_request()
    assert has_more or count == len(log.rows)


@pytest.mark.slow
@thorough
@given(layouts(), limits)
def test_reading_on_from_a_cursor(layout: Layout, limit: int) -> None:
    log = log_of((*layout, (len(layout), 1)))
    page = log.drive(LogPager(WorkflowLogsRequest(limit=limit), LogMemory()).page())
    log.queries.clear()
    log.answers.clear()
    count = rows_read(log, WorkflowLogsRequest(cursor=page.cursor))
    assert count == len(log.rows) - len(page)
    assert len(log.queries) <= due(log, count)


@thorough
@given(layouts(), limits)
def test_reading_some_rows(layout: Layout, limit: int) -> None:
    log = log_of((*layout, (len(layout), 1)))
    count = rows_read(log, WorkflowLogsRequest(), most=limit)
    assert count == min(limit, len(log.rows))
    assert len(log.queries) <= due(log, count)


@pytest.mark.slow
@thorough
@given(layouts(), limits)
def test_reading_all_rows_in_pages(layout: Layout, limit: int) -> None:
    log = log_of((*layout, (len(layout), 1)))
    pager, count = LogPager(WorkflowLogsRequest(limit=limit), LogMemory()), 0
    while log.drive(pager.fetch()):
        count += len(log.drive(pager.page()))
    assert count == len(log.rows)
    assert len(log.queries) <= due(log, count)


def test_a_second_that_fills_an_answer_takes_a_call_more() -> None:
    log = log_of((*((second, 100) for second in range(20)), (1000, 1)))
    count = rows_read(log, WorkflowLogsRequest())
    assert count == 2001
    assert len(log.queries) <= math.ceil(count / 100) + len(straddling(log)) + 20 + 1


def test_pages_of_single_rows_from_cursors_in_a_crowded_second() -> None:
    log = log_of(((0, 50), (1, 99), (2, 3)))
    memory, request, ids = LogMemory(), WorkflowLogsRequest(limit=1), list[str]()
    for _ in range(152):
        log.queries.clear()
        page = log.drive(LogPager(request, memory).page())
        assert len(log.queries) <= 3
        ids += [only.id for only in page]
        request = page.next_request()
    assert set(ids) == set(log.rows)
    assert not page.has_more


def test_a_small_page_asks_for_little() -> None:
    chance = random.Random(0)
    log = ListedLog(row(second, chance) for second in range(500))
    page = log.drive(LogPager(WorkflowLogsRequest(limit=2), LogMemory()).page())
    assert (len(page), page.has_more) == (2, True)
    assert [query.limit for query in log.queries] == [12]
    log.queries.clear()
    log.drive(LogPager(WorkflowLogsRequest(), LogMemory(), most=7).fetch())
    assert [query.limit for query in log.queries] == [17]
