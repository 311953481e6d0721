"""A workflow on a server in this process, shown with the commands that a user would type.

The workflow is invented. Its events are those that Dify servers send.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Generator
from typing import Any

from .._json import JSONObject
from ..client import DifyWorkflow
from ..emulator import (
    Emulator,
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
from .console import print_line
from .exits import FAILED, PAUSED

Steps = Generator[Step, Any, Any]

SOURCES = ("cardboard", "crates", "caskets", "cartons", "cases", "chests")
REPORT = """\
{topic} are older than the wheel, and they do not roll away.

1. What is inside stays inside. What is outside mostly stays outside.
2. You can stack a closed one and fill an open one. No other tool does this so well.
3. The person who made the first one needed a second one within a week.
"""
WHAT_HAPPENS = "An emulator of Dify in this process runs a workflow. No network, 8 seconds."


def read_source(source: str, index: int) -> Steps:
    """Fetch a source and summarise it in a sentence."""
    yield from node("fetch", type="http-request", title="Fetch", seconds=0.12)
    pieces = ["Source", f" {index}", " is", " about", f" {source}.\n"]
    return (yield from llm("summarise", pieces, title="Summarise", prompt=source, delay=0.03))


@workflow(Input("topic", label="Topic", max_length=80))
def report(inputs: JSONObject) -> Steps:
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


def demonstrate(command: Callable[[list[str]], int | None]) -> int:
    """Run the workflow, answer its form, follow it to its end, and list the log.

    Args:
        command: Runs ``dify-workflow`` with these arguments and returns its exit code.

    Returns:
        The exit code of the first command that failed; 0 if none failed.
    """
    os.environ["no_proxy"] = "127.0.0.1"  # a proxy could not reach the emulator
    print_line(WHAT_HAPPENS)
    with Emulator(report) as emulator, emulator.client() as client:
        options = ["--base-url", emulator.base_url, "--api-key", emulator.workflows[0].key]

        def show(*arguments: str) -> int:
            print_line(f"\n$ dify-workflow {shlex.join(arguments)}")
            sys.stdout.flush()  # before the command writes to stderr
            code = command([*options, *arguments])
            sys.stdout.flush()
            return code or 0

        code = show("run", "-i", "topic=boxes")
        if code != PAUSED:
            return code or FAILED
        run_id, token = _waiting(client)
        answer = ("--action", "publish", "-i", "note=Well done.")
        return (
            show("form", "submit", *answer, "--", token)
            or show("resume", run_id)
            or show("logs", "--limit", "5")
        )


def _waiting(client: DifyWorkflow) -> tuple[str, str]:
    """The id of the run that waits for a person, and the token of its form."""
    row = next(iter(client.iter_logs(limit=1)))
    assert row.workflow_run is not None
    paused = client.wait_for_run(row.workflow_run.id).paused
    assert paused is not None
    token = paused.forms[0].token
    assert token is not None
    return row.workflow_run.id, token
