"""A request is sent again only where that is safe, and after the right wait."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_workflow import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    DifyError,
    InvalidResponseError,
    RateLimitError,
    ServerError,
)
from dify_workflow._http.failures import status_error
from dify_workflow._http.retry import pause, wait_before_retry, without_waiting
from support import events
from support.events import RUN, TASK
from support.recordings import recording
from support.replay import Exchange, ReplayServer
from support.worlds import World


def status(code: int, **headers: str) -> DifyError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status_error("call", code, named, "{}")


def dify_429(code: str = "too_many_requests", **headers: str) -> DifyError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"code": code, "message": "Too many requests.", "status": 429})
    return status_error("call", 429, named, body)


LIMIT = status_error("call", 400, {}, recording("1.14.2/rate_blocking_second").body.decode())

DECISIONS: list[tuple[str, DifyError, bool, bool]] = [
    # what happened, the error, again if repeatable, again if not
    ("never sent", APIConnectionError("x", request_sent=False), True, True),
    ("perhaps sent", APIConnectionError("x", request_sent=True), True, False),
    ("connecting took too long", APITimeoutError("x", request_sent=False), True, True),
    ("no answer in time", APITimeoutError("x", request_sent=True), True, False),
    ("refused by Dify: too many", dify_429("too_many_requests"), True, True),
    ("refused by Dify: a quota", dify_429("rate_limit_error"), True, True),
    ("refused: the concurrency limit", LIMIT, True, True),
    ("refused by whoever: too many", status(429), True, False),
    ("refused by whoever: too many, later", status(429, retry_after="1"), True, False),
    ("unavailable, later", status(503, retry_after="1"), True, False),
    ("a request that timed out", status(408), True, False),
    ("too early", status(425), True, False),
    ("unavailable", status(503), True, False),
    *((f"{code}", status(code), True, False) for code in (500, 502, 504, 520, 521, 522, 523, 524)),
    *((f"{code}", status(code), False, False) for code in (400, 401, 403, 404, 405, 412, 413, 415)),
    ("501", status(501), False, False),
    ("525", status(525), False, False),
    ("an answer that cannot be read", InvalidResponseError("x"), False, False),
]


@pytest.mark.parametrize(
    ("error", "repeatable", "other"),
    [row[1:] for row in DECISIONS],
    ids=[row[0] for row in DECISIONS],
)
def test_decisions(error: DifyError, *, repeatable: bool, other: bool) -> None:
    def again(*, is_repeatable: bool) -> bool:
        wait = wait_before_retry(error, attempt=1, max_retries=2, repeatable=is_repeatable)
        return wait is not None

    assert again(is_repeatable=True) is repeatable
    assert again(is_repeatable=False) is other


def test_it_is_sent_again_so_often_and_no_oftener() -> None:
    error = APIConnectionError("x", request_sent=False)
    waits = [
        wait_before_retry(error, attempt=attempt, max_retries=2, repeatable=True)
        for attempt in (1, 2, 3)
    ]
    assert [wait is not None for wait in waits] == [True, True, False]
    assert wait_before_retry(error, attempt=1, max_retries=0, repeatable=True) is None


@given(st.integers(1, 50))
def test_waits_are_jittered_and_grow_to_a_bound(attempt: int) -> None:
    wait = wait_before_retry(status(500), attempt=attempt, max_retries=99, repeatable=True)
    assert wait is not None
    assert 0 <= wait <= min(8.0, 0.5 * 2 ** (attempt - 1))


def test_what_the_server_asks_for_is_kept_up_to_a_minute() -> None:
    def wait(**headers: str) -> float | None:
        error = dify_429("rate_limit_error", **headers)
        return wait_before_retry(error, attempt=1, max_retries=1, repeatable=False)

    assert wait(retry_after="7") == 7
    assert wait(retry_after="0.5") == 0.5
    assert wait(retry_after="-3") == 0
    assert wait(retry_after="60") == 60
    assert wait(retry_after="61") is None
    soon = wait(retry_after=format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True))
    assert soon is not None
    assert 18 < soon <= 20
    assert wait(retry_after=format_datetime(datetime.now(UTC) + timedelta(days=1))) is None
    past = format_datetime(datetime.now(UTC) - timedelta(days=1))
    assert wait(retry_after=past) == 0


def test_refusals_of_the_concurrency_limit_have_a_time_limit() -> None:
    def wait(attempt: int, left: float, **more: Any) -> float | None:
        return wait_before_retry(
            LIMIT, attempt=attempt, max_retries=0, repeatable=False, queue_left=left, **more
        )

    assert wait(99, 60) is not None
    assert wait(1, 0) is None
    assert all((wait(9, 0.1) or 0) <= 0.1 for _ in range(20)), "no longer than what is left"
    by_the_book = dify_429("too_many_requests")
    assert wait_before_retry(by_the_book, attempt=9, max_retries=0, repeatable=False) is not None
    quota = dify_429("rate_limit_error")
    assert wait_before_retry(quota, attempt=1, max_retries=0, repeatable=False) is None


def test_a_wait_that_the_server_asks_for_must_fit_into_the_queue_timeout() -> None:
    body = recording("1.14.2/rate_blocking_second").body.decode()
    asking = status_error("call", 400, {"retry-after": "20"}, body)
    for left, wait in ((60, 20), (19, None)):
        assert wait == wait_before_retry(
            asking, attempt=1, max_retries=0, repeatable=False, queue_left=left
        )


@pytest.mark.parametrize("value", ["0", "-5", "0.001", "Wed, 21 Oct 2009 07:28:00 GMT"])
def test_a_server_that_asks_for_no_wait_is_not_asked_without_end(value: str) -> None:
    body = recording("1.14.2/rate_blocking_second").body.decode()
    asking = status_error("call", 400, {"retry-after": value}, body)
    waits = [
        wait_before_retry(asking, attempt=9, max_retries=0, repeatable=False) or 0.0
        for _ in range(200)
    ]
    assert sum(waits) > 60, "200 requests take longer than the time limit for the queue"


def test_an_error_has_the_wait_that_the_server_asks_for() -> None:
    for error in (status(429, retry_after="61"), status(503, retry_after="61")):
        assert isinstance(error, APIStatusError)
        assert error.retry_after == 61
    assert LIMIT.retry_after is None


def test_waiting_can_be_switched_off() -> None:
    assert pause(5) == 0
    with without_waiting():
        assert pause(5) == 0
    assert pause(5) == 0, "the outer one still holds"


def refused_for(retry_after: str) -> APIStatusError:
    error = status(429, retry_after=retry_after)
    assert isinstance(error, APIStatusError)
    return error


@pytest.mark.parametrize("value", ["", "soon", "Fri, 99 Foo 2026", "1e999 s", "nan", "inf"])
def test_an_invalid_retry_after_is_ignored(value: str) -> None:
    assert refused_for(value).retry_after is None


def test_a_date_without_a_zone_is_meant_in_utc() -> None:
    text = (datetime.now(UTC) + timedelta(seconds=20)).strftime("%a, %d %b %Y %H:%M:%S -0000")
    asked = refused_for(text).retry_after
    assert asked is not None
    assert 18 < asked <= 20


# ------------------------------------------------------------------------------ over the wire


@pytest.fixture(autouse=True)
def _no_waits() -> Iterator[None]:
    with without_waiting():
        yield


class Failing:
    """Fails so often in some way, then answers with a recording."""

    def __init__(self, server: ReplayServer, times: int, fail: Any, then: str) -> None:
        self.seen: Counter[str] = Counter()
        self._left = times
        self._fail = fail
        self._then = recording(then)
        self.url = server.handle(self._answer)

    def _answer(self, exchange: Exchange) -> None:
        self.seen[exchange.request.method] += 1
        if self._left:
            self._left -= 1
            self._fail(exchange)
            return
        exchange.whole(self._then.body, self._then.status)


def refuse(code: int, **headers: str) -> Any:
    return lambda exchange: exchange.whole(b"{}", code, **headers)


def quota(exchange: Exchange) -> None:
    """How Dify's cloud refuses for now, before anything runs."""
    body = b'{"code": "rate_limit_error", "message": "Rate Limit Error", "status": 429}'
    exchange.whole(body, 429)


def cut(_exchange: Exchange) -> None:
    """The connection is closed without an answer."""


@pytest.mark.parametrize("fail", [refuse(502), refuse(429, retry_after="0"), cut])
def test_a_look_up_is_sent_again(fail: Any, both: World, server: ReplayServer) -> None:
    finished = recording("1.14.2/ev1_detail_finished")
    failing = Failing(server, 2, fail, finished.id)
    run_id = json.loads(finished.body)["id"]
    assert both.client(base_url=failing.url).info(run_id).status == "succeeded"
    assert failing.seen == {"GET": 3}


def test_stopping_is_sent_again(both: World, server: ReplayServer) -> None:
    failing = Failing(server, 1, refuse(502), "1.14.2/stop1_stop")
    assert both.client(base_url=failing.url).stop_workflow_stream(TASK).result == "success"
    assert failing.seen == {"POST": 2}


def test_the_last_error_is_raised_when_nothing_helps(both: World, server: ReplayServer) -> None:
    failing = Failing(server, 9, refuse(502), "1.14.2/ev1_detail_finished")
    with pytest.raises(ServerError):
        both.client(base_url=failing.url, max_retries=3).info(RUN)
    assert failing.seen == {"GET": 4}


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
@pytest.mark.parametrize("fail", [refuse(500), refuse(502), refuse(504), cut])
def test_a_run_that_may_have_arrived_is_never_sent_again(
    fail: Any, mode: str, both: World, server: ReplayServer
) -> None:
    failing = Failing(server, 1, fail, "1.14.2/run_blocking_echo")
    client = both.client(base_url=failing.url, check_inputs=False)
    with pytest.raises(DifyError):
        client.run_workflow({}, response_mode=mode)
    assert failing.seen["POST"] == 1


def test_a_run_that_breaks_off_in_the_stream_is_never_sent_again(
    both: World, server: ReplayServer
) -> None:
    posts: list[str] = []

    def handler(exchange: Exchange) -> None:
        posts.append(exchange.request.method)
        exchange.start_stream()
        exchange.chunk(events.started())

    client = both.client(
        base_url=server.handle(handler), check_inputs=False, max_reattach=1, lost_run_timeout=0.2
    )
    with pytest.raises(DifyError):
        client.run_workflow({})
    assert posts.count("POST") == 1
    assert set(posts) == {"POST", "GET"}


def test_a_run_that_was_refused_before_it_ran_is_sent_again(
    both: World, server: ReplayServer
) -> None:
    limit = recording("1.14.2/rate_blocking_second")

    def fail(exchange: Exchange) -> None:
        exchange.whole(limit.body, limit.status)

    failing = Failing(server, 2, fail, "1.14.2/run_blocking_echo")
    client = both.client(base_url=failing.url)
    assert client.run_workflow({}, response_mode="blocking").status == "succeeded"
    assert failing.seen == {"POST": 3}
    with pytest.raises(RateLimitError):
        failing = Failing(server, 9, fail, "1.14.2/run_blocking_echo")
        client.with_options(base_url=failing.url, queue_timeout=0).run_workflow(
            {}, response_mode="blocking"
        )


def test_uploads_and_forms_that_may_have_arrived_are_never_sent_again(
    both: World, server: ReplayServer
) -> None:
    for call in (
        lambda client: client.upload_file(b"x"),
        lambda client: client.submit_human_input_form("t", "a", {}),
        lambda client: client.text_to_audio("x").read(),
        lambda client: client.audio_to_text(b"x"),
    ):
        failing = Failing(server, 1, cut, "1.14.2/upload_ok_png")
        with pytest.raises(APIConnectionError):
            call(both.client(base_url=failing.url))
        assert failing.seen == {"POST": 1}


def test_a_pipe_that_was_refused_for_now_is_not_sent_again(
    both: World, server: ReplayServer
) -> None:
    failing = Failing(server, 1, quota, "1.14.2/upload_ok_png")
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as end:
        end.write(b"once")
    with os.fdopen(reading, "rb") as pipe, pytest.raises(RateLimitError):
        both.client(base_url=failing.url).upload_file(pipe, filename="p.txt")
    assert failing.seen == {"POST": 1}


def test_a_file_that_was_refused_for_now_is_sent_whole_at_the_second_attempt(
    both: World, server: ReplayServer
) -> None:
    failing = Failing(server, 1, quota, "1.14.2/upload_ok_png")
    sizes: list[int] = []
    answer = failing._answer

    def counting(exchange: Exchange) -> None:
        sizes.append(len(exchange.request.body))
        answer(exchange)

    both.client(base_url=server.handle(counting)).upload_file(b"x" * 1000, filename="x.txt")
    assert len(sizes) == 2
    assert sizes[0] == sizes[1] > 1000


# ------------------------------------------------------------------------- the concurrency limit


def limited(times: int) -> Any:
    """How the server refuses a run while that many others go on."""
    body = recording("1.14.2/rate_blocking_second").body.replace(b" is 1.", b" is %d." % times)
    return lambda exchange: exchange.whole(body, 400)


def test_a_run_waits_in_the_queue_however_often_it_is_refused(
    both: World, server: ReplayServer
) -> None:
    failing = Failing(server, 7, limited(5), "1.14.2/run_blocking_echo")
    client = both.client(base_url=failing.url, max_retries=0, queue_timeout=60)
    run = client.run_workflow({}, response_mode="blocking")
    assert (run.status, failing.seen) == ("succeeded", {"POST": 8})


def test_without_retries_a_run_does_not_wait_in_the_queue_either(
    both: World, server: ReplayServer
) -> None:
    failing = Failing(server, 7, limited(5), "1.14.2/run_blocking_echo")
    client = both.client(base_url=failing.url, max_retries=0)
    with pytest.raises(RateLimitError) as caught:
        client.run_workflow({}, response_mode="blocking")
    assert caught.value.outcome == "not_run"
    assert failing.seen == {"POST": 1}


def test_the_queue_has_an_end(both: World, server: ReplayServer) -> None:
    failing = Failing(server, 10_000, limited(5), "1.14.2/run_blocking_echo")
    client = both.client(base_url=failing.url, queue_timeout=20)
    with pytest.raises(RateLimitError) as caught:
        client.run_workflow({}, response_mode="blocking")
    assert caught.value.limit == 5
    assert 4 < failing.seen["POST"] < 100
    failing.seen.clear()
    with pytest.raises(RateLimitError):
        client.with_options(queue_timeout=0).run_workflow({}, response_mode="blocking")
    assert failing.seen == {"POST": 1}


def test_failures_of_another_kind_do_not_count_against_the_queue_nor_it_against_them(
    both: World, server: ReplayServer
) -> None:
    kinds = iter([limited(5), quota, limited(5), quota, limited(5)])

    def fail(exchange: Exchange) -> None:
        next(kinds)(exchange)

    failing = Failing(server, 5, fail, "1.14.2/run_blocking_echo")
    client = both.client(base_url=failing.url, max_retries=2)
    assert client.run_workflow({}, response_mode="blocking").status == "succeeded"
    assert failing.seen == {"POST": 6}


def test_a_stream_that_the_limit_can_never_let_in_does_not_wait(
    both: World, server: ReplayServer
) -> None:
    """It takes two places for a moment, and the limit is one."""
    failing = Failing(server, 9, limited(1), "1.14.2/run_blocking_echo")
    client = both.client(base_url=failing.url, check_inputs=False)
    with pytest.raises(RateLimitError, match="use response_mode='blocking'"):
        client.run_workflow({})
    assert failing.seen == {"POST": 1}
    with pytest.raises(RateLimitError) as caught:
        client.with_options(queue_timeout=0).run_workflow({}, response_mode="blocking")
    assert "use response_mode" not in str(caught.value)
