"""A server that answers every request with the same JSON."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.recordings import recording
from support.replay import Exchange, ReplayServer, Request

KEY = "app-test-key"


class Answering:
    """Answers every request with the same JSON, and keeps the requests."""

    def __init__(self, server: ReplayServer, body: Any, **head: Any) -> None:
        self.requests: list[Request] = []
        self._body = json.dumps(body).encode()
        self._head = head
        self.url = server.handle(self._answer)

    def _answer(self, exchange: Exchange) -> None:
        self.requests.append(exchange.request)
        exchange.whole(self._body, **self._head)

    @property
    def request(self) -> Request:
        (request,) = self.requests
        return request

    @property
    def path(self) -> str:
        return urlsplit(self.request.target).path.partition("/v1")[2]

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.request.target).query, keep_blank_values=True)

    @property
    def json(self) -> Any:
        return json.loads(self.request.body)


BLOCKING = json.loads(recording("1.14.2/run_blocking_echo").body)
FILE = json.loads(recording("1.14.2/upload_ok_png").body)
