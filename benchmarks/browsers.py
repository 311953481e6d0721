"""Browsers that read a relay: they call its app (ASGI) in this process, without a web server."""

from __future__ import annotations

from asyncio import Event, gather
from typing import Any

_BROWSERS = 100


async def browse(app: Any, **state: Any) -> int:
    """Read a run in each of 100 browsers at once, and return the number of texts.

    Args:
        app: The app of the relay.
        state: What its lifespan has made.
    """
    return sum(await gather(*(_browse(app, state) for _ in range(_BROWSERS))))


async def _browse(app: Any, state: dict[str, Any]) -> int:
    texts = 0

    async def receive() -> None:
        await Event().wait()  # the browser stays to the end

    async def send(message: dict[str, Any]) -> None:
        nonlocal texts
        texts += message.get("body", b"").count(b"event: text")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/runs",
        "query_string": b"topic=boxes",
        "headers": [],
        "state": state,
    }
    await app(scope, receive, send)
    return texts
