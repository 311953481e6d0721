"""Relays runs of a workflow to browsers: uvicorn app:app, with DIFY_API_KEY and DIFY_BASE_URL."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from dify_workflow import (
    AsyncDifyWorkflow,
    DifyError,
    NodeFinished,
    NodeStarted,
    StreamGap,
    TextChunk,
    UnreadableEvent,
)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    async with AsyncDifyWorkflow() as workflow:  # one for all browsers
        yield {"workflow": workflow}


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def page() -> FileResponse:
    return FileResponse(Path(__file__).with_name("page.html"))


@app.get("/runs", response_class=EventSourceResponse)
async def run(request: Request, topic: str) -> AsyncIterator[ServerSentEvent]:
    workflow: AsyncDifyWorkflow = request.state.workflow
    end = {"status": "failed", "message": "The workflow server cannot be reached now."}
    try:
        async with workflow.run_workflow_stream({"topic": topic}) as stream:
            async for event in stream:
                match event:  # all that the page shows
                    case NodeStarted(data=node) | NodeFinished(data=node):
                        status = getattr(node, "status", "running")
                        told = {"id": node.node_id, "title": node.title, "status": status}
                        yield ServerSentEvent(event="node", data=told)
                    case TextChunk(data=chunk):
                        yield ServerSentEvent(event="text", data=chunk.text)
                    case StreamGap() | UnreadableEvent():
                        yield ServerSentEvent(event="text", data=" […] ")
        ended = await stream.result()
        end = {"status": ended.status, "message": ended.message or ""}
    except DifyError:
        logging.getLogger("uvicorn.error").exception("A run could not be relayed")
    yield ServerSentEvent(event="done", data=end)
