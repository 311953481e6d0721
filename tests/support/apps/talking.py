"""Apps that ask a person or a model, or take files."""

from __future__ import annotations

import re

from dify_workflow.emulator import (
    BeginNode,
    EndNode,
    FormAction,
    FormInput,
    HumanInput,
    Input,
    NodeError,
    Text,
    Workflow,
    workflow,
)
from support.apps.steps import BETWEEN, Body, JSONObject, Pace, code, request

_WORDS = (
    "alpha", " béta", " γάμμα", " ☃", " 漢字", ' "q"', " back\\slash", " line\nbreak", " tab\t",
    " \u2028ls",
)  # fmt: skip
"""What the recorded model says, word by word."""


_FORM_TEMPLATE = (
    "# Please approve\n\nTopic: {{#start.topic#}}\n\nComment: {{#$output.comment#}}\n\n"
    "Draft: {{#$output.draft#}}\n"
)


def human_apps(pace: Pace) -> list[Workflow]:
    fields = [
        FormInput("comment", default="no comment"),
        FormInput("draft", default="{{#start.topic#}}"),
    ]
    approve, reject = FormAction("approve", "Approve", "primary"), FormAction("reject", "Reject")

    def ask(node_id: str, title: str, topic: str, *actions: FormAction) -> HumanInput:
        timeout = 10 * pace.second if topic == "Timeout" else 86_400.0
        gives_up = 10 * pace.second if topic == "Global" else 604_800.0
        values = {"start.topic": topic}
        return HumanInput(
            node_id, _FORM_TEMPLATE, fields, actions, values, title, timeout, gives_up
        )

    @workflow(Input("topic"))
    def human(inputs: JSONObject) -> Body:
        answer = yield ask("ask", "Ask", inputs["topic"], approve, reject)
        if answer.timed_out:
            yield Text(inputs["topic"], ("start", "topic"))
            return {"timeout": inputs["topic"]}
        comment, draft = answer.inputs["comment"], answer.inputs["draft"]
        if answer.action == "reject":
            yield Text(comment, ("ask", "comment"))
            rejected = {"rejected": comment}
            yield BeginNode("end2", "end", "End rejected", rejected)
            yield EndNode("end2", rejected)
            return rejected
        result = f"approved: {comment}"
        texts = [
            Text(result, ("after", "result")),
            BETWEEN,
            Text(answer.action, ("ask", "__action_id")),
            BETWEEN,
            Text(comment, ("ask", "comment")),
            BETWEEN,
            Text(draft, ("ask", "draft")),
        ]
        yield pace.sleep(0.9)
        yield from code("after", "After", {"comment": comment}, {"result": result}, *texts)
        return {"result": result, "action": answer.action, "comment": comment, "draft": draft}

    @workflow(Input("topic"))
    def human2(inputs: JSONObject) -> Body:
        first = yield ask("ask", "Ask", inputs["topic"], approve)
        yield from request(pace, "slowreq", "Slow request", "3")
        second = yield ask("ask2", "Ask2", inputs["topic"], approve)
        one, two = first.inputs["comment"], second.inputs["comment"]
        yield Text(one, ("ask", "comment"))
        yield BETWEEN
        yield Text(two, ("ask2", "comment"))
        return {"c1": one, "c2": two}

    return [human, human2]


def files() -> Workflow:
    @workflow(
        Input("doc", "file"),
        Input("pics", "file-list", required=False, max_length=5),
        description="start with a file and a file list",
    )
    def files(inputs: JSONObject) -> Body:
        doc = inputs["doc"]
        yield Text(f"[{doc['filename']}]({doc['url']})", ("start", "doc"))
        yield BETWEEN
        yield Text("", ("start", "pics"))
        yield BETWEEN
        yield Text(doc["filename"], ("start", "doc", "name"))
        return {**inputs, "name": doc["filename"]}

    return files


def llm(pace: Pace, shown: JSONObject) -> Workflow:
    @workflow(Input("q"))
    def llm(inputs: JSONObject) -> Body:
        asked = dict(re.findall(r"(\w+)=([\d.]+)", inputs["q"]))
        count, fails_at = int(asked["words"]), int(asked.get("fail", 99))
        thought = ["<think>", "let me ", "see", "</think>"] if "think" in asked else []
        yield BeginNode("llm", "llm", "LLM", shown)
        pieces = [*thought, *_WORDS[:count]]
        for piece in pieces[:fails_at]:
            yield pace.sleep(float(asked.get("delay", 0)))
            yield Text(piece, ("llm", "text"), of_model=True)
        if fails_at <= count:
            error = "[models] Server Unavailable Error, fake outage"
            yield EndNode("llm", status="failed", error=error)
            raise NodeError(error)
        yield Text("", ("llm", "text"), of_model=True)
        yield Text("", ("llm", "text"))
        costs: JSONObject = {"total_tokens": 7 + count, "total_price": "0", "currency": "USD"}
        text = "".join(pieces)
        yield EndNode("llm", {"text": text}, metadata=costs, process_data={"model_mode": "chat"})
        return {"text": text}

    return llm
