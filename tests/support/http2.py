"""A server that speaks HTTP/2, without TLS."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from support import events


class _App:
    """Runs that are refused, fail, or end when a stop of any task says so."""

    def __init__(self) -> None:
        self._go_on = asyncio.Event()
        self.closing = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        body = json.loads((await receive())["body"])
        if scope["path"].endswith("/stop"):
            self._go_on.set()
            await _whole(send, 200, {"result": "success"})
        elif body["inputs"]["kind"] == "refused":
            await _whole(send, 400, {"code": "invalid_param", "message": "refused"})
        else:
            await _head(send, 200, b"text/event-stream")
            await self._stream(body["inputs"]["kind"], send)

    async def _stream(self, kind: str, send: Any) -> None:
        if kind == "error":
            error = {"status": 400, "code": "invalid_param", "message": "no luck"}
            await _piece(send, events.message("error", **error))
            await self.closing.wait()
        else:
            await _piece(send, events.started())
            await self._go_on.wait()
            await _piece(send, events.finished())
        await send({"type": "http.response.body", "body": b""})


async def _head(send: Any, status: int, content_type: bytes) -> None:
    headers = [(b"content-type", content_type)]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _piece(send: Any, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _whole(send: Any, status: int, body: Any) -> None:
    await _head(send, status, b"application/json")
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


@contextmanager
def http2_server() -> Iterator[str]:
    """The base URL of a running server."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]  # hypercorn closes it
    config.graceful_timeout = 0.1
    loop = asyncio.new_event_loop()
    app = _App()
    running = threading.Thread(
        target=loop.run_until_complete,
        args=(serve(app, config, shutdown_trigger=app.closing.wait),),
    )
    running.start()
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        loop.call_soon_threadsafe(app.closing.set)
        running.join()
        loop.close()
