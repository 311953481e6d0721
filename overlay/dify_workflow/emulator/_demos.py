"""The workflows that the emulator serves when it is given none."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from .._json import JSONObject
from ._nodes import failing_node, handled_failure, http_request, llm, node
from ._steps import Step, Text
from ._workflow import Input, Workflow, workflow

Body = Generator[Step, Any, JSONObject]

_STORY = (
    "A workflow server in a box",
    " starts in a blink,",
    " streams each word as a model would,",
    " and forgets everything",
    " when you are done.",
)


@workflow(
    Input("topic", label="Topic", max_length=80),
    Input("style", "select", label="Style", required=False, options=["plain", "loud"]),
)
def story(inputs: JSONObject) -> Body:
    """Search, write, check: a workflow to look at while it runs."""
    topic = inputs["topic"]
    yield from node(
        "search",
        type="http-request",
        title="Search",
        inputs={"query": topic},
        outputs={"status_code": 200, "hits": 3},
        seconds=0.4,
    )
    pieces = [f"On {topic}: ", *_STORY]
    if inputs.get("style") == "loud":
        pieces = [piece.upper() for piece in pieces]
    yield from llm("write", pieces, title="Write", prompt=f"Write about {topic}.", delay=0.12)
    text = "".join(pieces)
    yield from node(
        "check", title="Check", inputs={"text": text}, outputs={"words": len(text.split())}
    )
    return {"text": text, "words": len(text.split())}


@workflow(Input("name"))
def echo(inputs: JSONObject) -> Body:
    """Start and end: gives back the name."""
    yield Text(inputs["name"], ("start", "name"))
    return {"greeting": inputs["name"]}


@workflow(Input("secs", "number", required=False, default=1))
def slow(inputs: JSONObject) -> Body:
    """A request that takes its time."""
    seconds = inputs["secs"]
    body = f'{{"slept": {seconds}}}'
    yield from http_request("slowreq", seconds=seconds, body=body, title="Slow request")
    return {"body": body}


@workflow(Input("msg", required=False))
def failing(_inputs: JSONObject) -> Body:
    """A code node that raises."""
    yield from failing_node("boom", "RuntimeError: kaboom", title="Boom")
    return {}


@workflow(Input("msg", required=False))
def partial(_inputs: JSONObject) -> Body:
    """A node that fails and is handled: the run succeeds in part."""
    outputs = {"result": "fallback"}
    yield from handled_failure("risky", "RuntimeError: kaboom", outputs=outputs, title="Risky")
    yield Text("fallback", ("risky", "result"))
    return {"result": "fallback"}


DEMOS: tuple[Workflow, ...] = (story, echo, slow, failing, partial)
"""The built-in workflows."""
