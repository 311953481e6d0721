"""Cursors continue at their position, or raise an error that says why not."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_workflow import LogCursorError, WorkflowLogsRequest
from dify_workflow._log_cursor import (
    LogBookmark,
    LogHead,
    LogPosition,
    ceil_second,
    decode,
    digest_of,
    encode,
    floor_second,
    moment_of,
)
from support.logs import BASE

MOMENT = datetime(2026, 11, 22, 10, 23, 41, tzinfo=UTC)
PLACE = LogPosition(BASE, "a4e1c9b0-0000-4000-8000-000000000000")
CURSOR = encode(LogBookmark(PLACE), digest_of(WorkflowLogsRequest()))

FILTERS: list[dict[str, Any]] = [
    {"keyword": "x"},
    {"status": "failed"},
    {"created_at_before": MOMENT},
    {"created_at_after": MOMENT},
    {"created_by_end_user_session_id": "x"},
    {"created_by_account": "x"},
]


times = st.integers(-(10**9), 10**11)
heads = st.builds(LogHead, times, st.none() | st.integers(0, 10**9))


@given(times, st.text(st.characters(exclude_categories=["Cs"])), st.none() | heads)
def test_a_cursor_finds_its_place_again(created_at: int, row_id: str, head: LogHead | None) -> None:
    bookmark = LogBookmark(LogPosition(created_at, row_id), head)
    cursor = encode(bookmark, "digest")
    assert decode(cursor, "digest") == bookmark
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", cursor), "URL-safe (RFC 3986 section 2.3)"


@pytest.mark.parametrize("filters", FILTERS, ids=lambda filters: next(iter(filters)))
def test_a_cursor_of_other_filters_is_refused(filters: dict[str, Any]) -> None:
    WorkflowLogsRequest(cursor=CURSOR)
    with pytest.raises(LogCursorError, match="belongs to a request with other filters"):
        WorkflowLogsRequest(cursor=CURSOR, **filters)
    own = encode(LogBookmark(PLACE), digest_of(WorkflowLogsRequest(**filters)))
    WorkflowLogsRequest(cursor=own, **filters)
    for others in FILTERS:
        if others != filters:
            with pytest.raises(LogCursorError):
                WorkflowLogsRequest(cursor=own, **others)


def test_the_same_filters_in_other_words_are_the_same() -> None:
    """An empty text filters nothing, and the log has whole seconds of no zone."""
    east = MOMENT.astimezone(timezone(timedelta(hours=8)))
    within = timedelta(microseconds=1)
    cursor = encode(LogBookmark(PLACE), digest_of(WorkflowLogsRequest(created_at_before=MOMENT)))
    WorkflowLogsRequest(cursor=cursor, created_at_before=east + within, keyword="")
    cursor = encode(LogBookmark(PLACE), digest_of(WorkflowLogsRequest(created_at_after=MOMENT)))
    WorkflowLogsRequest(cursor=cursor, created_at_after=east - within, created_by_account="")


def test_a_page_of_another_length_takes_the_same_cursor() -> None:
    assert WorkflowLogsRequest(cursor=CURSOR, limit=7, max_scan=0).cursor == CURSOR


@pytest.mark.parametrize("index", range(2, len(CURSOR), 5))
def test_a_damaged_cursor_is_refused(index: int) -> None:
    other = "A" if CURSOR[index] != "A" else "B"
    for damaged in (CURSOR[:index], CURSOR[:index] + other + CURSOR[index + 1 :]):
        with pytest.raises(LogCursorError, match="is damaged; check that it was copied completely"):
            WorkflowLogsRequest(cursor=damaged)


@pytest.mark.parametrize("cursor", ["", "2.abc", "abc", 5, "1,", PLACE.id])
def test_an_invalid_cursor_is_refused(cursor: Any) -> None:
    with pytest.raises(LogCursorError, match="is not one of this version of the client"):
        WorkflowLogsRequest(cursor=cursor)


@pytest.mark.parametrize("text", ["1.", "1.é", "1.A", "1.AAAAA=", "1.\n"])
def test_text_that_only_begins_as_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(LogCursorError, match="is damaged"):
        WorkflowLogsRequest(cursor=text)


def test_moments_become_the_seconds_that_bound_the_same_rows() -> None:
    second = int(MOMENT.timestamp())
    within = timedelta(microseconds=1)
    assert floor_second(MOMENT) == ceil_second(MOMENT) == second
    assert (floor_second(MOMENT + within), ceil_second(MOMENT + within)) == (second, second + 1)
    assert (floor_second(MOMENT - within), ceil_second(MOMENT - within)) == (second - 1, second)
    assert moment_of(second) == MOMENT


@pytest.mark.parametrize("edge", [datetime.min, datetime.max])  # noqa: DTZ901  # it gets one
@pytest.mark.parametrize("hours", [-23, 0, 23])
def test_moments_at_the_ends_of_the_calendar_stay_within_it(edge: datetime, hours: int) -> None:
    moment = edge.replace(tzinfo=timezone(timedelta(hours=hours)))
    for second in (floor_second(moment), ceil_second(moment)):
        assert abs(moment_of(second) - moment) < timedelta(days=1)


def forged(content: object) -> str:
    """A cursor whose checksum is right, as whoever reads this code can make one."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    checked = data + crc32(data).to_bytes(4)
    return "1." + urlsafe_b64encode(checked).rstrip(b"=").decode()


DIGEST = digest_of(WorkflowLogsRequest())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not JSON",
        b"\xff",
        {},
        None,
        7,
        [],
        [BASE, "id", DIGEST],
        [BASE, "id", DIGEST, None, 1],
        ["x", "id", DIGEST, None],
        [True, "id", DIGEST, None],
        [1.5, "id", DIGEST, None],
        [10**30, "id", DIGEST, None],
        [-(10**12), "id", DIGEST, None],
        [BASE, 7, DIGEST, None],
        [BASE, None, DIGEST, None],
        [BASE, "id", DIGEST, [BASE]],
        [BASE, "id", DIGEST, [BASE, "x"]],
        [BASE, "id", DIGEST, [BASE, -1]],
        [BASE, "id", DIGEST, [10**30, 1]],
        [BASE, "id", DIGEST, {}],
        [BASE, "id", DIGEST, "ab"],
        [BASE, "id", [DIGEST], None],
    ],
)
def test_a_forged_cursor_is_an_error_of_the_cursor(content: object) -> None:
    with pytest.raises(LogCursorError):
        WorkflowLogsRequest(cursor=forged(content))


@pytest.mark.parametrize("cursor", ["1.☃", "1.=", "1.a", "1." + "A" * 10_000, "1.%00"])
def test_a_damaged_cursor_is_an_error_of_the_cursor(cursor: str) -> None:
    with pytest.raises(LogCursorError):
        WorkflowLogsRequest(cursor=cursor)
