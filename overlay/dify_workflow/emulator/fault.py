"""One fault, which comes between an answer of the emulator and the client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, get_args

import attrs

from .. import _checks as checks
from .._json import JSONObject

Ending = Literal["cut", "reset", "stall", "close"]
"""How a stream ends too early.

``cut`` closes the connection in the middle of the body, ``reset`` breaks it (TCP RST), ``stall``
sends nothing more and keeps it open. ``close`` ends the body as if it were complete."""

StopWinner = Literal["queue", "engine"]
"""Which part of the server sees the stop of a run first: its event queue or its engine."""

Met = Literal["answer", "stream", "stop"]

Edit = Callable[[JSONObject], Iterable[JSONObject]]
"""Takes an event and returns the events to send in its place."""

_NGINX = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
)
_REASONS = {502: "502 Bad Gateway", 503: "503 Service Unavailable", 504: "504 Gateway Time-out"}
_CODES = {429: ("rate_limit_error", "Too many requests."), 500: ("unknown", "Internal Error")}


@attrs.frozen
class Answer:
    """An answer in place of the emulator's own.

    Args:
        status: HTTP status.
        body: The body.
        content_type: Its content type.
        headers: Further headers.

    Raises:
        TypeError: A value has another type.
        ValueError: The status or a header cannot be sent.
    """

    status: int
    body: str
    content_type: str = "application/json"
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def __attrs_post_init__(self) -> None:
        checks.check_number("status", self.status, 200, 999, is_whole=True)
        checks.check_type("body", self.body, str)
        checks.check_header("content_type", self.content_type)
        for each in (*self.headers, *self.headers.values()):
            checks.check_header("headers", each)


def error_answer(status: int) -> Answer:
    """Return the page of a proxy for 502 to 504, and Dify's JSON for other errors.

    Raises:
        TypeError: The status is not a whole number.
        ValueError: It cannot be sent.
    """
    if status in _REASONS:
        return Answer(status, _NGINX.format(_REASONS[status]), "text/html")
    code, message = _CODES.get(status, ("unknown", "An error on demand."))
    return Answer(status, json.dumps({"code": code, "message": message, "status": status}))


@attrs.frozen
class Fault:
    """One fault.

    Args:
        on: Start of method and path of the requests, without the base URL's path, such as
            ``"POST /workflows/run"``; empty for any.
        delay: Seconds before the answer.
        answer: An answer in place of the emulator's own.
        unanswered: Whether `ending` comes before the first byte of any answer.
        runs_anyway: Whether the server handles the request although the client gets another
            answer or none.
        start_delay: Seconds until a streamed run enters the queue of the workers.
        ending: How a stream ends too early.
        after_events: Number of events after which it ends; None for no such limit.
        after_bytes: Number of bytes after which it ends; None for no such limit.
        after_pings: Number of pings after which it ends; None for no such limit.
        drops: Number of first events that are not sent.
        edit: Changes events.
        splits: Whether each byte is sent alone.
        without_pings: Whether no ping is sent.
        kills_worker: Whether the run's worker dies at the point where the stream would end.
        stop_winner: Which part sees a stop first, ``queue`` or ``engine``.

    Raises:
        TypeError: A value has another type.
        ValueError: A number is negative, or another value is unknown.
    """

    on: str = ""
    delay: float = 0.0
    answer: Answer | None = None
    unanswered: bool = False
    runs_anyway: bool = False
    start_delay: float = 0.0
    ending: Ending | None = None
    after_events: int | None = None
    after_bytes: int | None = None
    after_pings: int | None = None
    drops: int = 0
    edit: Edit | None = None
    splits: bool = False
    without_pings: bool = False
    kills_worker: bool = False
    stop_winner: StopWinner | None = None

    def __attrs_post_init__(self) -> None:
        checks.check_requests("on", self.on)
        if self.answer is not None:
            checks.check_type("answer", self.answer, Answer)
        if self.edit is not None and not callable(self.edit):
            raise TypeError(f"edit must be a function, not {self.edit!r}.")
        checks.check_choice("ending", self.ending, (*get_args(Ending), None))
        checks.check_choice("stop_winner", self.stop_winner, (*get_args(StopWinner), None))
        for name in ("delay", "start_delay"):
            checks.check_number(name, getattr(self, name))
        for name in ("after_events", "after_bytes", "after_pings", "drops"):
            if getattr(self, name) is not None:
                checks.check_number(name, getattr(self, name), is_whole=True)
        for name in ("unanswered", "runs_anyway", "splits", "without_pings", "kills_worker"):
            checks.check_type(name, getattr(self, name), bool)

    @property
    def meets(self) -> Met:
        """What it applies to: any ``answer``, only a ``stream``, or a ``stop``."""
        if self.stop_winner:
            return "stop"
        return "answer" if self.answer or self.delay or self.unanswered else "stream"
