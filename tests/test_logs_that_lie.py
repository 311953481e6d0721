"""A log with invalid answers: the number of requests is bounded, and the error shows the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from dify_workflow import DifyError, InvalidResponseError, LogWindowUnstableError
from support.logs import BASE
from support.replay import Exchange, ReplayServer
from support.tiers import MOSTLY_ASYNC
from support.worlds import World

METHODS: dict[str, Callable[[Any], Any]] = {
    "logs": lambda client: client.logs(),
    "iter_logs": lambda client: list(client.iter_logs()),
    "tail_logs": lambda client: next(client.tail_logs(poll_interval=0.01)),
}


def row(number: int = 0, **changes: Any) -> dict[str, Any]:
    run = {"id": f"run-{number}", "version": "1", "status": "succeeded", "error": None}
    numbers = {"elapsed_time": 0.1, "total_tokens": 0, "total_steps": 1, "created_at": BASE}
    user = {"id": "u", "type": "service-api", "is_anonymous": False, "session_id": "ann"}
    return {
        "id": f"row-{number}",
        "workflow_run": {**run, **numbers, "finished_at": BASE, "exceptions_count": 0},
        "created_from": "service-api",
        "created_by_role": "end_user",
        "created_by_account": None,
        "created_by_end_user": user,
        "created_at": BASE,
        **changes,
    }


class Log:
    """Answers each request with the same rows and the same total."""

    def __init__(
        self, server: ReplayServer, rows: Callable[[int], list[Any]], total: Any, most: int = 2000
    ) -> None:
        self.calls = 0
        self._rows = rows
        self._total = total
        self._most = most
        self.url = server.handle(self._answer)

    def _answer(self, exchange: Exchange) -> None:
        self.calls += 1
        if self.calls > self._most:
            exchange.whole(b'{"message": "the client asks for ever"}', 500)
            return
        page = {"page": 1, "limit": 100, "total": self._total, "has_more": True}
        body = json.dumps({**page, "data": self._rows(self.calls)}).encode()
        exchange.whole(body, x_version="1.14.2")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("total", [1, 100, 2**40])
def test_an_answer_with_the_same_row_twice_is_an_error(
    method: str, total: int, both: World, server: ReplayServer
) -> None:
    log = Log(server, lambda _call: [row()] * 100, total)
    with pytest.raises(InvalidResponseError, match="a row appears twice"):
        METHODS[method](both.client(base_url=log.url))
    assert log.calls == 1


@MOSTLY_ASYNC
@pytest.mark.parametrize("method", METHODS)
def test_a_total_that_never_comes_is_given_up(
    method: str, both: World, server: ReplayServer
) -> None:
    log = Log(server, lambda _call: [row(number) for number in range(100)], 2**40)
    with pytest.raises(LogWindowUnstableError):
        METHODS[method](both.client(base_url=log.url))
    assert log.calls < 1_500


STRANGE: list[Any] = ["x", 7, 1.5, [], [1], {}, {"a": [1]}, True, 10**30, None]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", STRANGE, ids=repr)
@pytest.mark.parametrize(
    "key", ["id", "created_at", "created_by_end_user", "created_by_account", "workflow_run"]
)
def test_a_row_with_a_strange_value_is_read_or_an_error_that_says_so(
    key: str, value: Any, method: str, both: World, server: ReplayServer
) -> None:
    if method == "tail_logs" and key not in {"id", "created_at"}:
        return  # such a row may be an old one, which is not new for ever
    log = Log(server, lambda _call: [row(**{key: value})], 1)
    client = both.client(base_url=log.url, max_retries=0)
    try:
        if method == "tail_logs":
            client.tail_logs(poll_interval=0.01)
        else:
            METHODS[method](client)
    except DifyError as error:
        assert method in str(error)
    assert log.calls < 50


@pytest.mark.parametrize("total", ["1", None, 1.5, True, []])
def test_a_total_that_is_not_a_number_is_an_error(
    total: Any, both: World, server: ReplayServer
) -> None:
    log = Log(server, lambda _call: [row()], total)
    with pytest.raises(InvalidResponseError):
        both.client(base_url=log.url).logs()
