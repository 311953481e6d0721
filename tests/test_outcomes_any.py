"""Whatever a server sends as the answer to a run: it is sent once, and the outcome is named."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dify_workflow import DifyError
from dify_workflow._base_error import Outcome
from support import events
from support.events import FINISHED, RUN, TASK
from support.lost_answers import MODES, run
from support.pace import hurried
from support.replay import Exchange, ReplayServer
from support.tiers import MOSTLY_ASYNC
from support.worlds import World

STATUSES = (
    200,
    200,
    200,
    200,
    201,
    204,
    206,
    299,
    302,
    400,
    401,
    404,
    408,
    429,
    500,
    502,
    503,
    599,
)
TYPES = ("application/json", "text/event-stream", "text/html", "", "x/\x80")
ENCODINGS = ("", "", "", "gzip", "br", "gzip, gzip", "identity")
ENDED = {"workflow_run_id": RUN, "task_id": TASK, "data": {"id": RUN, **FINISHED}}
PARTS: tuple[bytes, ...] = (
    events.started(),
    events.started(),
    events.text("It was so."),
    events.node_finished("tell", {"text": "It was so."}),
    events.finished(),
    events.finished("failed", error="It failed."),
    events.finished(status=None),
    events.message("workflow_finished"),
    events.message("workflow_paused", {"paused_nodes": [], "reasons": [], "status": "paused"}),
    events.message("error", None, code="invalid_param", message="No.", status=400),
    events.message("workflow_started", {"id": TASK}, workflow_run_id=TASK),
    events.PING,
    json.dumps(ENDED).encode(),
    json.dumps({**ENDED, "data": None}).encode(),
    b'{"code": "too_many_requests", "message": "Wait.", "status": 429}',
    b"<html><head><title>502 Bad Gateway</title></head></html>",
    b"data: [" + b"[" * 400 + b"\n\n",
    b"data: \xff\xfe\n\n",
    b"\x1f\x8b",
    b"null",
    b"\n\n",
)


ODD: tuple[Any, ...] = (None, 5, -1.5, "", "x", True, [], [None], {}, {"a": None}, "[1]", 10**30)
"""Values of a wrong type, for any field."""

odd_fields = st.dictionaries(st.sampled_from(("id", *FINISHED)), st.sampled_from(ODD), max_size=3)


@dataclass(frozen=True)
class Reply:
    """An answer, as bytes."""

    head: bytes
    body: bytes


Follows: TypeAlias = bytes | dict[str, Any]
"""What every other request is answered with: a page, or the run and its row with odd fields."""


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Answers that a proxy, a bug or an attacker may send."""
    odd = events.finished(**draw(odd_fields))
    body = b"".join(draw(st.lists(st.sampled_from((*PARTS, odd)), max_size=5)))
    body = body[: draw(st.sampled_from((len(body), len(body), max(0, len(body) - 7))))]
    encoding = draw(st.sampled_from(ENCODINGS))
    if encoding.startswith("gzip") and draw(st.booleans()):
        body = gzip.compress(body)
    lines = [f"HTTP/1.1 {draw(st.sampled_from(STATUSES))} OK", "x-version: 1.14.2"]
    if kind := draw(st.sampled_from(TYPES)):
        lines.append(f"content-type: {kind}")
    if encoding:
        lines.append(f"content-encoding: {encoding}")
    framing = draw(st.sampled_from(("none", "none", "right", "short", "long", "chunked", "broken")))
    lengths = {"right": len(body), "short": len(body) // 2, "long": len(body) + 9}
    if framing in lengths:
        lines.append(f"content-length: {lengths[framing]}")
    elif framing != "none":
        lines.append("transfer-encoding: chunked")
        end = b"0\r\n\r\n" if framing == "chunked" else b"zz\r\n"
        body = b"%x\r\n%s\r\n%s" % (len(body), body, end) if body else end
    return Reply(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body)


class Once:
    """Answers runs with a reply, and closes the connection. What follows finds other answers."""

    def __init__(self, server: ReplayServer, reply: Reply, follows: Follows) -> None:
        self.posts = 0
        self._reply = reply
        self._follows = follows
        self.url = server.handle(self._answer)

    def _answer(self, exchange: Exchange) -> None:
        if exchange.request.method == "POST":
            self.posts += 1
            exchange.send(self._reply.head + self._reply.body)
        elif isinstance(self._follows, bytes):
            exchange.whole(self._follows, content_type="text/html")
        elif "/workflows/run/" in exchange.request.target:
            detail = {"id": RUN, **FINISHED, "inputs": {}, **self._follows}
            exchange.whole(json.dumps(detail).encode())
        elif "/logs" in exchange.request.target:
            row = {"id": TASK, "workflow_run": {"id": RUN, **self._follows}, **self._follows}
            exchange.whole(json.dumps({"data": [row], "total": 1, **self._follows}).encode())
        else:
            body = b'{"code": "not_found", "message": "None.", "status": 404}'
            exchange.whole(body, 404, "NOT FOUND")


@MOSTLY_ASYNC
@pytest.mark.parametrize("mode", MODES)
def test_a_run_is_sent_once_and_each_error_names_an_outcome_whatever_is_answered(
    mode: str, both: World, server: ReplayServer
) -> None:
    @settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
    @given(replies(), st.just(b"<html></html>") | odd_fields)
    def holds(reply: Reply, follows: Follows) -> None:
        served = Once(server, reply, follows)
        client = both.client(
            base_url=served.url,
            check_inputs=False,
            max_retries=0,
            lost_run_timeout=0.05,
            timeout=httpx.Timeout(5),
        )
        hurried(client)
        try:
            result = run(client, mode)
        except DifyError as error:
            assert error.outcome in get_args(Outcome), error
            assert (error.outcome == "running") <= (error.run_id is not None), error
            if reply.head.startswith(b"HTTP/1.1 2") and b"workflow_finished" in reply.body:
                assert error.outcome != "not_run", error
        else:
            assert result.id in {RUN, TASK}
            assert isinstance(result.status, str)
            assert result.status not in {"", "running"} or mode == "submit"
        assert served.posts == 1

    holds()
