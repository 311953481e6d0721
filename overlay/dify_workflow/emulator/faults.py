"""What goes wrong on demand: between the emulator's answers and whoever asked."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Literal

import attrs

from .._json import JSONObject

Ending = Literal["cut", "reset", "stall", "close"]
"""How a stream ends too early: ``cut`` closes the connection in the middle of the body, ``reset``
breaks it (TCP RST), ``stall`` sends nothing more and keeps it open, ``close`` ends the body as if
it were whole."""

StopWinner = Literal["queue", "engine"]
"""What sees the stop of a run first: the queue of its events or the engine that works on it."""

Met = Literal["answer", "stream", "stop"]

Edit = Callable[[JSONObject], Iterable[JSONObject]]
"""Takes an event and gives those that are sent in its place."""

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
    """

    status: int
    body: str
    content_type: str = "application/json"
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


def by_proxy(status: int) -> Answer:
    """The page of a proxy that does not reach the server.

    Args:
        status: 502, 503 or 504.
    """
    return Answer(status, _NGINX.format(_REASONS[status]), "text/html")


@attrs.frozen
class Fault:
    """One thing that goes wrong.

    Args:
        on: How method and path of the requests begin, without the base URL's path, such as
            ``"POST /workflows/run"``; empty for any.
        delay: Seconds before the answer.
        answer: An answer in place of the emulator's own.
        unanswered: Whether `ending` comes before any byte of the answer, whatever the answer is.
        runs_anyway: Whether the request does its work although there is another answer or none.
        start_delay: Seconds until a streamed run is in the queue of the workers.
        ending: How a stream ends too early.
        after_events: Number of events after which it ends; None for no such bound.
        after_bytes: Number of bytes after which it ends; None for no such bound.
        after_pings: Number of pings after which it ends; None for no such bound.
        drops: Number of first events that are not sent.
        edit: Changes events.
        splits: Whether each byte is sent alone.
        without_pings: Whether no ping is sent.
        kills_worker: Whether the run's worker dies where the stream would end too early.
        stop_winner: What sees a stop first, ``queue`` or ``engine``.
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

    @property
    def meets(self) -> Met:
        """What it meets: any ``answer``, a ``stream`` alone, or a ``stop``."""
        if self.stop_winner:
            return "stop"
        return "answer" if self.answer or self.delay or self.unanswered else "stream"


class Faults:
    """The faults that wait for their requests; each meets as many as it says, in their order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Fault, int | None]] = []
        self.met = 0
        """How often a request has met a fault."""

    def add(self, fault: Fault, *, times: int | None = 1) -> None:
        """Let something go wrong.

        Args:
            fault: What.
            times: With how many requests; None for all.
        """
        with self._lock:
            self._waiting.append((fault, times))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._waiting.clear()

    def remove(self, fault: Fault) -> None:
        """Let something no longer go wrong.

        Args:
            fault: What was added.
        """
        with self._lock:
            self._waiting = [(each, times) for each, times in self._waiting if each is not fault]

    def take(self, request: str, met: Met) -> list[Fault]:
        """The faults that meet a request.

        Args:
            request: Its method and path, without the base URL's path.
            met: Which faults are asked for, by what they meet.
        """
        taken: list[Fault] = []
        kept: list[tuple[Fault, int | None]] = []
        with self._lock:
            for fault, times in self._waiting:
                if fault.meets != met or not request.startswith(fault.on):
                    kept.append((fault, times))
                    continue
                taken.append(fault)
                if times is None or times > 1:
                    kept.append((fault, times and times - 1))
            self._waiting = kept
            self.met += len(taken)
        return taken

    # ---------------------------------------------------------------------------- the usual ones

    def cut_stream(
        self,
        *,
        after_events: int | None = None,
        after_bytes: int | None = None,
        after_pings: int | None = None,
        ending: Ending = "cut",
        on: str = "",
        times: int | None = 1,
    ) -> None:
        """End streams too early; at once, where no bound is given.

        Args:
            after_events: Number of events that are sent.
            after_bytes: Number of bytes that are sent.
            after_pings: Number of pings that are sent.
            ending: How they end.
            on: Which requests; see `Fault`.
            times: With how many requests; None for all.
        """
        if (after_events, after_bytes, after_pings) == (None, None, None):
            after_events = 0
        self.add(
            Fault(
                on,
                ending=ending,
                after_events=after_events,
                after_bytes=after_bytes,
                after_pings=after_pings,
            ),
            times=times,
        )

    def break_connection(
        self,
        *,
        ending: Literal["cut", "reset"] = "cut",
        runs_anyway: bool = False,
        on: str = "",
        times: int | None = 1,
    ) -> None:
        """Break the connection before any byte of the answer.

        Args:
            ending: How it breaks.
            runs_anyway: Whether the request does its work all the same.
            on: Which requests; see `Fault`.
            times: With how many requests; None for all.
        """
        fault = Fault(on, unanswered=True, ending=ending, runs_anyway=runs_anyway)
        self.add(fault, times=times)

    def start_late(self, seconds: float, *, on: str = "", times: int | None = 1) -> None:
        """Let streamed runs reach the queue of the workers late.

        Until then there is neither a record nor a row of the logs. The stream begins with its
        ping all the same, and the run is made although the client has left: with
        ``cut_stream(after_pings=1)`` or ``break_connection(runs_anyway=True)`` it is made when
        the connection has long been broken. Servers before 1.13 have no queue.

        Args:
            seconds: How late.
            on: Which requests; see `Fault`.
            times: With how many requests; None for all.
        """
        self.add(Fault(on, start_delay=seconds), times=times)

    def race_stop(self, winner: StopWinner, *, on: str = "", times: int | None = 1) -> None:
        """Say what sees a stop first, on which the end of the run depends.

        A server stopped right after the first event of a run is a race. Where the queue of the
        run's events wins, 1.14 tells ``stopped`` and its record stays ``running``; where the
        engine does, 1.14 tells ``failed`` and "Aborted: User requested stop", and its record is
        ``stopped``. Without this fault the usual one wins.

        Args:
            winner: ``"queue"`` or ``"engine"``.
            on: Which requests; see `Fault`.
            times: With how many stops; None for all.
        """
        self.add(Fault(on, stop_winner=winner), times=times)

    def delay(self, seconds: float, *, on: str = "", times: int | None = 1) -> None:
        """Answer late; `on` and `times` as in `cut_stream`."""
        self.add(Fault(on, delay=seconds), times=times)

    def answer(
        self,
        status: int,
        body: str | None = None,
        *,
        content_type: str | None = None,
        retry_after: str | int | None = None,
        runs_anyway: bool = False,
        on: str = "",
        times: int | None = 1,
    ) -> None:
        """Answer with an error, as Dify or a proxy before it would.

        Args:
            status: HTTP status.
            body: The body; by default a proxy's page for 502, 503 and 504, else Dify's JSON.
            content_type: Its content type.
            retry_after: ``Retry-After``.
            runs_anyway: Whether the request does its work all the same, as with a proxy that
                gave up.
            on: Which requests; see `Fault`.
            times: With how many requests; None for all.
        """
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        if body is None and status in _REASONS:
            usual = by_proxy(status)
        else:
            code, message = _CODES.get(status, ("unknown", "An error on demand."))
            told = {"code": code, "message": message, "status": status}
            usual = Answer(status, json.dumps(told) if body is None else body)
        kind = content_type or usual.content_type
        answer = attrs.evolve(usual, content_type=kind, headers=headers)
        self.add(Fault(on, answer=answer, runs_anyway=runs_anyway), times=times)

    def drop_first_events(self, count: int, *, on: str = "", times: int | None = 1) -> None:
        """Lose the first events of streams, as a race in Dify does."""
        self.add(Fault(on, drops=count), times=times)

    def edit_events(self, edit: Edit, *, on: str = "", times: int | None = 1) -> None:
        """Change the events of streams.

        Args:
            edit: Takes an event and gives those that are sent in its place.
            on: Which requests; see `Fault`.
            times: With how many requests; None for all.
        """
        self.add(Fault(on, edit=edit), times=times)

    def unknown_event(self, *, on: str = "", times: int | None = 1) -> None:
        """Send an event that nobody knows before each event."""

        def edit(event: JSONObject) -> Iterable[JSONObject]:
            ids = {key: event.get(key) for key in ("workflow_run_id", "task_id")}
            return [{"event": "event_from_tomorrow", **ids, "data": {"news": True}}, event]

        self.edit_events(edit, on=on, times=times)

    def unknown_fields(self, *, on: str = "", times: int | None = 1) -> None:
        """Send a field that nobody knows with each event and its payload."""

        def edit(event: JSONObject) -> Iterable[JSONObject]:
            news = {"field_from_tomorrow": [1]}
            data = {"data": event["data"] | news} if "data" in event else {}
            return [{**event, **news, **data}]

        self.edit_events(edit, on=on, times=times)

    def unknown_status(self, *, on: str = "", times: int | None = 1) -> None:
        """Say of nodes and runs that they ended in a way that nobody knows."""

        def edit(event: JSONObject) -> Iterable[JSONObject]:
            has_status = "status" in event.get("data", {})
            data = {"data": event["data"] | {"status": "frozen"}} if has_status else {}
            return [{**event, **data}]

        self.edit_events(edit, on=on, times=times)

    def split_bytes(self, *, on: str = "", times: int | None = 1) -> None:
        """Send each byte of streams alone."""
        self.add(Fault(on, splits=True), times=times)

    def stop_pings(self, *, on: str = "", times: int | None = 1) -> None:
        """Send no pings on streams."""
        self.add(Fault(on, without_pings=True), times=times)

    def kill_worker(self, *, after_events: int = 0, on: str = "", times: int | None = 1) -> None:
        """Let the worker of streamed runs die.

        No more events or pings come, the connection stays open and the run ``running`` for ever
        (recordings ``kill_worker_*``).

        Args:
            after_events: Number of events that are sent before.
            on: Which requests; see `Fault`.
            times: With how many requests; None for all.
        """
        self.add(
            Fault(on, ending="stall", after_events=after_events, kills_worker=True), times=times
        )


class EndedEarlyError(Exception):
    """A stream has to end too early.

    Args:
        fault: The fault that ends it.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


async def faulty(chunks: AsyncIterator[bytes], faults: Iterable[Fault]) -> AsyncIterator[bytes]:
    """A stream with faults.

    Args:
        chunks: The stream, a message a chunk.
        faults: What goes wrong with it.

    Raises:
        EndedEarlyError: It has to end here.
    """
    for fault in sorted(faults, key=lambda each: each.splits):  # events are counted whole
        chunks = _with(chunks, fault)
    async for chunk in chunks:
        yield chunk


async def _with(chunks: AsyncIterator[bytes], fault: Fault) -> AsyncIterator[bytes]:
    events = pings = sent = 0
    if fault.ending and (fault.after_events == 0 or fault.after_pings == 0):
        raise EndedEarlyError(fault)
    async for chunk in chunks:
        is_event = chunk.startswith(b"data: ")
        events += is_event
        pings += not is_event
        if (is_event and events <= fault.drops) or (fault.without_pings and not is_event):
            continue
        edited = _edited(chunk, fault.edit) if fault.edit and is_event else chunk
        if fault.after_bytes is not None:
            edited = edited[: fault.after_bytes - sent]
        sent += len(edited)
        if fault.splits:
            for byte in edited:
                yield bytes([byte])
        elif edited:
            yield edited
        if fault.ending and (
            (fault.after_events is not None and events >= fault.after_events)
            or (fault.after_bytes is not None and sent >= fault.after_bytes)
            or (fault.after_pings is not None and pings >= fault.after_pings)
        ):
            raise EndedEarlyError(fault)


def _edited(chunk: bytes, edit: Edit) -> bytes:
    event: JSONObject = json.loads(chunk[len(b"data: ") :])
    return b"".join(
        f"data: {json.dumps(each, ensure_ascii=False)}\n\n".encode() for each in edit(event)
    )


async def end_connection(transport: asyncio.Transport, ending: Ending) -> None:
    """Close or break a connection once what was sent has left.

    Args:
        transport: The connection.
        ending: ``cut`` or ``reset``.
    """
    while transport.get_write_buffer_size():  # noqa: ASYNC110  # asyncio has no event for it
        await asyncio.sleep(0.001)
    if ending == "reset":
        raw: socket.socket = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
