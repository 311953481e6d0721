"""Apps that fail, completely or in part."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from dify_workflow.emulator import (
    BeginNode,
    EndNode,
    Input,
    NodeError,
    RetryNode,
    Text,
    Workflow,
    workflow,
)
from support.apps.steps import BEFORE_1_13, BETWEEN, Body, JSONObject, answered


def raised(text: str) -> str:
    return f"Traceback (most recent call last):\n  …\nValueError: {text}\n"


def _gave_up(version: str, url: str) -> tuple[str, JSONObject]:
    """What a request node says that has got 500 each time, and what it gives."""
    if version == "1.16":
        return "Request failed with status code 500", {"status_code": 500, "body": ""}
    count = " (0)" if version in BEFORE_1_13 else ""
    return f"Reached maximum retries{count} for URL {url}", {}


def failing_apps(version: str) -> list[Workflow]:
    @workflow(Input("msg", required=False))
    def failing(inputs: JSONObject) -> Body:
        error = raised(f"boom: {inputs['msg']}")
        yield BeginNode("boom", "code", "Boom", dict(inputs))
        yield EndNode("boom", status="failed", error=error)
        raise NodeError(error)

    def boom(inputs: JSONObject, outputs: JSONObject, strategy: str) -> Generator[Any, Any, None]:
        shown = {**outputs, "error_message": raised("boom"), "error_type": "CodeExecutionError"}
        yield BeginNode("boom", "code", "Boom", dict(inputs))
        metadata = {"error_strategy": strategy}
        yield EndNode("boom", shown, "exception", raised("boom"), metadata)

    @workflow(Input("msg", required=False))
    def partial(inputs: JSONObject) -> Body:
        yield from boom(inputs, {"result": "fallback"}, "default-value")
        yield Text("fallback", ("boom", "result"))
        return {"result": "fallback"}

    @workflow(Input("msg", required=False))
    def failbranch(inputs: JSONObject) -> Body:
        yield from boom(inputs, {}, "fail-branch")
        return {"why": raised("boom"), "type": "CodeExecutionError"}

    @workflow(Input("url"))
    def httpreq(inputs: JSONObject) -> Body:
        path = inputs["url"].partition("8999")[2]
        yield BeginNode("req", "http-request", "HTTP Request")
        if path == "/status/200":
            body = '{"status": 200}'
            yield Text(body, ("req", "body"))
            yield BETWEEN
            yield Text("200", ("req", "status_code"))
            yield answered("req", path, body)
            return {"body": body, "status": 200}
        error, given = "Server disconnected without sending a response.", {}
        asked: JSONObject = {}
        if path != "/drop":
            error, given = _gave_up(version, inputs["url"])
            asked = {"request": f"GET {path} HTTP/1.1\r\n\r\n"}
        for _ in range(2):
            yield RetryNode("req", error, asked, given)
        yield EndNode("req", given, "failed", error, process_data=asked)
        raise NodeError(error)

    return [failing, partial, failbranch, httpreq]
