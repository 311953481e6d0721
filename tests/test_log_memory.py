"""Which returned rows a process remembers."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

from dify_workflow import WorkflowLogs
from dify_workflow._log_cursor import LogBookmark, LogHead, LogPosition
from dify_workflow._logs.pager import LogMemory
from support.logs import BASE, row

HEAD = LogHead(BASE + 9, 5)


def rows_of(count: int) -> list[WorkflowLogs]:
    chance = random.Random(0)
    return [row(second, chance) for second in range(count)]


def known(memory: LogMemory, rows: list[WorkflowLogs]) -> list[bool]:
    return [memory.bookmark(each.id, "") is not None for each in rows]


def test_the_rows_that_were_returned_last_are_remembered() -> None:
    rows, memory = rows_of(5), LogMemory(3)
    memory.note(rows, "")
    assert known(memory, rows) == [False, False, True, True, True]
    memory.note(rows[2:3], "")  # again
    memory.note(rows[:2], "")
    assert known(memory, rows) == [True, True, True, False, False]


def test_what_the_log_was_is_remembered_for_the_same_filters_alone() -> None:
    (only,), memory = rows_of(1), LogMemory()
    memory.note([only], "mine", HEAD)
    place = LogPosition.of(only)
    assert memory.bookmark(only.id, "mine") == LogBookmark(place, HEAD)
    assert memory.bookmark(only.id, "other") == LogBookmark(place)
    assert memory.bookmark("another row", "mine") is None


def test_threads_share_it_within_its_bound() -> None:
    rows, memory = rows_of(2000), LogMemory(100)

    def note(start: int) -> None:
        for each in rows[start::8]:
            memory.note([each], "")
            assert memory.bookmark(rows[0].id, "") in {None, LogBookmark(LogPosition.of(rows[0]))}

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(note, range(8)))
    assert sum(known(memory, rows)) == 100
