"""How the command line writes text, numbers and times. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dify_workflow.cli.options import since, until
from dify_workflow.errors import InvalidRequestError
from dify_workflow.timeline.text import clock, counted, duration

NOW = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (0, "0.00 s"),
        (9.994, "9.99 s"),
        (10, "10.0 s"),
        (59.94, "59.9 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (7265, "2 h 1 min"),
    ],
)
def test_durations_are_for_people(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


def test_times_that_no_clock_shows_are_shown_as_numbers() -> None:
    assert clock(None) == ""
    assert clock(10**18) == str(10**18)
    assert datetime.fromisoformat(clock(NOW.timestamp().__int__())).astimezone() == NOW


def test_numbers_have_their_nouns() -> None:
    assert [counted(1, "retry"), counted(2, "retry"), counted(1234, "token")] == [
        "1 retry",
        "2 retries",
        "1,234 tokens",
    ]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("3d", NOW - timedelta(days=3)),
        ("1w", NOW - timedelta(weeks=1)),
        ("2026-01-31T14:00Z", datetime(2026, 1, 31, 14, tzinfo=UTC)),
        ("2026-01-31T14:00+02:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31 14:00", datetime(2026, 1, 31, 14).astimezone()),
    ],
)
def test_bounds_of_time_mean_the_same_on_both_sides(text: str, moment: datetime) -> None:
    assert since(text, "--since", NOW) == moment
    assert until(text, "--until", NOW) == moment


def test_a_day_is_meant_from_its_beginning_to_its_end() -> None:
    midnight = datetime(2026, 1, 31).astimezone()
    assert since("2026-01-31", "--since", NOW) == midnight
    assert until("2026-01-31", "--until", NOW) == midnight + timedelta(hours=24, seconds=-1)


@pytest.mark.parametrize("text", ["", "2", "2x", "-2h", "yesterday", "2026-02-30", "9" * 20 + "w"])
def test_what_is_no_time_is_refused(text: str) -> None:
    for bound, option in ((since, "--since"), (until, "--until")):
        with pytest.raises(InvalidRequestError, match=f"{option} takes a duration before now"):
            bound(text, option, NOW)
