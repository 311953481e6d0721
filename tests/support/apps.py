"""The apps that were recorded, as workflows of the emulator (tests/recordings/README.md)."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

from dify_workflow.emulator import (
    BeginNode,
    EndNode,
    FormAction,
    FormInput,
    HumanInput,
    Input,
    Iteration,
    Loop,
    NodeError,
    Parallel,
    RetryNode,
    Sleep,
    StartError,
    Text,
    Workflow,
    workflow,
)

JSONObject = dict[str, Any]
Body = Generator[Any, Any, JSONObject]

_BETWEEN = Text("\n", ("end", "answer"))
"""What stands between two outputs in the streamed text."""

_WORDS = (
    "alpha", " béta", " γάμμα", " ☃", " 漢字", ' "q"', " back\\slash", " line\nbreak", " tab\t",
    " \u2028ls",
)  # fmt: skip
"""What the recorded model says, word by word."""

_FORM_TEMPLATE = (
    "# Please approve\n\nTopic: {{#start.topic#}}\n\nComment: {{#$output.comment#}}\n\n"
    "Draft: {{#$output.draft#}}\n"
)


_BEFORE_1_13 = {"1.0", "1.7", "1.9"}
_BEFORE_1_14 = {*_BEFORE_1_13, "1.13"}


class Pace:
    """How long a second of the recorded apps is, in seconds; tests may change it at any time."""

    def __init__(self, second: float) -> None:
        self.usual = self.second = second

    def sleep(self, seconds: float) -> Sleep:
        return Sleep(seconds * self.second)


def recorded_apps(version: str, pace: Pace) -> list[Workflow]:
    """The apps that were recorded.

    Args:
        version: The server's version, for what node kinds of that version say.
        pace: How fast they go.
    """
    return [
        *_plain_apps(version),
        *_slow_apps(pace),
        *_failing_apps(version),
        *_iterating_apps(),
        _loop(has_variables=version != "1.0"),
        *_human_apps(pace),
        _files(),
        _llm(pace, {} if version in _BEFORE_1_14 else {"model_name": "fake-chat"}),
        *_refused_apps(),
    ]


def _code(
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


def _request(
    pace: Pace, node_id: str, title: str, seconds: str, *texts: Text
) -> Generator[Any, Any, str]:
    """A request to a server that answers after some seconds; returns the body."""
    yield BeginNode(node_id, "http-request", title)
    yield pace.sleep(float(seconds))
    body = f'{{"slept": {float(seconds)}}}'
    yield from (Text(text.text or body, text.selector) for text in texts)
    yield _answered(node_id, f"/sleep/{seconds}", body)
    return body


def _answered(node_id: str, path: str, body: str) -> EndNode:
    headers = {"server": "x", "date": "x", "content-type": "application/json"}
    headers["content-length"] = str(len(body))
    outputs: JSONObject = {"status_code": 200, "body": body, "headers": headers, "files": []}
    return EndNode(node_id, outputs, process_data={"request": f"GET {path} HTTP/1.1\r\n\r\n"})


# ------------------------------------------------------------------------------- those that go well


def _plain_apps(version: str) -> list[Workflow]:
    @workflow(Input("name"), description="start -> end")
    def echo(inputs: JSONObject) -> Body:
        yield Text(inputs["name"], ("start", "name"))
        return {"greeting": inputs["name"]}

    @workflow(Input("name"))
    def template(inputs: JSONObject) -> Body:
        text = f"Hello {inputs['name']}!\nSecond line ☃ \u2028 end"
        piece = Text(text, ("tpl", "output"))
        outputs = {"output": text}
        kind = "template-transform"
        yield from _code("tpl", "Template", dict(inputs), outputs, piece, kind=kind)
        return {"text": text}

    flag = [] if version in _BEFORE_1_13 else [Input("flag", "checkbox", required=False)]

    @workflow(
        Input("n", "number"),
        Input("kind", "select", required=False, options=["x", "y"]),
        *flag,
        Input("note", "paragraph", required=False, max_length=100),
        description="if-else, template, code, aggregator",
    )
    def branchy(inputs: JSONObject) -> Body:
        n = inputs["n"]
        is_big = n > 10
        condition = {"actual_value": n, "expected_value": "10", "comparison_operator": ">"}
        chosen: JSONObject = {"result": is_big, "selected_case_id": "true" if is_big else "false"}
        yield BeginNode("cond", "if-else", "IF/ELSE", {"conditions": [condition]})
        yield EndNode("cond", chosen, process_data={"condition_results": [{"results": [is_big]}]})
        text, twice, obj = f"{n} is big", None, None
        if is_big:
            outputs = {"output": text}
            yield from _code("big", "Big", {"n": n}, outputs, kind="template-transform")
        else:
            text, twice, obj = f"{n} is small", 2 * n, {"a": [1, None, True], "ü": "☃"}
            yield from _code("small", "Small", {"n": n}, {"result": text, "twice": twice})
        texts = [Text(text, ("agg", "output")), _BETWEEN, _BETWEEN, _BETWEEN]
        if inputs["note"] is not None:
            texts.append(Text(inputs["note"], ("start", "note")))
        output = {"output": text}
        kind = "variable-aggregator"
        yield from _code("agg", "Aggregator", output, output, *texts, kind=kind)
        return {"result": text, "twice": twice, "obj": obj, "note": inputs["note"]}

    return [echo, template, branchy, _versions(version)]


def _versions(server_version: str) -> Workflow:
    def version(name: str, previous: tuple[Workflow, ...] = ()) -> Workflow:
        @workflow(Input("name"), name="versions", previous=previous)
        def versions(inputs: JSONObject) -> Body:
            yield Text(inputs["name"], ("start", "name"))
            return {name: inputs["name"]}

        return versions

    first = version("v1")
    return first if server_version in _BEFORE_1_13 else version("v2", (first,))


# ----------------------------------------------------------------------- those that take their time


def _slow_apps(pace: Pace) -> list[Workflow]:
    text = Text("", ("slowreq", "body"))

    @workflow(Input("secs"))
    def slow(inputs: JSONObject) -> Body:
        texts = (text, _BETWEEN, Text("200", ("slowreq", "status_code")))
        body = yield from _request(pace, "slowreq", "Slow request", inputs["secs"], *texts)
        return {"body": body, "status": 200}

    @workflow(Input("secs"), max_active_requests=1)
    def limited(inputs: JSONObject) -> Body:
        body = yield from _request(pace, "slowreq", "Slow request", inputs["secs"], text)
        return {"body": body}

    @workflow(Input("secs"))
    def slowsteps(inputs: JSONObject) -> Body:
        for number in (1, 2, 3):
            yield from _request(pace, f"slow{number}", f"Slow {number}", inputs["secs"])
        text = Text("", ("slow4", "body"))
        return {"body": (yield from _request(pace, "slow4", "Slow 4", inputs["secs"], text))}

    @workflow(Input("secs"))
    def parallel(inputs: JSONObject) -> Body:
        first = Text("", ("p1", "body"))
        branches = [
            _request(pace, "p1", "P1", inputs["secs"], first, _BETWEEN),
            _request(pace, "p2", "P2", inputs["secs"], Text("", ("p2", "body"))),
        ]
        one, two = yield Parallel(branches)
        return {"a": one, "b": two}

    return [slow, limited, slowsteps, parallel]


# ---------------------------------------------------------------------------------- those that fail


def _raised(text: str) -> str:
    return f"Traceback (most recent call last):\n  …\nValueError: {text}\n"


def _gave_up(version: str, url: str) -> tuple[str, JSONObject]:
    """What a request node says that has got 500 each time, and what it gives."""
    if version == "1.16":
        return "Request failed with status code 500", {"status_code": 500, "body": ""}
    count = " (0)" if version in _BEFORE_1_13 else ""
    return f"Reached maximum retries{count} for URL {url}", {}


def _failing_apps(version: str) -> list[Workflow]:
    @workflow(Input("msg", required=False))
    def failing(inputs: JSONObject) -> Body:
        error = _raised(f"boom: {inputs['msg']}")
        yield BeginNode("boom", "code", "Boom", dict(inputs))
        yield EndNode("boom", status="failed", error=error)
        raise NodeError(error)

    def boom(inputs: JSONObject, outputs: JSONObject, strategy: str) -> Generator[Any, Any, None]:
        shown = {**outputs, "error_message": _raised("boom"), "error_type": "CodeExecutionError"}
        yield BeginNode("boom", "code", "Boom", dict(inputs))
        metadata = {"error_strategy": strategy}
        yield EndNode("boom", shown, "exception", _raised("boom"), metadata)

    @workflow(Input("msg", required=False))
    def partial(inputs: JSONObject) -> Body:
        yield from boom(inputs, {"result": "fallback"}, "default-value")
        yield Text("fallback", ("boom", "result"))
        return {"result": "fallback"}

    @workflow(Input("msg", required=False))
    def failbranch(inputs: JSONObject) -> Body:
        yield from boom(inputs, {}, "fail-branch")
        return {"why": _raised("boom"), "type": "CodeExecutionError"}

    @workflow(Input("url"))
    def httpreq(inputs: JSONObject) -> Body:
        path = inputs["url"].partition("8999")[2]
        yield BeginNode("req", "http-request", "HTTP Request")
        if path == "/status/200":
            body = '{"status": 200}'
            yield Text(body, ("req", "body"))
            yield _BETWEEN
            yield Text("200", ("req", "status_code"))
            yield _answered("req", path, body)
            return {"body": body, "status": 200}
        error, given = "Server disconnected without sending a response.", {}
        asked: JSONObject = {}
        if path != "/drop":
            error, given = _gave_up(version, inputs["url"])
            asked = {"request": f"GET {path} HTTP/1.1\r\n\r\n"}
        for _ in range(2):
            yield RetryNode("req", error, asked, given)
        yield EndNode("req", given, "failed", error, process_data=asked)
        raise NodeError(error)

    return [failing, partial, failbranch, httpreq]


# --------------------------------------------------------------------------- those that do it again


def _iterating_apps() -> list[Workflow]:
    def gen(n: int) -> Generator[Any, Any, list[int]]:
        numbers = list(range(1, n + 1))
        yield from _code("gen", "Gen", {"n": n}, {"result": numbers})
        return numbers

    def times_ten(x: int, _index: int) -> Generator[Any, Any, int]:
        yield BeginNode("inner", "code", "Inner", {"x": x})
        if x == 2:
            yield EndNode("inner", status="failed", error=_raised("two!"))
            raise NodeError(_raised("two!"))
        yield EndNode("inner", {"result": 10 * x})
        return 10 * x

    def plus_index(x: int, index: int) -> Generator[Any, Any, int]:
        yield from _code("inner", "Inner", {"x": x, "i": index}, {"result": 10 * x + index})
        return 10 * x + index

    def same(x: int, _index: int) -> Generator[Any, Any, int]:
        kind = "variable-aggregator"
        yield from _code("inner", "Inner", {"item": x}, {"output": x}, kind=kind)
        return x

    def iterating(name: str, each: Any, **options: Any) -> Workflow:
        @workflow(Input("n", "number"), name=name)
        def app(inputs: JSONObject) -> Body:
            numbers = yield from gen(inputs["n"])
            results = yield Iteration("iter", numbers, each, "Iteration", **options)
            yield Text("\n".join(f"- {result}" for result in results), ("iter", "output"))
            return {"output": results}

        return app

    return [
        iterating("iter", plus_index),
        iterating("itercont", times_ten, on_error="continue-on-error"),
        iterating("iterparallel", times_ten, parallel=True, on_error="remove-abnormal-output"),
        iterating("manysteps", same),
    ]


def _loop(*, has_variables: bool) -> Workflow:
    @workflow()
    def loop(_inputs: JSONObject) -> Body:
        def each(_index: int, variables: JSONObject) -> Generator[Any, Any, JSONObject | None]:
            yield BeginNode("assign", "assigner", "Assign", {"version": "2"})
            if not has_variables:
                error = "Variable ['loop', 'num'] not found"
                yield EndNode("assign", status="failed", error=error)
                raise NodeError(error)
            num = variables["num"] + 1
            yield EndNode("assign", process_data={"num": num})
            return {"num": num}

        def is_over(variables: JSONObject) -> bool:
            return bool(variables["num"] >= 3)

        variables = yield Loop("loop", each, 10, {"num": 0}, "Loop", is_over)
        yield Text(str(variables["num"]), ("loop", "num"))
        return {"num": variables["num"]}

    return loop


# -------------------------------------------------------------------------- those that ask a person


def _human_apps(pace: Pace) -> list[Workflow]:
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
            _BETWEEN,
            Text(answer.action, ("ask", "__action_id")),
            _BETWEEN,
            Text(comment, ("ask", "comment")),
            _BETWEEN,
            Text(draft, ("ask", "draft")),
        ]
        yield pace.sleep(0.9)
        yield from _code("after", "After", {"comment": comment}, {"result": result}, *texts)
        return {"result": result, "action": answer.action, "comment": comment, "draft": draft}

    @workflow(Input("topic"))
    def human2(inputs: JSONObject) -> Body:
        first = yield ask("ask", "Ask", inputs["topic"], approve)
        yield from _request(pace, "slowreq", "Slow request", "3")
        second = yield ask("ask2", "Ask2", inputs["topic"], approve)
        one, two = first.inputs["comment"], second.inputs["comment"]
        yield Text(one, ("ask", "comment"))
        yield _BETWEEN
        yield Text(two, ("ask2", "comment"))
        return {"c1": one, "c2": two}

    return [human, human2]


# ----------------------------------------------------------------------------------- and the others


def _files() -> Workflow:
    @workflow(
        Input("doc", "file"),
        Input("pics", "file-list", required=False, max_length=5),
        description="start with a file and a file list",
    )
    def files(inputs: JSONObject) -> Body:
        doc = inputs["doc"]
        yield Text(f"[{doc['filename']}]({doc['url']})", ("start", "doc"))
        yield _BETWEEN
        yield Text("", ("start", "pics"))
        yield _BETWEEN
        yield Text(doc["filename"], ("start", "doc", "name"))
        return {**inputs, "name": doc["filename"]}

    return files


def _llm(pace: Pace, shown: JSONObject) -> Workflow:
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


def _refused_apps() -> list[Workflow]:
    @workflow(Input("name"), api_enabled=False)
    def disabled(inputs: JSONObject) -> Body:
        yield from ()
        return inputs

    @workflow(Input("name"), published=False, description="echo app never published")
    def unpublished(inputs: JSONObject) -> Body:
        yield from ()
        return inputs

    @workflow(mode="advanced-chat")
    def chatflow(inputs: JSONObject) -> Body:
        yield from ()
        return inputs

    @workflow(Input("q"))
    def badllm(_inputs: JSONObject) -> Body:
        yield from ()
        raise StartError("Provider acme/none does not exist.")

    return [disabled, unpublished, chatflow, badllm]
