"""Apps that take some seconds."""

from __future__ import annotations

from dify_workflow.emulator import Input, Parallel, Text, Workflow, workflow
from support.apps.steps import BETWEEN, Body, JSONObject, Pace, request


def slow_apps(pace: Pace) -> list[Workflow]:
    text = Text("", ("slowreq", "body"))

    @workflow(Input("secs"))
    def slow(inputs: JSONObject) -> Body:
        texts = (text, BETWEEN, Text("200", ("slowreq", "status_code")))
        body = yield from request(pace, "slowreq", "Slow request", inputs["secs"], *texts)
        return {"body": body, "status": 200}

    @workflow(Input("secs"), max_active_requests=1)
    def limited(inputs: JSONObject) -> Body:
        body = yield from request(pace, "slowreq", "Slow request", inputs["secs"], text)
        return {"body": body}

    @workflow(Input("secs"))
    def slowsteps(inputs: JSONObject) -> Body:
        for number in (1, 2, 3):
            yield from request(pace, f"slow{number}", f"Slow {number}", inputs["secs"])
        text = Text("", ("slow4", "body"))
        return {"body": (yield from request(pace, "slow4", "Slow 4", inputs["secs"], text))}

    @workflow(Input("secs"))
    def parallel(inputs: JSONObject) -> Body:
        first = Text("", ("p1", "body"))
        branches = [
            request(pace, "p1", "P1", inputs["secs"], first, BETWEEN),
            request(pace, "p2", "P2", inputs["secs"], Text("", ("p2", "body"))),
        ]
        one, two = yield Parallel(branches)
        return {"a": one, "b": two}

    return [slow, limited, slowsteps, parallel]
