"""Event streams of the emulator, message by message."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs
import orjson

from .._json import JSONObject
from .payloads import Payloads

if TYPE_CHECKING:
    from .run import Run
    from .state import State
    from .store import RunRecord

PING = b"event: ping\n\n"

TERMINAL = ("workflow_finished", "workflow_paused")
"""Events after which the server ends a stream; ``error`` is not one of them."""


class Streams:
    """Writes streams."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._dialect = state.dialect
        self._settings = state.settings

    # ---------------------------------------------------------------------- POST /workflows/run

    async def of_run(self, run: Run) -> AsyncIterator[bytes]:
        """Stream a run from its start. All pings but the first come from its worker."""
        if self._dialect.has_workers:
            yield PING
        ended = False
        try:
            async for event in self._events(run, 0, of_worker=True):
                if event is None:
                    yield PING
                    continue
                yield self._message(event)
                if event["event"] in TERMINAL:
                    ended = True
                    if self._dialect.lingers:
                        await self._pause(self._settings.linger)
                    return
        finally:
            run.was_left = not ended

    async def last_event(self, run: Run) -> JSONObject | None:
        """Wait for the end or the first pause of a run, for the blocking mode.

        Returns:
            The event; None if the run's worker died.
        """
        while run.is_alive and not self._state.closing.is_set():
            if run.events and run.events[-1]["event"] in TERMINAL:
                return run.events[-1]
            await run.changed()
        return None

    async def hold(self) -> None:
        """Send nothing for as long as a silent stream stays open."""
        await self._pause(self._settings.silence)

    # ----------------------------------------------------------- GET /workflow/{run_id}/events

    async def of_finished(self, record: RunRecord) -> AsyncIterator[bytes]:
        """Stream a run that has ended: only its last event, in another format."""
        payload = Payloads(self._dialect, record, self._settings.now).finished(
            record.status, record.error
        )
        assert record.finished is not None
        data = payload | {
            "elapsed_time": record.elapsed,
            "finished_at": int(record.finished),
            "exceptions_count": record.exceptions,
        }
        ids = {"task_id": record.id, "workflow_run_id": record.id}
        text = json.dumps({"event": "workflow_finished", **ids, "data": data})
        yield f"data: {text}\n\n".encode()

    def of_active(
        self, record: RunRecord, run: Run | None, *, snapshot: bool, continues: bool
    ) -> AsyncIterator[bytes]:
        """Stream a run that has not ended.

        Past and future events are separated here, at once: the run may continue, and even end,
        before the stream is read.

        Args:
            record: The run.
            run: The run itself; None if only its record is ``running``.
            snapshot: Whether past events are sent first.
            continues: Whether the stream continues after a pause; without a snapshot it always
                does.
        """
        position = len(run.events) if run else 0
        past = self._replay(record) if snapshot else []
        ends = () if continues and not snapshot else TERMINAL[: 1 if continues else 2]
        return self._followed(run, position, past, ends)

    async def _followed(
        self, run: Run | None, position: int, past: list[JSONObject], ends: tuple[str, ...]
    ) -> AsyncIterator[bytes]:
        yield PING
        for event in past:
            yield self._message(event)
        if past and past[-1]["event"] in ends:
            return
        async for live in self._events(run, position, of_worker=False):
            if live is None:
                yield PING
            elif run is not None and run.is_published:
                yield self._message(live)
                if live["event"] in ends:
                    if self._dialect.lingers:
                        await self._pause(self._settings.linger)
                    return

    def _replay(self, record: RunRecord) -> list[JSONObject]:
        """Return past events, with fewer keys than in the live stream, and without text."""
        is_paused = record.status == "paused"
        task_id = record.task_id if is_paused else record.id
        payloads = Payloads(self._dialect, record, self._settings.now)
        started = payloads.started("initial") | {"inputs": record.kept_inputs}
        past: list[tuple[str, JSONObject]] = [("workflow_started", started)]
        for node in self._state.store.nodes_of(record.id):
            past.append(("node_started", _replayed_start(node)))
            if node["status"] != "running":
                past.append(("node_finished", _replayed_end(node)))
        if is_paused:
            forms = self._state.forms.of_pause(record.id)
            if not self._dialect.since(1, 16):
                forms = [attrs.evolve(form, content=form.template) for form in forms]
            past += [("human_input_required", payloads.form_required(form)) for form in forms]
            past.append(("workflow_paused", payloads.paused(forms)))
        ids = {"task_id": task_id, "workflow_run_id": record.id}
        return [{"event": name, **ids, "data": data} for name, data in past]

    # ----------------------------------------------------------------------------- the messages

    async def _events(
        self, run: Run | None, position: int, *, of_worker: bool
    ) -> AsyncIterator[JSONObject | None]:
        """Yield events from a position on, and None for each ping. Ends after the silence.

        The run's worker sends a ping every ten seconds from its start, and the server handles pings
        as events. GET /workflow/{run_id}/events sends its own after ten seconds without an event.
        """
        settings = self._settings
        last = pinged = time.monotonic()
        while not self._state.closing.is_set():
            if run is not None and position < len(run.events):
                yield run.events[position]
                position += 1
                last = time.monotonic()
                pinged = pinged if of_worker else last
                continue
            due = self._due(run, pinged) if of_worker else pinged + settings.ping_interval
            now, end = time.monotonic(), last + settings.silence
            if now >= end:
                return
            if now >= due:
                pinged = due
                last = now if of_worker else last
                yield None
                continue
            changed = run.changed() if run is not None else self._state.closing.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(due, end) - now):
                    await changed

    def _due(self, run: Run | None, pinged: float) -> float:
        """Return the time of the worker's next ping; never if the run has no worker."""
        if run is None or run.working_since is None:
            return math.inf
        return max(pinged, run.working_since) + self._settings.ping_interval

    def _message(self, event: JSONObject) -> bytes:
        if self._dialect.since(1, 8):
            return b"data: " + _compact(event) + b"\n\n"
        return f"data: {json.dumps(event)}\n\n".encode()

    async def _pause(self, seconds: float) -> None:
        """Wait, unless the emulator stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._state.closing.wait()


def _compact(event: JSONObject) -> bytes:
    """Return compact JSON without escaped letters."""
    try:
        return orjson.dumps(event)
    except TypeError:  # whole numbers over 64 bits; the server also writes them with json
        return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _replayed_start(node: JSONObject) -> JSONObject:
    return {
        "id": node["id"],
        "node_id": node["node_id"],
        "node_type": node["node_type"],
        "title": node["title"],
        "index": node["index"],
        "predecessor_node_id": None,
        "inputs": None,
        "created_at": int(node["began"]),
        "extras": {},
        "iteration_id": None,
        "loop_id": None,
    }


def _replayed_end(node: JSONObject) -> JSONObject:
    started = _replayed_start(node)
    del started["extras"]
    return started | {
        "process_data": None,
        "outputs": None,
        "status": node["status"],
        "error": None,
        "elapsed_time": round(node["ended"] - node["began"], 6),
        "execution_metadata": None,
        "finished_at": int(node["ended"]),
        "files": [],
    }
