"""How many runs go on at once: halved when refused, raised slowly, no faster than the rate."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_workflow import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    DifyError,
    InvalidRequestError,
    InvalidResponseError,
    NotFoundError,
    RateLimitError,
    RunOutcomeUnknownError,
    ServerError,
    StreamInterruptedError,
)
from dify_workflow.batch.errors import ErrorClass, classify, is_congestion, may_be_away
from dify_workflow.batch.limiter import LONGEST_PAUSE, RatePolicy
from dify_workflow.errors import Outcome


def test_a_refusal_halves_and_runs_that_began_before_it_say_nothing_new() -> None:
    policy = RatePolicy(8)
    policy.refused(now=10.0, begun=9.0)
    assert policy.limit == 4
    policy.refused(now=10.1, begun=9.5)
    assert policy.limit == 4
    policy.refused(now=11.0, begun=10.5)
    assert policy.limit == 2
    assert policy.wait(now=100.0, in_flight=2) is None
    assert policy.wait(now=100.0, in_flight=1) == 0


def test_as_many_runs_as_go_on_raise_the_limit_by_one_and_no_higher_than_asked_for() -> None:
    policy = RatePolicy(4)
    policy.refused(0, 0)
    for _ in range(3):
        policy.taken()
    assert 3 < policy.limit < 3.5
    for _ in range(100):
        policy.taken()
    assert policy.limit == 4


def test_what_the_server_asks_to_wait_is_waited() -> None:
    policy = RatePolicy(4)
    policy.refused(now=5.0, begun=4.0, retry_after=7.0)
    assert policy.wait(now=5.0, in_flight=0) == 7.0
    assert policy.wait(now=12.0, in_flight=0) == 0


@pytest.mark.parametrize("asked", [None, 0.0, 0.001])
def test_pauses_grow_while_nothing_is_taken(asked: float | None) -> None:
    policy = RatePolicy(1)
    waits: list[float] = []
    for second in range(0, 1000, 100):
        policy.refused(second, second, asked)
        wait = policy.wait(second, 0)
        assert wait is not None
        waits.append(wait)
    assert waits[0] <= 0.25
    assert LONGEST_PAUSE / 2 <= waits[-1] <= LONGEST_PAUSE
    policy.taken()
    policy.refused(2000, 2000)
    assert (policy.wait(2000, 0) or 0) <= 0.25


@given(st.floats(0.1, 1000), st.lists(st.floats(0, 5), min_size=2, max_size=50))
def test_runs_begin_no_faster_than_the_rate(rate: float, steps: list[float]) -> None:
    policy, now = RatePolicy(1000, rate), 0.0
    begun: list[float] = []
    for step in steps:
        now += step
        wait = policy.wait(now, 0)
        assert wait is not None
        now += wait
        policy.begin(now)
        begun.append(now)
    for first, second in pairwise(begun):
        assert second - first >= 1 / rate - 1e-6


def status(cls: type[DifyError], code: int, **others: object) -> DifyError:
    return cls("run_workflow", status_code=code, code=None, **{"message": "", **others})  # type: ignore[call-arg]  # an APIStatusError


def of(outcome: Outcome | None, error: DifyError, run_id: str | None = None) -> DifyError:
    """The error, as the client raises it."""
    error.outcome, error.run_id = outcome, run_id
    return error


FAILURES = [
    APIConnectionError("", request_sent=False),
    APIConnectionError("", request_sent=True),
    RunOutcomeUnknownError(""),
    InvalidResponseError(""),
    *(status(APIStatusError, code) for code in (400, 408, 425, 499)),
    *(status(ServerError, code) for code in (500, 502, 503, 521)),
    status(ServerError, 503, headers={"retry-after": "3"}),
    status(RateLimitError, 429),
    StreamInterruptedError(""),
]


@pytest.mark.parametrize("error", FAILURES, ids=repr)
def test_the_outcome_of_an_error_says_whether_its_row_ran(error: DifyError) -> None:
    assert classify(of("unknown", error)) is ErrorClass.UNCERTAIN
    assert classify(of("unknown", error, "r")) is ErrorClass.LOST
    assert classify(of("running", error, "r")) is ErrorClass.BROKEN
    assert classify(of("not_run", error)) in {
        ErrorClass.REFUSED,
        ErrorClass.FAILED,
        ErrorClass.FATAL,
    }


LIMIT_OF_ONE = "Too many concurrent requests allowed for x is 1."


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (APIConnectionError("", request_sent=False), ErrorClass.REFUSED),
        (InvalidResponseError(""), ErrorClass.REFUSED),
        (status(RateLimitError, 400, message="Too many requests."), ErrorClass.REFUSED),
        (status(RateLimitError, 429), ErrorClass.REFUSED),
        (status(RateLimitError, 400, message=LIMIT_OF_ONE), ErrorClass.FATAL),
        (status(ServerError, 502), ErrorClass.REFUSED),
        (status(AuthenticationError, 401), ErrorClass.FATAL),
        (status(NotFoundError, 404), ErrorClass.FATAL),
        (status(BadRequestError, 400), ErrorClass.FAILED),
        (status(APIStatusError, 413), ErrorClass.FAILED),
        (status(APIStatusError, 301), ErrorClass.FATAL),
        (InvalidRequestError(""), ErrorClass.FAILED),
        (ConfigurationError(""), ErrorClass.FATAL),
    ],
)
@pytest.mark.parametrize("outcome", ["not_run", None])
def test_of_what_was_not_run_the_error_says_whose_fault_that_is(
    error: DifyError, expected: ErrorClass, outcome: Outcome | None
) -> None:
    assert classify(of(outcome, error)) is expected


def test_a_key_that_is_withdrawn_while_runs_go_on_ends_the_batch() -> None:
    assert classify(of("running", status(AuthenticationError, 401), "r")) is ErrorClass.FATAL


def test_a_server_may_be_away_where_it_has_not_answered_itself() -> None:
    behind = RunOutcomeUnknownError("")
    behind.__cause__ = StreamInterruptedError("")
    assert not may_be_away(behind)
    behind.__cause__.__cause__ = APIConnectionError("", request_sent=True)
    assert may_be_away(behind)
    assert may_be_away(status(ServerError, 502))
    assert not may_be_away(status(ServerError, 500))


def test_pool_errors_and_failures_of_the_server_are_congestion() -> None:
    behind = RunOutcomeUnknownError("")
    behind.__cause__ = status(ServerError, 502)
    assert is_congestion(behind)
    assert is_congestion(APIConnectionError("", request_sent=False))
    assert not is_congestion(status(BadRequestError, 400))
