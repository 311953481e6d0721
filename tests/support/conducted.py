"""A run whose events a test sends one by one, to look at the output after each."""

from __future__ import annotations

import json
import queue
from typing import Any

from support.events import TASK, message, started
from support.recordings import recording
from support.replay import Exchange, ReplayServer


class ConductedRun:
    """A server with one run.

    Args:
        server: What listens.
        form: ``user_input_form`` of GET /parameters; None where the app does not tell.
    """

    def __init__(self, server: ReplayServer, form: list[dict[str, Any]] | None = None) -> None:
        self.url = server.handle(self._answer)
        self.stops: queue.Queue[str] = queue.Queue()
        self.inputs: queue.Queue[dict[str, Any]] = queue.Queue()
        self._form = form
        self._pieces: queue.Queue[bytes | None] = queue.Queue()
        self._has_ended = False

    def send(self, *pieces: bytes) -> None:
        """Send pieces of the stream."""
        for piece in pieces:
            self._pieces.put(piece)

    def begin(self) -> None:
        """Send the first event."""
        self.send(started())

    def end(self, *pieces: bytes) -> None:
        """Send the last pieces of the stream, and end it."""
        self.send(*pieces)
        self._pieces.put(None)

    def _answer(self, exchange: Exchange) -> None:
        target = exchange.request.target
        if target.endswith("/parameters"):
            self._tell(exchange)
        elif target.endswith("/stop"):
            self.stops.put(target.split("/")[-2])
            exchange.whole(b'{"result":"success"}')
        elif exchange.request.method == "GET" and self._has_ended:  # and is forgotten
            exchange.whole(b'{"code": "not_found", "message": "none"}', 404, "Not Found")
        else:
            body = json.loads(exchange.request.body or b"{}")
            self.inputs.put(body.get("inputs", {}))
            exchange.start_stream()
            while (piece := self._pieces.get()) is not None:
                exchange.chunk(piece)
            self._has_ended = True
            exchange.end_stream()

    def _tell(self, exchange: Exchange) -> None:
        if self._form is None:
            exchange.whole(b'{"code":"app_unavailable","message":"","status":400}', 400)
        else:
            told = json.loads(recording("1.14.2/get_parameters_files").body)
            exchange.whole(json.dumps({**told, "user_input_form": self._form}).encode())


def node_started(
    name: str, title: str | None = None, kind: str = "code", task_id: str | None = TASK, **data: Any
) -> bytes:
    shown = {"title": title or name.capitalize(), "node_type": kind}
    ids = {"id": f"{name}-1", "node_id": name}
    return message("node_started", {**ids, **shown, **data}, task_id=task_id)


def node_finished(name: str, status: str = "succeeded", **data: Any) -> bytes:
    shown = {"title": name.capitalize(), "node_type": "code", "elapsed_time": 0.25}
    ids = {"id": f"{name}-1", "node_id": name, "status": status}
    return message("node_finished", {**ids, **shown, **data})


def field(kind: str, name: str, **data: Any) -> dict[str, Any]:
    """An input as GET /parameters shows it."""
    shown = {"variable": name, "label": name, "type": kind, "required": True, "options": []}
    return {kind: {**shown, **data}}
