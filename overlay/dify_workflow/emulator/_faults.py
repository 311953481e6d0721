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


@attrs.frozen
class Fault:
    """One thing that goes wrong.

    Args:
        on: How method and path of the requests begin, without the base URL's path, such as
            ``"POST /workflows/run"``; empty for any.
        delay: Seconds before the answer.
        answer: An answer in place of the emulator's own.
        runs_anyway: Whether the request does its work although the answer is another.
        ending: How a stream ends too early.
        after_events: Number of events after which it ends; None for no such bound.
        after_bytes: Number of bytes after which it ends; None for no such bound.
        drops: Number of first events that are not sent.
        edit: Changes events.
        splits: Whether each byte is sent alone.
        without_pings: Whether no ping is sent.
        kills_worker: Whether the run's worker dies where the stream would end too early.
    """

    on: str = ""
    delay: float = 0.0
    answer: Answer | None = None
    runs_anyway: bool = False
    ending: Ending | None = None
    after_events: int | None = None
    after_bytes: int | None = None
    drops: int = 0
    edit: Edit | None = None
    splits: bool = False
    without_pings: bool = False
    kills_worker: bool = False

    @property
    def is_of_streams(self) -> bool:
        """Whether it meets event streams alone, and no other answers."""
        return self.answer is None and not self.delay


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

    def take(self, request: str, *, of_streams: bool) -> list[Fault]:
        """The faults that meet a request, or the stream that answers it.

        Args:
            request: Its method and path, without the base URL's path.
            of_streams: Whether a stream answers it, and faults of streams are asked for.
        """
        taken: list[Fault] = []
        kept: list[tuple[Fault, int | None]] = []
        with self._lock:
            for fault, times in self._waiting:
                if fault.is_of_streams != of_streams or not request.startswith(fault.on):
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
        ending: Ending = "cut",
        on: str = "",
        times: int | None = 1,
    ) -> None:
        """End streams too early; at once, where no bound is given.

        Args:
            after_events: Number of events that are sent.
            after_bytes: Number of bytes that are sent.
            ending: How they end.
            on: Which requests; see `Fault`.
            times: With how many requests; None for all.
        """
        after = 0 if after_events is None and after_bytes is None else after_events
        self.add(Fault(on, ending=ending, after_events=after, after_bytes=after_bytes), times=times)

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
            runs_anyway: Whether the request does its work all the same, as behind a proxy that
                gave up.
            on: Which requests; see `Fault`.
            times: With how many requests; None for all.
        """
        by_proxy = body is None and status in _REASONS
        if by_proxy:
            body = _NGINX.format(_REASONS[status])
        elif body is None:
            code, message = _CODES.get(status, ("unknown", "An error on demand."))
            body = json.dumps({"code": code, "message": message, "status": status})
        kind = content_type or ("text/html" if by_proxy else "application/json")
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        answer = Answer(status, body, kind, headers)
        self.add(Fault(on, answer=answer, runs_anyway=runs_anyway), times=times)

    def drop_first_events(self, count: int, *, on: str = "", times: int | None = 1) -> None:
        """Lose the first events of streams (DIFY.md section 0.5)."""
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
    events = sent = 0
    if fault.ending and fault.after_events == 0:
        raise EndedEarlyError(fault)
    async for chunk in chunks:
        is_event = chunk.startswith(b"data: ")
        events += is_event
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
