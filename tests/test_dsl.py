"""Exported apps are read: what they take, what they give, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from dify_workflow.dsl import (
    NEWEST,
    Choice,
    DSLError,
    ListOf,
    OneOf,
    Plain,
    Record,
    Type,
    Unknown,
    app_of,
    fits,
    inputs_of_form,
    read_app,
    stub,
)
from support.exports import end, export, node, outputs_of, type_of
from support.golden import EXPORTS

STR, NONE, FILE = Plain("str"), Plain("none"), Plain("file")


def test_each_version_of_the_dsl_has_an_example() -> None:
    versions = {read_app(each).version for each in EXPORTS}
    older = {"0.1.0", "0.1.1", "0.1.2", "0.1.3", "0.1.4", "0.1.5", "0.2.0"}
    assert versions == older | {"0.3.0", "0.3.1", "0.4.0", "0.5.0", "0.6.0", "0.7.0"}
    assert max(versions) == NEWEST


def test_an_answer_of_the_console_api_is_read_as_the_export_in_it(tmp_path: Path) -> None:
    """Scripts that export apps store the whole answer, which YAML cannot read."""
    place = tmp_path / "app.yml"
    for each in EXPORTS:
        place.write_text(json.dumps({"data": f"{each.read_text()}\n# \U0001f916"}))
        assert attrs.asdict(read_app(place)) == attrs.asdict(read_app(each))
    place.write_text('{"data": {"kind": "app"}}')
    with pytest.raises(DSLError, match="is not an app that was exported from Dify"):
        read_app(place)


def test_what_cannot_be_known_is_open_and_says_why_and_all_else_has_a_type() -> None:
    found = {
        f"{place.stem}.{each.name}": each.type
        for place in EXPORTS
        for one in read_app(place).ends or ()
        for each in one.outputs
    }
    unknown = {name: each.reason for name, each in found.items() if isinstance(each, Unknown)}
    assert set(unknown) == {
        *("review.plan", "search.rank", "search.nothing", "search.gone", "system.other"),
        *("triage.thought", "weather.place"),
    }
    assert all(unknown.values())
    assert len(found) > 90


def test_the_node_that_gives_a_value_decides_and_not_what_the_end_says() -> None:
    template = node("say", "template-transform")
    last = end()
    last["data"]["outputs"] = [
        {"variable": "out", "value_selector": ["say", "output"], "value_type": "object"}
    ]
    assert outputs_of(export(template, last)) == {"out": STR}


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("String", STR),
        ("Array[Array[Number]]", ListOf(ListOf(Plain("number")))),
        ("array", ListOf(Unknown("the export does not say what it is"))),
        ("array[file]", ListOf(Plain("file"))),
        ("boolean", Plain("bool")),
        ("secret", STR),
    ],
)
def test_types_are_read_however_they_are_spelled(spelled: str, expected: Type) -> None:
    code = node("code", "code", outputs={"value": {"type": spelled}})
    assert type_of(code, take=["code", "value"]) == expected


@pytest.mark.parametrize("spelled", [None, "any", "telepathy", 3, ["string"], "array[" * 50, ""])
def test_a_type_that_says_nothing_is_open(spelled: object) -> None:
    code = node("code", "code", outputs={"value": {"type": spelled}})
    found = type_of(code, take=["code", "value"])
    while isinstance(found, ListOf):
        found = found.item
    assert isinstance(found, Unknown)


CODE = {"outputs": {"text": {"type": "string"}}}


class TestWhatMayBeNone:
    def test_a_node_on_every_path_is_there(self) -> None:
        code = node("code", "code", **CODE)
        assert type_of(code, take=["code", "text"]) == STR

    def test_a_node_on_one_branch_may_not_be(self) -> None:
        nodes = (node("if", "if-else"), node("code", "code", **CODE), node("on", "answer"))
        edges = [("start", "if"), ("if", "code", "true"), ("if", "on", "false")]
        edges += [("code", "on"), ("on", "end")]
        assert type_of(*nodes, take=["code", "text"], edges=edges) == OneOf((STR, NONE))

    def test_branches_that_are_all_taken_are_waited_for(self) -> None:
        nodes = (node("a", "code", **CODE), node("b", "code", **CODE))
        edges = [("start", "a"), ("start", "b"), ("a", "end"), ("b", "end")]
        assert type_of(*nodes, take=["a", "text"], edges=edges) == STR
        assert type_of(*nodes, take=["b", "text"], edges=edges) == STR

    def test_a_branch_that_ends_elsewhere_is_not_waited_for(self) -> None:
        nodes = (node("a", "code", **CODE), node("b", "code", **CODE))
        edges = [("start", "a"), ("start", "b"), ("a", "end")]
        assert type_of(*nodes, take=["b", "text"], edges=edges) == OneOf((STR, NONE))

    def test_a_node_that_nothing_leads_to_changes_nothing(self) -> None:
        nodes = (node("a", "code", **CODE), node("left", "code", **CODE))
        edges = [("start", "a"), ("a", "end"), ("left", "end")]
        assert type_of(*nodes, take=["a", "text"], edges=edges) == STR
        assert type_of(*nodes, take=["left", "text"], edges=edges) == OneOf((STR, NONE))

    def test_an_input_that_need_not_be_given(self) -> None:
        inputs = [{"variable": "a", "type": "text-input", "required": False}]
        assert type_of(take=["start", "a"], inputs=inputs) == OneOf((STR, NONE))
        inputs[0]["required"] = True
        assert type_of(take=["start", "a"], inputs=inputs) == STR

    @pytest.mark.parametrize("handle", ["source", "success-branch"])
    def test_outputs_of_a_node_whose_failure_is_another_branch(self, handle: str) -> None:
        code = node("code", "code", error_strategy="fail-branch", **CODE)
        good = end("good", text=["code", "text"], why=["code", "error_message"])
        bad = end("bad", lost=["code", "text"], reason=["code", "error_message"])
        edges = [("start", "code"), ("code", "good", handle), ("code", "bad", "fail-branch")]
        assert outputs_of(export(code, good, bad, edges=edges)) == {
            "text": STR,
            "why": OneOf((STR, NONE)),
            "lost": OneOf((STR, NONE)),
            "reason": STR,
        }

    def test_outputs_that_have_a_default_where_the_node_fails(self) -> None:
        code = node(
            "code",
            "code",
            error_strategy="default-value",
            default_value=[{"key": "text", "type": "string", "value": ""}],
            outputs={"text": {"type": "string"}, "more": {"type": "string"}},
        )
        last = end(text=["code", "text"], more=["code", "more"], why=["code", "error_type"])
        assert outputs_of(export(code, last)) == {
            "text": STR,
            "more": OneOf((STR, NONE)),
            "why": OneOf((STR, NONE)),
        }

    def test_a_form_that_may_expire(self) -> None:
        form = node("ask", "human-input", inputs=[{"output_variable_name": "note"}])
        edges = [("start", "ask"), ("ask", "end", "yes"), ("ask", "end", "__timeout")]
        assert type_of(form, take=["ask", "note"], edges=edges) == OneOf((STR, NONE))
        assert type_of(form, take=["ask", "note"], edges=edges[:2]) == STR

    def test_an_aggregator_of_both_branches_has_a_value_and_one_of_a_single_branch_may_not(
        self,
    ) -> None:
        nodes = (
            node("if", "if-else"),
            node("a", "code", **CODE),
            node("b", "code", **CODE),
            node(
                "both",
                "variable-aggregator",
                output_type="string",
                variables=[["a", "text"], ["b", "text"]],
            ),
            node("one", "variable-assigner", output_type="string", variables=[["a", "text"]]),
        )
        edges = [("start", "if"), ("if", "a", "true"), ("if", "b", "false")]
        edges += [("a", "both"), ("b", "both"), ("both", "one"), ("one", "end")]
        last = end(both=["both", "output"], one=["one", "output"])
        found = outputs_of(export(*nodes, last, edges=edges))
        assert found == {"both": STR, "one": OneOf((STR, NONE))}

    def test_an_aggregator_that_says_no_type_has_that_of_its_values(self) -> None:
        numbers = {"outputs": {"n": {"type": "number"}}}
        nodes = (
            node("if", "if-else"),
            node("a", "code", **CODE),
            node("b", "code", **numbers),
            node("both", "variable-aggregator", variables=[["a", "text"], ["b", "n"]]),
        )
        edges = [("start", "if"), ("if", "a", "true"), ("if", "b", "false")]
        edges += [("a", "both"), ("b", "both"), ("both", "end")]
        found = type_of(*nodes, take=["both", "output"], edges=edges)
        assert found == OneOf((STR, Plain("number")))

    def test_a_cycle_of_edges_or_of_aggregators_ends(self) -> None:
        both = {"output_type": "string"}
        nodes = (
            node("a", "variable-aggregator", variables=[["b", "output"]], **both),
            node("b", "variable-aggregator", variables=[["a", "output"]], **both),
        )
        edges = [("start", "a"), ("a", "b"), ("b", "a"), ("b", "end")]
        assert type_of(*nodes, take=["b", "output"], edges=edges) == OneOf((STR, NONE))

    def test_an_iteration_in_which_branches_join_lacks_nothing(self) -> None:
        inside = (
            node("begin", "iteration-start", parent="each"),
            node("if", "if-else", parent="each"),
            node("a", "code", parent="each", **CODE),
            node("b", "code", parent="each", **CODE),
            node(
                "both",
                "variable-aggregator",
                parent="each",
                output_type="string",
                variables=[["a", "text"], ["b", "text"]],
            ),
        )
        each = node("each", "iteration", output_selector=["both", "output"], output_type="array")
        edges = [("start", "each"), ("each", "end"), ("begin", "if"), ("if", "a", "true")]
        edges += [("if", "b", "false"), ("a", "both"), ("b", "both")]
        assert type_of(each, *inside, take=["each", "output"], edges=edges) == ListOf(STR)


def test_an_iteration_over_an_open_type_falls_back_to_what_it_says() -> None:
    inner = node("inner", "tool", parent="each")
    each = node("each", "iteration", output_selector=["inner", "made"], output_type="array[number]")
    assert type_of(each, inner, take=["each", "output"]) == ListOf(Plain("number"))


def test_an_iteration_that_gives_itself_ends() -> None:
    each = node(
        "each", "iteration", output_selector=["each", "output"], output_type="array[string]"
    )
    found = type_of(each, take=["each", "output"])
    assert isinstance(found, ListOf)


CASES = {"cases": [{"case_id": "true"}, {"case_id": "second"}]}


@pytest.mark.parametrize(
    ("deciding", "handles"),
    [
        (node("it", "if-else", **CASES), ["true", "second", "false"]),
        (node("it", "if-else"), ["true", "false"]),
        (node("it", "question-classifier", classes=[{"id": "1"}, {"id": "2"}]), ["1", "2"]),
        (node("it", "human-input", user_actions=[{"id": "yes"}]), ["yes", "__timeout"]),
        (node("it", "code", error_strategy="fail-branch"), ["success-branch", "fail-branch"]),
    ],
    ids=lambda each: each["data"]["type"] if isinstance(each, dict) else None,
)
def test_a_decision_that_leads_nowhere_ends_a_run_without_outputs(
    deciding: dict[str, Any], handles: list[str]
) -> None:
    edges: list[Any] = [("start", "it"), *(("it", "end", each) for each in handles)]
    assert app_of(export(deciding, end(), edges=edges), "app.yml").always_ends
    for lost in range(1, len(edges)):
        fewer = edges[:lost] + edges[lost + 1 :]
        assert not app_of(export(deciding, end(), edges=fewer), "app.yml").always_ends


def test_a_side_branch_without_an_end_changes_nothing() -> None:
    edges = [("start", "a"), ("start", "b"), ("a", "end")]
    nodes = (node("a", "code"), node("b", "code"))
    assert app_of(export(*nodes, end(), edges=edges), "app.yml").always_ends


def test_what_a_model_need_not_give_may_be_none_wherever_it_goes() -> None:
    files = ListOf(FILE)
    model = node("model", "llm")
    assert type_of(model, take=["model", "files"]) == OneOf((files, NONE))
    assert type_of(model, take=["model", "finish_reason"]) == OneOf((STR, NONE))
    joined = node(
        "joined", "variable-aggregator", output_type="array[file]", variables=[["model", "files"]]
    )
    edges = [("start", "model"), ("model", "joined"), ("joined", "end")]
    assert type_of(model, joined, take=["joined", "output"], edges=edges) == OneOf((files, NONE))


def test_an_iteration_joins_lists_unless_each_round_gave_none() -> None:
    inner = node("inner", "llm", parent="each")
    each = node("each", "iteration", output_selector=["inner", "files"])
    assert type_of(each, inner, take=["each", "output"]) == ListOf(OneOf((FILE, NONE)))
    inner = node("inner", "http-request", parent="each")
    assert type_of(each, inner, take=["each", "output"]) == ListOf(FILE)
    each["data"]["error_handle_mode"] = "continue-on-error"
    assert type_of(each, inner, take=["each", "output"]) == ListOf(OneOf((FILE, NONE)))


def test_a_list_operator_that_says_no_type_has_that_of_the_list_it_takes() -> None:
    code = node("code", "code", outputs={"names": {"type": "array[string]"}})
    first = node("first", "list-operator", variable=["code", "names"])
    second = node("second", "list-operator", variable=["first", "result"])
    assert type_of(code, first, second, take=["second", "result"]) == ListOf(STR)
    assert type_of(code, first, take=["first", "last_record"]) == OneOf((STR, NONE))
    first["data"]["variable"] = ["first", "result"]
    assert isinstance(type_of(first, take=["first", "result"]), Unknown)


def test_a_document_extractor_that_gets_no_file_gives_an_empty_list() -> None:
    extractor = node("read", "document-extractor", variable_selector=["start", "paper"])
    inputs = [{"variable": "paper", "type": "file", "required": True}]
    assert type_of(extractor, take=["read", "text"], inputs=inputs) == STR
    inputs[0]["required"] = False
    assert type_of(extractor, take=["read", "text"], inputs=inputs) == OneOf((STR, ListOf(STR)))


def test_an_agent_says_what_it_used() -> None:
    agent = node("agent", "agent", agent_strategy_name="react")
    assert type_of(agent, take=["agent", "usage"]) == Plain("object")


def test_the_key_of_an_input_says_its_kind_where_its_field_does_not() -> None:
    (each,) = inputs_of_form([{"text-input": {"variable": "topic", "type": None}}])
    assert (each.kind, each.type) == ("text-input", STR)


def test_a_tool_whose_plugin_declares_outputs_has_them() -> None:
    schema = {"type": "object", "properties": {"rank": {"type": "integer"}}}
    tool = node("tool", "tool", output_schema=schema)
    assert type_of(tool, take=["tool", "rank"]) == Plain("int")
    assert type_of(tool, take=["tool", "text"]) == STR


def test_schemas_are_followed_as_deep_as_is_good_and_are_open_beyond() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(60):
        schema = {"type": "object", "properties": {"a": schema}}
    llm = node("llm", "llm", structured_output_enabled=True, structured_output={"schema": schema})
    found = type_of(llm, take=["llm", "structured_output"])
    depth = 0
    while isinstance(found, Record):
        found, depth = found.keys[0].type, depth + 1
    assert isinstance(found, Unknown)
    assert 10 < depth < 30


def test_a_schema_that_says_its_types_again_and_again_is_read() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(20):
        schema = {"type": ["object"] * 20, "properties": {"a": schema}}
    made = {"structured_output_enabled": True, "structured_output": {"schema": schema}}
    found = type_of(node("llm", "llm", **made), take=["llm", "structured_output"])
    assert isinstance(found, Record)


def test_a_schema_may_name_constants_and_none_among_them() -> None:
    llm = node(
        "llm",
        "llm",
        structured_output_enabled=True,
        structured_output={
            "schema": {
                "type": "object",
                "required": ["a", "b", "c", "d"],
                "properties": {
                    "a": {"enum": ["x", 1, True]},
                    "d": {"const": "fixed"},
                    "b": {"type": "string", "enum": ["x", None]},
                    "c": {"type": "number", "enum": [1.5]},
                },
            }
        },
    )
    found = {name: type_of(llm, take=["llm", "structured_output", name]) for name in "abcd"}
    assert all(fits(found["a"], each) for each in ("x", 1, True))
    assert not fits(found["a"], "y")
    assert fits(found["b"], None)
    assert not fits(found["b"], "y")
    assert found["c"] == Plain("number")
    assert found["d"] == Choice(("fixed",))


def test_a_json_schema_may_be_text_as_some_versions_keep_it() -> None:
    schema = '{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}'
    inputs = [{"variable": "o", "type": "json_object", "required": True, "json_schema": schema}]
    app = app_of(export(end(), inputs=inputs), "app.yml")
    assert fits(app.inputs[0].type, {"a": 1})
    assert not fits(app.inputs[0].type, {"a": "1"})


def test_of_several_inputs_or_outputs_with_one_name_the_last_one_counts() -> None:
    last = end()
    chosen = [["start", "a"], ["sys", "user_id"]]
    last["data"]["outputs"] = [{"variable": "out", "value_selector": each} for each in chosen]
    inputs = [{"variable": "a", "type": kind, "required": True} for kind in ("number", "checkbox")]
    app = app_of(export(last, inputs=inputs), "app.yml")
    assert [each.kind for each in app.inputs] == ["checkbox"]
    assert outputs_of(export(last, inputs=inputs)) == {"out": STR}


def test_a_stub_fits_its_type_whatever_that_is() -> None:
    types = [
        each.type for place in EXPORTS for one in read_app(place).ends or () for each in one.outputs
    ]
    for each in types:
        assert fits(each, stub(each)), each
