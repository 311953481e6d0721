"""the same relay, with bare httpx and orjson"""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import orjson
from fastapi import FastAPI, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

sys.path.append(str(Path(__file__).parents[2]))  # for the next import
from benchmarks.browsers import browse

app = FastAPI()


@app.get("/runs", response_class=EventSourceResponse)
async def run(request: Request, topic: str) -> AsyncIterator[ServerSentEvent]:
    """Relay a run to a browser."""
    body = {"inputs": {"topic": topic}, "user": request.state.user, "response_mode": "streaming"}
    http: httpx.AsyncClient = request.state.http
    async with http.stream("POST", request.state.url, json=body) as answer:
        async for line in answer.aiter_lines():
            if not line.startswith("data: "):
                continue
            event = orjson.loads(line[6:])
            data = event["data"]
            match event["event"]:
                case "node_started" | "node_finished":
                    status = data.get("status", "running")
                    told = {"id": data["node_id"], "title": data["title"], "status": status}
                    yield ServerSentEvent(event="node", data=told)
                case "text_chunk":
                    yield ServerSentEvent(event="text", data=data["text"])
                case "workflow_finished":
                    end = {"status": data["status"], "message": data["error"] or ""}
                    yield ServerSentEvent(event="done", data=end)


class Contestant:
    """Relays the texts and nodes of runs."""

    def __init__(self, base_url: str) -> None:
        self.http = httpx.AsyncClient(
            headers={"Authorization": "Bearer app-key"},
            timeout=60,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )
        self.url = f"{base_url}/workflows/run"

    async def relay(self, scene: str) -> int:
        return await browse(app, http=self.http, url=self.url, user=scene)
