"""Reading the log with a simulated server whose list changes all the time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_workflow import LogWindowUnstableError, WorkflowLogs, WorkflowLogsRequest
from dify_workflow._api.log_query import LogAnswer, LogQuery
from dify_workflow._log_cursor import LogBookmark, LogHead, LogPosition
from dify_workflow._logs.pager import LogMemory, LogPager
from dify_workflow._logs.tail import TailCore
from dify_workflow._logs.walk import LogScope, LogWalk, in_order, whole_second
from support.logs import BASE, ListedLog, places, row

seeds = st.integers(0, 2**32)
bursts = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 4), st.integers(0, 500)),
        st.one_of(st.integers(1, 5), st.integers(1, 60), st.sampled_from([99, 100, 101, 300])),
    ),
    max_size=8,
)
"""Pairs of a second and how many rows it has."""
limits = st.one_of(st.integers(1, 1000), st.sampled_from([1, 2, 99, 100, 101]))

thorough = settings(max_examples=50)


def rows_of(pairs: list[tuple[int, int]], chance: random.Random) -> list[WorkflowLogs]:
    return [
        row(second, chance, chance.choice(["succeeded", "failed", "running"]), chance.choice("ab"))
        for second, count in pairs
        for _ in range(count)
    ]


def walked(log: ListedLog, scope: LogScope = LogScope()) -> list[WorkflowLogs]:  # noqa: B008  # frozen
    walk, rows = LogWalk(scope), []
    while not walk.ended:
        rows += log.drive(walk.step())
    return rows


def churn(chance: random.Random, share: float) -> Callable[[ListedLog], None]:
    """Rows appear at the head, up to two seconds late, and others are deleted anywhere."""

    def change(log: ListedLog) -> None:
        newest = max((row.created_at for row in log.rows.values()), default=BASE) - BASE
        if chance.random() < share:
            log.add(*(row(newest + chance.randint(-2, 1), chance) for _ in range(3)))
        if chance.random() < share and log.rows:
            del log.rows[chance.choice(list(log.rows))]

    return change


class SwappingLog(ListedLog):
    """A row appears once between the server's count and its reading, in the place of another."""

    has_swapped = False

    def answer(self, query: LogQuery) -> LogAnswer:
        self._chance.seed(0)  # rows of the same time keep their order
        answer = super().answer(query)
        if query.page == 2 and query.after == query.before and not self.has_swapped:
            self.has_swapped = True
            late = row(0, random.Random(1))
            self.add(late)
            answer = LogAnswer((late, *answer.rows[1:]), answer.total)
        return answer


def test_a_row_that_appears_between_count_and_rows_does_not_stand_for_another_one() -> None:
    chance = random.Random(0)
    old, newest = [row(0, chance) for _ in range(150)], row(500, chance)
    log = SwappingLog([*old, newest])
    walked_ids = {each.id for each in walked(log, LogScope(by_status=False, by_user=False))}
    assert log.has_swapped
    assert walked_ids >= {each.id for each in [*old, newest]}


@pytest.mark.slow
@thorough
@given(bursts, seeds, st.sampled_from([0.0, 0.05, 0.5]), limits, st.booleans())
def test_rows_that_were_there_throughout_come_once_and_in_order_however_the_log_changes(
    pairs: list[tuple[int, int]], seed: int, share: float, limit: int, hands_over: bool
) -> None:
    chance = random.Random(seed)
    log = ListedLog(rows_of(pairs, chance), seed=seed, change=churn(chance, share))
    start, rows = set(log.rows), list[WorkflowLogs]()
    request = WorkflowLogsRequest(limit=max(limit, len(start) // 10, 1))
    memory = LogMemory()
    pager = LogPager(request, memory)
    while True:
        page = log.drive(pager.page())
        rows += page.data
        assert len(page) == request.limit or not page.has_more
        if not page.has_more:
            break
        if hands_over:  # to a client that knows nothing but the page
            request = chance.choice(
                [page.next_request(), WorkflowLogsRequest(limit=request.limit, cursor=page.cursor)]
            )
            pager = LogPager(request, chance.choice([memory, LogMemory()]))
    assert places(rows) == sorted(set(places(rows)), reverse=True)
    assert start & set(log.rows) <= {row.id for row in rows}


@thorough
@given(bursts, seeds, limits)
def test_in_a_quiet_log_has_more_and_total_are_exact(
    pairs: list[tuple[int, int]], seed: int, limit: int
) -> None:
    log = ListedLog(rows_of(pairs, random.Random(seed)), seed=seed)
    everything = in_order(log.rows.values())
    start = random.Random(seed).randint(0, len(everything))
    place = LogPosition.of(everything[start - 1]) if start else None
    request = WorkflowLogsRequest(
        limit=limit, last_id=place and place.id, last_created_at=place and place.created_at
    )
    page = log.drive(LogPager(request, LogMemory()).page())
    assert list(page) == everything[start : start + limit]
    assert page.has_more == (len(everything) > start + limit)
    assert page.total == len(everything)


@thorough
@given(bursts, seeds)
def test_pages_beyond_the_first_are_read_in_overfull_seconds_alone(
    pairs: list[tuple[int, int]], seed: int
) -> None:
    log = ListedLog(rows_of(pairs, random.Random(seed)), seed=seed)
    walked(log)
    size = Counter(row.created_at for row in log.rows.values())
    for query in log.queries:
        if query.page > 1:
            assert query.after is not None
            assert query.after == query.before
            assert size[query.after] > 100


# -------------------------------------------------------------------------- windows and seconds


def test_a_walk_stays_within_its_bounds() -> None:
    chance = random.Random(0)
    log = ListedLog(rows_of([(second, 30) for second in range(30)], chance))
    scope = LogScope(after=BASE + 5, before=BASE + 20)
    rows = walked(log, scope)
    assert {row.created_at - BASE for row in rows} == set(range(5, 21))
    assert len(rows) == 16 * 30
    assert all(query.after == BASE + 5 for query in log.queries)


def test_a_walk_whose_first_second_is_overfull_ends_with_it() -> None:
    log = ListedLog(rows_of([(0, 250), (200, 150), (400, 1)], random.Random(0)))
    rows = walked(log, LogScope(after=BASE))
    assert len(rows) == 401
    assert all(query.before is None or query.before >= BASE for query in log.queries)


def test_a_row_deleted_while_the_server_counts_makes_no_difference() -> None:
    log = ListedLog(rows_of([(second, 7) for second in range(100)], random.Random(0)))
    chance = random.Random(0)
    walk, rows = LogWalk(LogScope()), list[WorkflowLogs]()
    while not walk.ended:
        steps = walk.step()
        query = next(steps)
        try:
            while True:  # the server counts a row that is gone when it reads
                answer = log.answer(query)
                query = steps.send(LogAnswer(answer.rows, answer.total + chance.randint(0, 1)))
        except StopIteration as end:
            rows += end.value
    assert places(rows) == places(in_order(log.rows.values()))


@pytest.mark.parametrize(("size", "again"), [(40, False), (41, True), (60, True)])
def test_where_no_row_may_be_read_twice_a_count_shows_whether_a_second_lacks_rows(
    size: int, again: bool
) -> None:
    log = ListedLog(rows_of([(100, 60), (50, size), (10, 5)], random.Random(0)))
    place = LogPosition(BASE + 101, "")
    walk = LogWalk(LogScope(), LogBookmark(place, LogHead(BASE + 1000, None)), spare=0)
    rows = list[WorkflowLogs]()
    while not walk.ended:
        rows += log.drive(walk.step())
    assert places(rows) == places(in_order(log.rows.values()))
    windows = [(query.after, query.before) for query in log.queries]
    apart = [(BASE + 50, BASE + 50)] if again else []
    assert windows == [(None, BASE + 101), (None, BASE + 49), *apart]


def test_rows_that_appear_late_do_not_hide_others_where_these_are_read_again() -> None:
    """As many rows appear behind a cut as it hid: only reading the second again shows that."""
    chance = random.Random(0)
    seconds = [(0, 60), (100, 60), (200, 60), (300, 41), (301, 60)]

    def change(log: ListedLog) -> None:
        if len(log.queries) == 1:
            log.add(*rows_of([(250, 1)], chance))

    log = ListedLog(rows_of(seconds, chance), change=change)
    start = set(log.rows)
    assert start <= {row.id for row in walked(log)}


@pytest.mark.parametrize("stubborn", [False, True])
@pytest.mark.parametrize("count", [101, 200, 300, 1000])
def test_an_overfull_second_is_read_whole(count: int, stubborn: bool) -> None:
    chance = random.Random(count)
    log = ListedLog(rows_of([(0, count)], chance), seed=count, stubborn=stubborn)
    rows = log.drive(whole_second(BASE, LogScope()))
    assert places(rows) == places(in_order(log.rows.values()))


@pytest.mark.parametrize(
    ("scope", "narrowed"),
    [
        (LogScope(), {"status", "created_by_end_user_session_id"}),
        (LogScope(by_status=False), {"created_by_end_user_session_id"}),
        (LogScope(by_user=False), {"status"}),
        (LogScope(by_status=False, by_user=False), set[str]()),
    ],
)
def test_an_overfull_second_is_divided_by_what_the_request_leaves_open(
    scope: LogScope, narrowed: set[str]
) -> None:
    log = ListedLog(rows_of([(0, 300)], random.Random(0)))
    log.drive(whole_second(BASE, scope))
    assert {name for query in log.queries for name in query.narrowed} == narrowed


@thorough
@given(seeds, st.integers(101, 600), st.sampled_from([0.0, 0.02, 0.3]))
def test_a_settled_second_is_read_whole_although_rows_are_deleted(
    seed: int, count: int, share: float
) -> None:
    chance = random.Random(seed)

    def delete(log: ListedLog) -> None:
        if chance.random() < share:
            del log.rows[chance.choice(list(log.rows))]

    log = ListedLog(rows_of([(0, count)], chance), seed=seed, change=delete)
    rows = log.drive(whole_second(BASE, LogScope(), is_settled=True))
    assert len(rows) == len({row.id for row in rows})
    assert log.rows.keys() <= {row.id for row in rows}


@pytest.mark.parametrize(("newest", "clock"), [(5, 30), (0, 61)], ids=["newer rows", "the clock"])
def test_a_second_is_settled_by_newer_rows_or_by_the_clock(newest: int, clock: int) -> None:
    """Otherwise a row may appear while another one goes, and the count does not show it."""

    def queries(newest: int, clock: int) -> int:
        seconds = [(0, 437), *([(newest, 1)] if newest else [])]
        log = ListedLog(rows_of(seconds, random.Random(0)), stubborn=True)
        walk = LogWalk(LogScope(), clock=lambda: BASE + clock)
        rows = list[WorkflowLogs]()
        while not walk.ended:
            rows += log.drive(walk.step())
        assert len(rows) == len(log.rows)
        return len(log.queries)

    settled = queries(newest, clock)
    assert settled < 60
    for unsettled in (queries(0, 30), queries(2, 30)):  # read more than once
        assert unsettled > 1.5 * settled


def test_a_second_with_hidden_rows_raises_an_error_with_their_number() -> None:
    log = ListedLog(rows_of([(0, 150)], random.Random(0)))
    hidden = set(list(log.rows)[:3])
    steps = whole_second(BASE, LogScope())
    query = next(steps)
    with pytest.raises(
        LogWindowUnstableError, match=r"150 rows at 2026-11-22T.*only 147"
    ) as caught:
        while True:
            answer = log.answer(query)
            shown = tuple(row for row in answer.rows if row.id not in hidden)
            query = steps.send(LogAnswer(shown, answer.total))
    assert (caught.value.second, caught.value.found, caught.value.total) == (BASE, 147, 150)
    assert len(log.queries) < 500


def test_a_step_that_failed_can_be_taken_again() -> None:
    log = ListedLog(rows_of([(second, 30) for second in range(100)], random.Random(0)))
    chance = random.Random(1)
    walk, rows = LogWalk(LogScope()), list[WorkflowLogs]()
    while not walk.ended:
        steps = walk.step()
        query = next(steps)
        try:
            while chance.random() < 0.7:
                query = steps.send(log.answer(query))
            steps.close()
        except StopIteration as end:
            rows += end.value
    assert places(rows) == places(in_order(log.rows.values()))


# ---------------------------------------------------------------------------------- new rows


@thorough
@given(bursts, seeds, st.booleans())
def test_a_tail_gives_each_new_row_once_also_those_that_come_late(
    pairs: list[tuple[int, int]], seed: int, from_place: bool
) -> None:
    chance = random.Random(seed)
    log = ListedLog(rows_of(pairs, chance), seed=seed)
    old = in_order(log.rows.values())
    skipped = chance.randrange(len(old)) if old and from_place else 0
    request = WorkflowLogsRequest()
    if old and from_place:
        place = LogPosition.of(old[skipped])
        request = WorkflowLogsRequest(last_id=place.id, last_created_at=place.created_at)
    tail = TailCore(request, LogMemory())
    log.drive(tail.begin())
    come = list[WorkflowLogs]()
    for _ in range(5):
        newest = max((row.created_at for row in log.rows.values()), default=BASE) - BASE
        log.add(*(row(newest + chance.randint(-2, 3), chance) for _ in range(chance.randint(0, 4))))
        log.drive(tail.poll())
        while (new := tail.pop()) is not None:
            come.append(new)
    expected = log.rows.keys() - {row.id for row in old[skipped:]}
    assert sorted(row.id for row in come) == sorted(expected)
    assert places(come[:skipped]) == sorted(places(come[:skipped]))


def test_a_tail_of_a_quiet_log_reads_little() -> None:
    log = ListedLog(rows_of([(second, 20) for second in range(50)], random.Random(0)))
    tail = TailCore(WorkflowLogsRequest(), LogMemory())
    log.drive(tail.begin())
    log.queries.clear()
    for _ in range(3):
        log.drive(tail.poll())
    assert tail.pop() is None
    assert [query.after for query in log.queries] == [BASE + 46] * 3
