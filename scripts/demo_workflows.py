"""The workflow of the demo: what it does is made up, how it is told is what Dify servers send."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

from dify_workflow.emulator import (
    FormAction,
    FormInput,
    Input,
    Step,
    human_input,
    iteration,
    llm,
    node,
    parallel,
    retrying_node,
    workflow,
)

Steps = Generator[Step, Any, Any]

SOURCES = ("cardboard", "crates", "caskets", "cartons", "cases", "chests")
REPORT = """\
{topic} are older than the wheel, and better at standing still.

1. What is inside stays inside; what is outside mostly does, too.
2. A closed one can be stacked, an open one can be filled. No other tool does either so well.
3. Whoever made the first one needed a second one within a week.
"""


def read_source(source: str, index: int) -> Steps:
    """Fetch a source and say in a sentence what it holds."""
    yield from node("fetch", type="http-request", title="Fetch", seconds=0.12)
    pieces = ["Source", f" {index}", " is", " about", f" {source}.\n"]
    return (yield from llm("summarise", pieces, title="Summarise", prompt=source, delay=0.03))


@workflow(Input("topic", label="Topic", max_length=80))
def report(inputs: dict[str, Any]) -> Steps:
    """Searches, reads, writes, asks a person, and publishes."""
    topic = str(inputs["topic"])
    yield from parallel(
        node("web", type="http-request", title="Search the web", seconds=0.7),
        retrying_node(
            "archive", "503 Service Unavailable", title="Ask the archive", outputs={}, seconds=0.3
        ),
    )
    notes = yield from iteration("sources", SOURCES, read_source, title="Read the sources")
    pieces = re.findall(r"\S+\s*", REPORT.format(topic=topic.capitalize()))
    text = yield from llm("write", pieces, title="Write the report", prompt=str(notes), delay=0.03)
    answer = yield from human_input(
        "approval",
        f"# Publish this?\n\n{text}\nNote: {{{{#$output.note#}}}}",
        inputs=[FormInput("note")],
        actions=[FormAction("publish", "Publish", "primary"), FormAction("discard", "Discard")],
        title="Ask the editor",
    )
    if answer.action == "publish":
        yield from node("publish", type="http-request", title="Publish", seconds=0.8)
    return {"report": text, "words": len(text.split()), "published": answer.action == "publish"}
