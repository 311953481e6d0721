"""The workflows that the emulator serves by default."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from .._json import JSONObject
from .nodes import (
    failing_node,
    handled_failure,
    http_request,
    human_input,
    iteration,
    llm,
    loop,
    node,
    parallel,
    retrying_node,
)
from .workflows import (
    BeginNode,
    Emit,
    EndNode,
    FormAction,
    FormInput,
    Input,
    StartError,
    Step,
    Text,
    Workflow,
    workflow,
)

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
    """Search, write, check: a workflow to watch while it runs."""
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
    """Start and end. It returns the name."""
    yield Text(inputs["name"], ("start", "name"))
    return {"greeting": inputs["name"]}


@workflow(Input("secs", "number", required=False, default=1))
def slow(inputs: JSONObject) -> Body:
    """A request that takes some seconds."""
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


@workflow(
    Input("topic", label="Topic", max_length=80),
    Input("hours", "number", label="Hours until the form expires", required=False, default=24),
)
def approval(inputs: JSONObject) -> Body:
    """A draft that a person approves or rejects."""
    draft = f"We should buy more {inputs['topic']}."
    yield from llm("draft", [draft], title="Draft", prompt=f"Propose {inputs['topic']}.")
    answer = yield from human_input(
        "review",
        "# Please review\n\n{{#draft.text#}}\n\nYour comment: {{#$output.comment#}}\n",
        inputs=[FormInput("comment", default="none")],
        actions=[FormAction("approve", "Approve", "primary"), FormAction("reject", "Reject")],
        values={"draft.text": draft},
        title="Review",
        timeout=inputs["hours"] * 3600,
    )
    if answer.timed_out:
        yield from node("remind", title="Remind")
        return {"decision": "nobody answered"}
    return {"decision": answer.action, "comment": answer.inputs["comment"]}


@workflow(
    Input("words", "paragraph", required=False, max_length=2000, default="one two three"),
)
def batch(inputs: JSONObject) -> Body:
    """An iteration over the words."""

    def shout(word: str, _index: int) -> Body:
        return (yield from node("shout", title="Shout", outputs={"text": word.upper()}))

    results = yield from iteration("each", inputs["words"].split(), shout, title="Each word")
    text = " ".join(result["text"] for result in results)
    yield Text(text, ("each", "output"))
    return {"text": text}


@workflow(Input("start", "number", label="Start", required=False, default=3))
def countdown(inputs: JSONObject) -> Body:
    """A loop that counts down."""

    def count(_index: int, variables: JSONObject) -> Generator[Step, Any, JSONObject | None]:
        yield from node("count", title="Count", outputs=variables)
        left = variables["left"] - 1
        return {"left": left} if left > 0 else None

    yield from loop("loop", count, variables={"left": inputs["start"]}, title="Count down")
    return {"text": "lift-off"}


@workflow(Input("retries", "number", label="Failures at first", required=False, default=2))
def flaky(inputs: JSONObject) -> Body:
    """A request that fails a few times before it works."""
    error = "Reached maximum retries for URL https://example.com/"
    outputs = {"status_code": 200, "body": "at last"}
    yield from retrying_node(
        "request", error, retries=inputs["retries"], outputs=outputs, title="Request", seconds=0.1
    )
    return {"body": "at last"}


@workflow(Input("seconds", "number", label="Seconds each", required=False, default=0.5))
def branches(inputs: JSONObject) -> Body:
    """Two requests in parallel."""
    seconds = inputs["seconds"]
    found = yield from parallel(
        http_request("first", seconds=seconds, body="one", title="First"),
        http_request("second", seconds=seconds, body="two", title="Second"),
    )
    return {"bodies": [each["body"] for each in found]}


@workflow(Input("question", label="Question", max_length=200))
def agent(inputs: JSONObject) -> Body:
    """A model that reasons, uses a tool, corrects itself and speaks."""
    question = inputs["question"]
    yield BeginNode("think", "agent", "Think", {"question": question})
    for piece, is_final in (("Which tool? ", False), ("The oracle.", True)):
        thought = {"message_id": None, "reasoning": piece, "node_id": "think"}
        yield Emit("reasoning_chunk", {**thought, "is_final": is_final})
    for status, data in (("start", {"asked": question}), ("success", {"answer": "42"})):
        entry: JSONObject = {"id": "call-1", "label": "CALL oracle", "parent_id": None}
        entry |= {"node_execution_id": "think", "node_id": "think", "metadata": {}}
        yield Emit("agent_log", {**entry, "error": None, "status": status, "data": data})
    yield EndNode("think", {"text": "42"})
    yield Text("41", ("think", "text"), of_model=True)
    yield Emit("text_replace", {"text": "42"})
    picture = {"id": "picture", "type": "image", "belongs_to": "assistant"}
    url = "https://example.com/42.png"
    yield Emit("message_file", {**picture, "url": url}, top_level=True)
    yield Emit("tts_message", {"audio": "SUQzBAAAAAAA"}, top_level=True)
    yield Emit("tts_message_end", {"audio": ""}, top_level=True)
    return {"answer": "42"}


@workflow(
    Input("document", "file", label="Document"),
    Input("pictures", "file-list", label="Pictures", required=False, max_length=5),
)
def files(inputs: JSONObject) -> Body:
    """Takes files and returns them."""
    document = inputs["document"]
    yield from node("read", type="document-extractor", title="Read", inputs={"file": document})
    return {"name": document["filename"], "document": document, "pictures": inputs["pictures"]}


@workflow(transcript="Good morning.", voice=b"ID3\x04\x00\x00\x00\x00\x00\x00")
def broken(_inputs: JSONObject) -> Body:
    """Cannot start because its model's provider is missing. It has speech in both directions."""
    raise StartError("Provider acme/missing does not exist.")
    yield


DEMOS: tuple[Workflow, ...] = (
    story,
    echo,
    slow,
    failing,
    partial,
    approval,
    batch,
    countdown,
    flaky,
    branches,
    agent,
    files,
    broken,
)
"""The built-in workflows. With all versions, they send every event that a server can send."""
