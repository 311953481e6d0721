"""Servers that lose answers, and a log to search."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from dify_workflow import (
    APIStatusError,
    DifyError,
    GatewayTimeoutError,
    InvalidResponseError,
    RateLimitError,
    RunOutcomeUnknownError,
    ServerError,
)
from support.events import RUN
from support.recordings import recording
from support.replay import Exchange, ReplayServer

NOW = 1_795_000_000
"""The server's time, which has nothing to do with the client's."""


def detail(run_id: str, inputs: dict[str, Any]) -> bytes:
    fields = {"id": run_id, "workflow_id": RUN, "status": "running", "inputs": json.dumps(inputs)}
    numbers = {"total_tokens": 0, "total_steps": 0, "created_at": NOW, "elapsed_time": 0.0}
    return json.dumps(
        {**fields, **numbers, "outputs": {}, "error": None, "finished_at": None}
    ).encode()


class Server:
    """Fails each run's POST in some way, and has a log and a clock of its own."""

    def __init__(self, server: ReplayServer, fail: Callable[[Exchange], None]) -> None:
        self.seen: Counter[str] = Counter()
        self.fail = fail
        self.rows: Callable[[int], list[dict[str, Any]]] = lambda _look: []
        self.inputs: dict[str, dict[str, Any]] = {}
        self.has_clock = True
        self._began = time.monotonic()
        self.url = server.handle(self._answer)

    def _answer(self, exchange: Exchange) -> None:
        target = exchange.request.target.partition("?")[0]
        what = next((one for one in ("/logs", "/run/", "/run", "/form/") if one in target), target)
        self.seen[f"{exchange.request.method} {what}"] += 1
        if exchange.request.method == "POST":
            self.fail(exchange)
            return
        if what == "/logs":
            rows = self.rows(self.seen["GET /logs"])
            page = {"page": 1, "limit": 100, "total": len(rows), "has_more": False, "data": rows}
            body = json.dumps(page).encode()
        else:
            run_id = target.rpartition("/")[2]
            body = detail(run_id, self.inputs.get(run_id, {}))
        now = NOW + time.monotonic() - self._began
        headers = {"date": formatdate(now, usegmt=True)} if self.has_clock else {}
        exchange.whole(body, x_version="1.14.2", **headers)


def answer(status: int, body: bytes = b"<html><title>Proxy</title></html>", **headers: str) -> Any:
    headers = {"content_type": "text/html", **headers}
    return lambda exchange: exchange.whole(body, status, **headers)


def closes(exchange: Exchange) -> None:
    """The server takes the request and closes the connection."""


def breaks_the_head(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Ty")


UNKNOWN: dict[str, tuple[Any, type[DifyError]]] = {
    "408": (answer(408), APIStatusError),
    "425": (answer(425), APIStatusError),
    "429 of a gateway": (answer(429, retry_after="0"), RateLimitError),
    "429 of a gateway, as JSON": (
        answer(429, b'{"message": "API rate limit exceeded"}', content_type="application/json"),
        RateLimitError,
    ),
    "499": (answer(499), APIStatusError),
    "500": (answer(500), ServerError),
    "500 of Dify": (answer(500, recording("1.14.2/err_json_string").body), ServerError),
    "502": (answer(502), ServerError),
    "503": (answer(503), ServerError),
    "503 with Retry-After": (answer(503, retry_after="0"), ServerError),
    "503 with a Retry-After that says nothing": (answer(503, retry_after="banana"), ServerError),
    "504": (answer(504), GatewayTimeoutError),
    **{str(code): (answer(code), ServerError) for code in (520, 521, 523, 525, 530, 598)},
    "204": (lambda exchange: exchange.whole(b"", 204), InvalidResponseError),
    "202": (answer(202, b"{}"), InvalidResponseError),
    "200 with HTML": (answer(200), InvalidResponseError),
    "200 with nothing": (answer(200, b""), InvalidResponseError),
    "200 with an encoding that was not requested": (
        answer(200, b"x", content_type="text/event-stream", content_encoding="br"),
        InvalidResponseError,
    ),
    "closed without an answer": (closes, RunOutcomeUnknownError),
    "closed within the head": (breaks_the_head, RunOutcomeUnknownError),
}

MODES = ["streaming", "blocking", "submit"]


def run(client: Any, mode: str, request: Any = None, **options: Any) -> Any:
    if mode == "submit":
        return client.submit_workflow({} if request is None else request, **options)
    return client.run_workflow({} if request is None else request, response_mode=mode, **options)
