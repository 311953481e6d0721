"""The steps of the recorded apps."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from dify_workflow.emulator import BeginNode, EndNode, Sleep, Text

JSONObject = dict[str, Any]
Body = Generator[Any, Any, JSONObject]


BETWEEN = Text("\n", ("end", "answer"))
"""What stands between two outputs in the streamed text."""

BEFORE_1_13 = {"1.0", "1.7", "1.9"}
BEFORE_1_14 = {*BEFORE_1_13, "1.13"}
"""Versions of which node kinds and apps are a little other."""


class Pace:
    """How long a second of the recorded apps is, in seconds; tests may change it at any time."""

    def __init__(self, second: float) -> None:
        self.usual = self.second = second

    def sleep(self, seconds: float) -> Sleep:
        return Sleep(seconds * self.second)


def code(
    node_id: str,
    title: str,
    inputs: JSONObject,
    outputs: JSONObject,
    *texts: Text,
    kind: str = "code",
) -> Generator[Any, Any, None]:
    yield BeginNode(node_id, kind, title, inputs)
    yield from texts
    yield EndNode(node_id, outputs)


def request(
    pace: Pace, node_id: str, title: str, seconds: str, *texts: Text
) -> Generator[Any, Any, str]:
    """A request to a server that answers after some seconds; returns the body."""
    yield BeginNode(node_id, "http-request", title)
    yield pace.sleep(float(seconds))
    body = f'{{"slept": {float(seconds)}}}'
    yield from (Text(text.text or body, text.selector) for text in texts)
    yield answered(node_id, f"/sleep/{seconds}", body)
    return body


def answered(node_id: str, path: str, body: str) -> EndNode:
    headers = {"server": "x", "date": "x", "content-type": "application/json"}
    headers["content-length"] = str(len(body))
    outputs: JSONObject = {"status_code": 200, "body": body, "headers": headers, "files": []}
    return EndNode(node_id, outputs, process_data={"request": f"GET {path} HTTP/1.1\r\n\r\n"})
