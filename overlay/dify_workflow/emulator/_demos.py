"""The workflows that the emulator serves when it is given none."""

from __future__ import annotations

from collections.abc import Generator

from .._json import JSONObject
from ._steps import BeginNode, EndNode, Sleep, Step, Text, failing_node, llm, node
from ._workflow import Input, Workflow, workflow

Steps = Generator[Step, None, JSONObject]

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
def story(inputs: JSONObject) -> Steps:
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
def echo(inputs: JSONObject) -> Steps:
    """Start and end: gives back the name."""
    yield Text(inputs["name"], ("start", "name"))
    return {"greeting": inputs["name"]}


@workflow(Input("secs", "number", required=False, default=1))
def slow(inputs: JSONObject) -> Steps:
    """A request that takes its time."""
    seconds = inputs["secs"]
    body = f'{{"slept": {seconds}}}'
    yield BeginNode("slowreq", "http-request", "Slow request")
    yield Sleep(seconds)
    yield EndNode("slowreq", {"status_code": 200, "body": body})
    return {"body": body}


@workflow(Input("msg", required=False))
def failing(_inputs: JSONObject) -> Steps:
    """A code node that raises."""
    yield from failing_node("boom", "RuntimeError: kaboom", title="Boom")
    return {}


@workflow(Input("msg", required=False))
def partial(_inputs: JSONObject) -> Steps:
    """A node that fails and is handled: the run succeeds in part."""
    yield BeginNode("risky", "code", "Risky")
    yield EndNode("risky", {"result": "fallback"}, status="exception", error="RuntimeError: kaboom")
    yield Text("fallback", ("risky", "result"))
    return {"result": "fallback"}


DEMOS: tuple[Workflow, ...] = (story, echo, slow, failing, partial)
"""The built-in workflows."""
