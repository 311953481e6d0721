"""Apps that succeed at once, and those that cannot be run."""

from __future__ import annotations

from dify_workflow.emulator import BeginNode, EndNode, Input, StartError, Text, Workflow, workflow
from support.apps.steps import BEFORE_1_13, BETWEEN, Body, JSONObject, code


def plain_apps(version: str) -> list[Workflow]:
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
        yield from code("tpl", "Template", dict(inputs), outputs, piece, kind=kind)
        return {"text": text}

    flag = [] if version in BEFORE_1_13 else [Input("flag", "checkbox", required=False)]

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
            yield from code("big", "Big", {"n": n}, outputs, kind="template-transform")
        else:
            text, twice, obj = f"{n} is small", 2 * n, {"a": [1, None, True], "ü": "☃"}
            yield from code("small", "Small", {"n": n}, {"result": text, "twice": twice})
        texts = [Text(text, ("agg", "output")), BETWEEN, BETWEEN, BETWEEN]
        if inputs["note"] is not None:
            texts.append(Text(inputs["note"], ("start", "note")))
        output = {"output": text}
        kind = "variable-aggregator"
        yield from code("agg", "Aggregator", output, output, *texts, kind=kind)
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
    return first if server_version in BEFORE_1_13 else version("v2", (first,))


def refused_apps() -> list[Workflow]:
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
