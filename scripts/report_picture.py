"""Writes docs/report.svg: the timeline of a run that shows most features of a report.

The run is one of the emulator. It has parallel branches, a retried request, and a parallel
iteration with a failed item. It also has a loop, a stream that breaks and is resumed, and a form
for a person. With the name of a file as its argument, it writes the whole report there as well.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from dify_workflow.emulator import (
    BeginNode,
    Emulator,
    EndNode,
    FormAction,
    FormInput,
    Input,
    Sleep,
    Step,
    Text,
    handled_failure,
    human_input,
    iteration,
    loop,
    node,
    parallel,
    retrying_node,
    workflow,
)
from dify_workflow.report import RunReport

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "report.svg"
PARTS = ("Cardboard", "Crates", "Caskets")
EVENTS_BEFORE_THE_BREAK = 33

Steps = Generator[Step, Any, Any]


def model(id: str, title: str, pieces: list[str], delay: float) -> Steps:  # noqa: A002  # as in Dify
    """A model that has a cost."""
    yield BeginNode(id, "llm", title)
    for piece in pieces:
        yield Sleep(delay)
        yield Text(piece, (id, "text"), of_model=True)
    tokens = 40 * len(pieces)
    cost = {"total_tokens": tokens, "total_price": f"{tokens * 3e-6:.6f}", "currency": "USD"}
    yield EndNode(id, {"text": "".join(pieces)}, metadata=cost)
    return "".join(pieces)


def read(part: str, index: int) -> Steps:
    """Fetch a part and read its content."""
    yield from node("fetch", type="http-request", title="Fetch", seconds=0.1 + 0.08 * index)
    if part == "Crates":
        yield from handled_failure(
            "parse", "ValueError: no text layer", outputs={"text": ""}, title="Parse"
        )
    return (yield from model("sum", "Summarise", [f"About {part.lower()}. "] * 3, 0.06))


def polish(_index: int, variables: dict[str, Any]) -> Steps:
    """Shorten the draft until it is short enough."""
    yield from node("cut", title="Shorten", outputs=variables, seconds=0.12)
    left = variables["words"] - 40
    return {"words": left} if left > 0 else None


@workflow(Input("topic"))
def article(inputs: dict[str, Any]) -> Steps:
    """Search, read, write, shorten, ask a person, and publish."""
    yield from parallel(
        node("web", type="http-request", title="Search the web", seconds=0.55),
        retrying_node(
            "archive",
            "503 Service Unavailable",
            title="Ask the archive",
            outputs={"hits": 3},
            seconds=0.22,
        ),
    )
    yield from iteration("parts", PARTS, read, title="Read the sources", parallel=True)
    words = [f"{word} " for word in f"On {inputs['topic']} in twenty words or fewer".split()]
    text = yield from model("write", "Write the article", words * 2, 0.05)
    yield from loop("polish", polish, variables={"words": 110}, title="Polish")
    answer = yield from human_input(
        "editor",
        f"Publish this?\n\n{text}",
        inputs=[FormInput("note")],
        actions=[FormAction("publish", "Publish", "primary"), FormAction("discard", "Discard")],
        title="Ask the editor",
    )
    yield from node("publish", type="http-request", title="Publish", seconds=0.35)
    return {"text": text, "decision": answer.action}


def recorded() -> RunReport:
    """Return the report of a run that was watched live."""
    report = RunReport()
    with Emulator(article) as emulator, emulator.client("article") as client:
        emulator.faults.cut_stream(after_events=EVENTS_BEFORE_THE_BREAK, on="POST")
        emulator.faults.delay(0.4, on="GET /workflow/")
        with client.run_workflow_stream({"topic": "boxes"}) as stream:
            for _ in report.watch(stream):
                pass
        paused = stream.result()
        assert paused.paused is not None, paused
        (form,) = paused.paused.forms
        assert form.token is not None
        time.sleep(5)  # until the editor answers
        client.submit_human_input_form(form.token, "publish", {"note": "Well done."})
        with client.resume_workflow_stream(paused.id) as stream:
            for _ in report.watch(stream):
                pass
    return report


def main(page: str | None) -> None:
    """Write the picture, and the whole report if a path is given."""
    report = recorded()
    report.save(PICTURE)
    if page is not None:
        report.save(page)
    print(f"Written: {PICTURE.name}{f' and {page}' if page else ''}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
