"""Exports of the recorded apps (tests/recordings/README.md), with all that matters for types."""

from __future__ import annotations

from typing import Any

from support.exports import end, export, node

TEXT = {"type": "text-input", "required": False}
NUMBER = {"variable": "n", "type": "number", "required": True}
STRING = {"type": "string"}


def _form(node_id: str, *fields: str) -> dict[str, Any]:
    names = [{"type": "paragraph", "output_variable_name": name} for name in fields]
    return node(node_id, "human-input", inputs=names)


def _request(**outputs: str) -> dict[str, Any]:
    selectors = {name: ["req", each] for name, each in outputs.items()}
    return export(node("req", "http-request"), end(**selectors))


def _iteration(mode: str) -> dict[str, Any]:
    inner = node("inner", "code", parent="iter", outputs={"result": {"type": "number"}})
    options = {"error_handle_mode": mode, "output_type": "array[number]"}
    each = node("iter", "iteration", output_selector=["inner", "result"], **options)
    return export(each, inner, end(output=["iter", "output"]), inputs=[NUMBER])


def _version(name: str) -> dict[str, Any]:
    inputs = [{"variable": "name", "type": "text-input", "required": True}]
    return export(end(**{name: ["start", "name"]}), inputs=inputs)


_SMALL = {"output": STRING, "twice": {"type": "number"}, "obj": {"type": "object"}}
_BOOM = {"outputs": {"result": STRING}}

RECORDED: dict[str, list[dict[str, Any]]] = {
    "echo": [
        export(
            end(greeting=["start", "name"]), inputs=[{**TEXT, "variable": "name", "required": True}]
        )
    ],
    "template": [export(node("tpl", "template-transform"), end(text=["tpl", "output"]))],
    "llm": [export(node("llm", "llm"), end(text=["llm", "text"]))],
    "slow": [_request(body="body", status="status_code")],
    "httpreq": [_request(body="body", status="status_code")],
    "slowsteps": [_request(body="body")],
    "limited": [_request(body="body")],
    "parallel": [
        export(
            node("a", "http-request"),
            node("b", "http-request"),
            end(a=["a", "body"], b=["b", "body"]),
            edges=[("start", "a"), ("start", "b"), ("a", "end"), ("b", "end")],
        )
    ],
    "branchy": [
        export(
            node("cond", "if-else"),
            node("big", "template-transform"),
            node("small", "code", outputs=_SMALL),
            node(
                "agg",
                "variable-aggregator",
                output_type="string",
                variables=[["big", "output"], ["small", "output"]],
            ),
            end(
                result=["agg", "output"],
                twice=["small", "twice"],
                obj=["small", "obj"],
                note=["start", "note"],
            ),
            edges=[
                ("start", "cond"),
                ("cond", "big", "true"),
                ("cond", "small", "false"),
                ("big", "agg"),
                ("small", "agg"),
                ("agg", "end"),
            ],
            inputs=[NUMBER, {**TEXT, "variable": "note"}],
        )
    ],
    "partial": [
        export(
            node(
                "boom",
                "code",
                error_strategy="default-value",
                default_value=[{"key": "result", "type": "string", "value": "fallback"}],
                **_BOOM,
            ),
            end(result=["boom", "result"]),
        )
    ],
    "failbranch": [
        export(
            node("boom", "code", error_strategy="fail-branch", **_BOOM),
            end(result=["boom", "result"]),
            end("end2", "Failed", why=["boom", "error_message"], type=["boom", "error_type"]),
            edges=[
                ("start", "boom"),
                ("boom", "end", "success-branch"),
                ("boom", "end2", "fail-branch"),
            ],
        )
    ],
    "files": [
        export(
            end(doc=["start", "doc"], pics=["start", "pics"], name=["start", "doc", "name"]),
            inputs=[
                {"variable": "doc", "type": "file", "required": True},
                {"variable": "pics", "type": "file-list", "required": False},
            ],
        )
    ],
    "human": [
        export(
            _form("ask", "comment", "draft"),
            node("after", "code", outputs={"result": STRING}),
            end(
                result=["after", "result"],
                action=["ask", "__action_id"],
                comment=["ask", "comment"],
                draft=["ask", "draft"],
            ),
            end("end2", "Rejected", rejected=["ask", "comment"]),
            end("end3", "Timeout", timeout=["start", "topic"]),
            edges=[
                ("start", "ask"),
                ("ask", "after", "approve"),
                ("after", "end"),
                ("ask", "end2", "reject"),
                ("ask", "end3", "__timeout"),
            ],
            inputs=[{**TEXT, "variable": "topic", "required": True}],
        )
    ],
    "human2": [
        export(
            _form("ask1", "c1"),
            _form("ask2", "c2"),
            end(c1=["ask1", "c1"], c2=["ask2", "c2"]),
            edges=[("start", "ask1"), ("ask1", "ask2", "ok"), ("ask2", "end", "ok")],
        )
    ],
    "iter": [_iteration("terminated")],
    "iterparallel": [_iteration("remove-abnormal-output")],
    "itercont": [_iteration("continue-on-error")],
    "manysteps": [_iteration("terminated")],
    "loop": [
        export(
            node("loop", "loop", loop_variables=[{"label": "num", "var_type": "number"}]),
            end(num=["loop", "num"]),
        )
    ],
    "versions": [_version("v1"), _version("v2")],
}
"""By app, the exports of the versions that ran."""
