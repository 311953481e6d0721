"""Workflows of the emulator that tests share."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from dify_workflow.emulator import FormAction, FormInput, Input, Step, human_input, workflow

Body = Generator[Step, Any, dict[str, Any]]


@workflow(
    Input("topic", required=False),
    Input("count", "number", required=False),
    Input("style", "select", required=False, options=["plain", "loud"]),
    Input("flag", "checkbox", required=False),
    Input("filter", "json_object", required=False),
    Input("doc", "file", required=False),
    Input("pages", "file-list", required=False, max_length=3),
)
def typed(inputs: dict[str, Any]) -> Body:
    """Gives back its inputs."""
    yield from ()
    return {name: value for name, value in inputs.items() if value is not None}


@workflow(Input("topic"))
def approval(inputs: dict[str, Any]) -> Body:
    """Waits for a person."""
    answer = yield from human_input(
        "ask",
        f"Please approve {inputs['topic']}\n\n{{{{#$output.comment#}}}}",
        inputs=[FormInput("comment", default="fine")],
        actions=[FormAction("approve", "Approve", "primary"), FormAction("reject", "Reject")],
        title="Approve",
    )
    return {"answer": answer.action, "comment": answer.inputs["comment"]}


@workflow()
def signoff(_inputs: dict[str, Any]) -> Body:
    """Waits for two people, one after the other."""
    first = yield from human_input("first", "Draft?", inputs=[FormInput("note")])
    second = yield from human_input("second", "Final?", inputs=[FormInput("note")])
    return {"notes": [first.inputs["note"], second.inputs["note"]]}
