"""Exports that are refused, or too large."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dify_workflow.dsl import (
    DSLError,
    ExportedApp,
    Unknown,
    app_of,
    read_app,
)
from support.exports import end, export, node, outputs_of, type_of, write

# ------------------------------------------------------------------------------- what is refused


def refusals() -> Iterator[tuple[str, str, str]]:
    yield "nothing", "", "is not an app that was exported"
    yield "a list", "- 1", "is not an app that was exported"
    yield "no YAML", "app: {name: [", "is not valid YAML (line 2)"
    yield "a tag", "app: !!python/object/apply:os.system [id]", "is not valid YAML"
    yield "two documents", "app: {}\n---\napp: {}", "is not valid YAML"
    yield "an alias of nothing", "app: *a", "has no target"
    yield "an alias of itself", "app: &a [*a]", "contains itself"
    yield "a chat app", "{app: {mode: advanced-chat}, version: 0.6.0}", "'advanced-chat'"
    yield "a pipeline", "{kind: rag_pipeline, app: {mode: workflow}}", "is not an app"
    yield "no workflow", "{app: {mode: workflow}}", "has no workflow"
    yield "no graph", "{app: {mode: workflow}, workflow: {graph: []}}", "has no workflow"
    trigger = "{graph: {nodes: [{id: a, data: {type: trigger-webhook}}]}}"
    yield "a trigger", f"{{app: {{mode: workflow}}, workflow: {trigger}}}", "has no start node"
    nameless = "{graph: {nodes: [{id: a, data: {type: start, variables: [{type: number}]}}]}}"
    yield "a nameless input", f"{{app: {{mode: workflow}}, workflow: {nameless}}}", "has no name"
    for version in ("0.7.1", "0.8.0", "1.0.0", "0.10.0"):
        yield (
            f"DSL {version}",
            f"{{app: {{mode: workflow}}, version: {version}}}",
            "install a newer",
        )
    yield "no version", "{app: {mode: workflow}, version: new}", "invalid DSL version"
    yield "levels", "[" * 200 + "]" * 200, "nested more than"
    yield "a number that takes minutes", "app: 1" + ":1" * 200_000, "is not valid YAML"
    tags = "".join(f"%TAG !a{n}! tag:{n}:\n" for n in range(50_000))
    yield "tags that take minutes", f"{tags}---\na", "has YAML tags of its own"
    yield "a number that cannot be shown", "app: {mode: 0x" + "f" * 5_000 + "}", "is not valid YAML"
    yield "a mode like a novel", f"app: {{mode: {'z' * 5_000}}}", "is an app of the kind 'zzz"
    yield "a date of no day", "app: 2020-99-99", "is not valid YAML"


REFUSALS = list(refusals())


@pytest.mark.parametrize(
    ("text", "reason"), [each[1:] for each in REFUSALS], ids=[each[0] for each in REFUSALS]
)
def test_what_is_no_such_app_is_refused_in_a_sentence(
    text: str, reason: str, tmp_path: Path
) -> None:
    place = tmp_path / "app.yml"
    place.write_text(text, encoding="utf-8")
    with pytest.raises(DSLError, match=re.escape(reason)) as caught:
        read_app(place)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < len(str(place)) + 200
    assert message.endswith(".")


def test_an_export_without_a_version_is_older_than_all_that_have_one() -> None:
    value = export(end())
    del value["version"]
    assert app_of(value, "app.yml").version == "0.1.0"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"app: " + b"x" * 5 * 1024 * 1024])
def test_a_file_that_is_too_large_or_no_text_is_refused(content: bytes, tmp_path: Path) -> None:
    place = tmp_path / "app.yml"
    place.write_bytes(content)
    with pytest.raises(DSLError, match=r"larger than 5 MB|not UTF-8"):
        read_app(place)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DSLError, match="cannot be read: No such file"):
        read_app(tmp_path / "none.yml")
    with pytest.raises(DSLError, match="cannot be read: Is a directory"):
        read_app(tmp_path)


def test_aliases_that_multiply_are_refused_before_they_take_memory(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    place = tmp_path / "app.yml"
    place.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DSLError, match="more than 1,000,000 values"):
        read_app(place)


def test_an_export_with_thousands_of_nodes_is_refused(tmp_path: Path) -> None:
    nodes = [node(f"n{n}", "code") for n in range(2_001)]
    with pytest.raises(DSLError, match="more than 2,000 nodes"):
        read_app(write(tmp_path / "app.yml", export(*nodes)))


def test_the_largest_graph_is_read_before_the_test_times_out(tmp_path: Path) -> None:
    nodes = [node(f"n{n}", "if-else") for n in range(1_900)]
    edges: list[tuple[str, str] | tuple[str, str, str]] = [("start", "n0")]
    edges += [(f"n{n}", f"n{n + 1}", "true") for n in range(1_899)]
    edges += [(f"n{n}", f"n{n + 2}", "false") for n in range(1_898)]
    edges += [("n1899", "end")]
    last = end(**{f"o{n}": [f"n{n}", "x"] for n in range(100)})
    read_app(write(tmp_path / "app.yml", export(*nodes, last, edges=edges)))


def test_aggregators_of_aggregators_are_looked_into_before_the_test_times_out() -> None:
    chains = [
        node(
            f"n{n}",
            "variable-aggregator",
            variables=[[f"n{n - each}", "output"] for each in range(1, 20)],
        )
        for n in range(1_900)
    ]
    last = end(**{f"o{n}": [f"n{n}", "output"] for n in range(0, 1_900, 10)})
    found = outputs_of(export(*chains, last))
    assert len(found) == 190
    inner = [
        node(f"i{n}", "iteration", output_selector=[f"i{n + 1}", "output"]) for n in range(1_900)
    ]
    assert isinstance(type_of(*inner, take=["i0", "output"]), Unknown)


def test_values_of_odd_types_never_raise_anything_else() -> None:
    odd: list[Any] = [None, 3, "text", [], {}, [None], [[]], {"a": None}, True]
    for value in odd:
        start = {"type": "start", "title": value, "variables": value}
        nodes = [
            {"id": "start", "data": start},
            {"id": value, "data": {"type": "end", "outputs": value}},
            {"id": "a", "data": {"type": value, "title": value}},
            *[
                {"id": f"x{number}", "data": {"type": kind} | dict.fromkeys(_KEYS, value)}
                for number, kind in enumerate(_KINDS)
            ],
            value,
        ]
        outputs = [
            {"variable": f"{kind}{name}", "value_selector": [f"x{number}", name]}
            for number, kind in enumerate(_KINDS)
            for name in ("output", "text", "structured_output", "a")
        ]
        nodes.append({"id": "last", "data": {"type": "end", "outputs": outputs}})
        graph = {"nodes": nodes, "edges": [value, {"source": value, "target": "last"}]}
        made = export(
            workflow={"graph": graph, "environment_variables": value},
            app={"mode": "workflow", "name": value},
        )
        assert isinstance(app_of(made, "app.yml"), ExportedApp)


_KINDS = (
    *("llm", "code", "http-request", "variable-aggregator", "parameter-extractor", "iteration"),
    *("loop", "document-extractor", "list-operator", "human-input", "tool", "agent", "agent-v2"),
)
_KEYS = (
    *("outputs", "output_type", "advanced_settings", "variables", "parameters", "output_selector"),
    *("loop_variables", "is_array_file", "var_type", "item_var_type", "inputs", "output_schema"),
    *("agent_declared_outputs", "structured_output", "structured_output_enabled", "error_strategy"),
    *("default_value", "flatten_output", "error_handle_mode"),
)


def test_without_pyyaml_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    place = write(tmp_path / "app.yml", export(end()))
    with pytest.raises(ImportError, match=r"pip install 'dify-workflow\[types\]'"):
        read_app(place)
