"""Typed modules: readable, the same for the same app, and safe whatever the app says."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import Any, get_type_hints

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_workflow import InvalidRequestError, OutputFile
from dify_workflow.codegen import changes, differences, generate, is_ours, narrowed
from dify_workflow.dsl import ExportedApp, app_of, inputs_of_form, read_app
from support.exports import end, export, node
from support.golden import EXPORTS, MODULES, TESTS, load, module_of

HOSTILE = (
    'say "hi"',
    '"""',
    '"',
    '""',
    "'",
    "'\"'",
    "\\",
    "ends with \\",
    "\\N{BULLET}",
    "two\nlines",
    "return\r\x0b\x0c\x1c\x85\u2028\u2029here",
    '"""\nimport os\nos.abort()\n"""',
    "# type: ignore",
    "fmt: off",
    "x # noqa",
    "{0} {x} %s",
    "\u202e reversed \u200b \ufeff",
    "\x00\x1b[31m",
    "\ud800",
    "a" * 300,
    "class",
    "__private",
    "__debug__",
    "__class__",
    "type: ignore",
    "pyright: basic",
    "NOQA",
    "mypy: ignore-errors",
    "None",
    "self",
    "inputs",
    "deadline",
    "Path",
    "str",
    "名前",
    "ｆｕｌｌ",
    "",
    " ",
)


INSTRUCTION = re.compile(r"#\s*(type:|pyright:|mypy:|ruff:|fmt:|noqa)", re.IGNORECASE)
"""What checkers and formatters obey (their documentation)."""


def written(text: str, directory: Path) -> str:
    place = directory / "written.py"
    place.write_text(text, encoding="utf-8")
    return str(place)


def app(*nodes: dict[str, Any], **others: Any) -> ExportedApp:
    return app_of(export(*nodes, **others), "app.yml")


def hostile_app(text: str) -> ExportedApp:
    """An app that has a text wherever an app has one."""
    name = text or "empty"
    inputs = [
        {
            "variable": name,
            "label": text,
            "type": "select",
            "options": [text, "b"],
            "default": text,
        },
        {"variable": "plain", "label": text, "type": "paragraph", "default": text},
        {
            "variable": "object",
            "type": "json_object",
            "json_schema": {
                "type": "object",
                "properties": {
                    name: {
                        "type": "object",
                        "description": text,
                        "properties": {name: {"enum": [text], "description": text}},
                    },
                    "a b": {"type": "string", "description": text},
                },
            },
        },
    ]
    tool = node("tool", "tool")
    tool["data"]["title"] = text
    other = {"id": text, "data": {"type": text or "code", "title": text}}
    last = [
        end(f"{text}{n}", text, **{name: ["tool", "x"], "b": ["sys", "user_id"]}) for n in (1, 2)
    ]
    edges = [("start", "tool"), ("tool", f"{text}1"), ("tool", f"{text}2")]
    value = export(tool, other, *last, inputs=inputs, edges=edges)
    value["app"]["name"] = text
    return app_of(value, "app.yml")


@pytest.mark.parametrize("place", EXPORTS, ids=lambda place: place.stem)
def test_a_module_is_what_it_was(place: Path) -> None:
    """`cd tests && python -m support.golden` writes them again."""
    assert module_of(place) == (MODULES / f"{place.stem}.py").read_text(encoding="utf-8")


def test_each_module_has_its_export() -> None:
    assert {each.stem for each in MODULES.glob("*.py")} == {each.stem for each in EXPORTS}


def test_the_same_app_gives_the_same_module_in_any_process() -> None:
    program = "import sys; from support.golden import *; print(module_of(EXPORTS[0]), end='')"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            encoding="utf-8",
            check=True,
            cwd=TESTS,
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONIOENCODING": "utf-8",
                "TZ": f"UTC{seed}",
            },
        )
        assert done.stdout == module_of(EXPORTS[0])


@pytest.mark.parametrize("place", EXPORTS, ids=lambda place: place.stem)
def test_a_module_imports_the_standard_library_and_this_package_alone(place: Path) -> None:
    tree = ast.parse(module_of(place))
    names = {each.module for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)}
    assert names <= {"__future__", "pathlib", "typing", "dify_workflow"}
    assert not [each for each in ast.walk(tree) if isinstance(each, ast.Import)]


@pytest.mark.parametrize("place", EXPORTS, ids=lambda place: place.stem)
def test_a_module_is_imported_and_its_types_are_read_at_run_time(
    place: Path, tmp_path: Path
) -> None:
    module = load(module_of(place), tmp_path / f"{place.stem}.py")
    name = place.stem.title()
    given = {each.name for each in read_app(place).inputs}
    assert set(get_type_hints(getattr(module, f"{name}Inputs"))) == given
    assert getattr(module, name) is not None


def test_files_among_outputs_have_a_type() -> None:
    file = node("code", "code", outputs={"made": {"type": "file"}})
    text = generate(app(file, end(made=["code", "made"])), class_name="Made")
    assert "made: OutputFile" in text
    assert OutputFile.__required_keys__ >= {"filename", "url", "size"}


# --------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_whatever_an_app_says_is_data_in_its_module(text: str, tmp_path: Path) -> None:
    source = generate(hostile_app(text), class_name="Hostile")
    tree = ast.parse(source)
    kinds = {type(each) for each in tree.body}
    assert kinds <= {ast.Expr, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.ClassDef}
    calls = {
        each.func.id if isinstance(each.func, ast.Name) else ast.unparse(each.func)
        for each in ast.walk(tree)
        if isinstance(each, ast.Call)
    }
    assert calls <= {
        *("TypedDict", "super", "self._call"),
        *(f"super().{each}" for each in ("run", "stream", "submit")),
    }
    assert all(line.isprintable() for line in source.split("\n"))
    with tokenize.open(written(source, tmp_path)) as file:
        tokens = list(tokenize.generate_tokens(file.readline))
    comments = [each.string for each in tokens if each.type == tokenize.COMMENT]
    assert not any(INSTRUCTION.match(each) for each in comments)
    module = load(source, tmp_path / "hostile.py")
    hints = get_type_hints(module.HostileInputs)
    assert set(hints) == {text or "empty", "plain", "object"}
    assert hints[text or "empty"].__args__ == (text, "b")


def test_where_a_run_may_come_to_no_end_its_outputs_may_be_nothing() -> None:
    decides = node("if", "if-else")
    edges: list[Any] = [("start", "if"), ("if", "end", "true")]
    source = generate(app(decides, end(a=["sys", "user_id"]), edges=edges), class_name="Half")
    assert "HalfOutputs: TypeAlias = HalfOutputsEnd | HalfOutputsNothing" in source
    whole = app(decides, end(), edges=[*edges, ("if", "end", "false")])
    assert "Nothing" not in generate(whole, class_name="Half")


def test_a_name_and_a_label_like_a_novel_leave_the_module_ours_and_readable() -> None:
    inputs = [{"variable": "a", "label": "l" * 50_000, "type": "text-input"}]
    source = generate(attrs.evolve(app(end(), inputs=inputs), name="n" * 50_000))
    assert is_ours(source)
    assert max(map(len, source.splitlines())) < 300


def test_a_schema_that_is_text_may_be_nested_as_deep_as_it_likes() -> None:
    deep = '{"type": "object", "x": ' + "[" * 900 + "]" * 900 + "}"
    inputs = [{"variable": "a", "type": "json_object", "json_schema": deep, "default": deep}]
    assert "a: NotRequired[dict[str, Any]]" in generate(app(end(), inputs=inputs))


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_any_text_is_data_in_its_module(text: str) -> None:
    tree = ast.parse(generate(hostile_app(text)))
    constants = {each.value for each in ast.walk(tree) if isinstance(each, ast.Constant)}
    assert text in constants


def test_names_that_are_none_in_python_stand_in_a_call_and_all_others_in_a_class() -> None:
    inputs = [{"variable": "a b", "type": "text-input", "required": True}]
    assert "Inputs = TypedDict(" in generate(app(end(), inputs=inputs), class_name="A")
    inputs = [{"variable": "a_b", "type": "text-input", "required": True}]
    assert "class AInputs(TypedDict):" in generate(app(end(), inputs=inputs), class_name="A")


@pytest.mark.parametrize("name", ["user", "deadline", "inputs", "self", "not a name"])
def test_inputs_that_stand_in_the_way_of_options_are_given_as_a_dict_alone(name: str) -> None:
    inputs = [{"variable": name, "type": "text-input", "required": True}]
    assert "@overload" not in generate(app(end(), inputs=inputs))
    inputs = [{"variable": "timeout", "type": "text-input", "required": True}]
    assert "**inputs: Unpack[MadeUpInputs]" in generate(app(end(), inputs=inputs))


def test_constants_are_titles_with_the_id_where_a_title_does_not_do() -> None:
    titles = {"1": "Write it", "2": "Write it", "3": "写", "4": "3 words", "5": "", "6": "Ask LLM!"}
    nodes = [node(each, "llm") for each in titles]
    for each, title in zip(nodes, titles.values(), strict=True):
        each["data"]["title"] = title
    text = generate(app(*nodes, end()), class_name="A")
    for line in (
        'WRITE_IT_1: Final = "1"',
        'WRITE_IT_2: Final = "2"',
        'LLM_3: Final = "3"',
        'NODE_3_WORDS: Final = "4"',
        'LLM_5: Final = "5"',
        'ASK_LLM: Final = "6"',
    ):
        assert f"    {line}\n" in text


@pytest.mark.parametrize(
    "name", ["story", "1st", "a b", "Path", "None", "", "Straße", "os.abort()", "S" * 40]
)
def test_a_class_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="A class name must be like Story"):
        generate(app(end()), class_name=name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("story", "Story"),
        ("my-story 2", "MyStory2"),
        ("2nd", "App2nd"),
        ("路径", "App"),
        ("path", "PathApp"),
        ("typed app", "TypedAppApp"),
        ("none", "NoneApp"),
    ],
)
def test_a_class_is_named_after_its_app(name: str, expected: str) -> None:
    value = export(end())
    value["app"]["name"] = name
    assert f"\nclass {expected}(TypedApp[" in generate(app_of(value, "app.yml"))


# ------------------------------------------------------------------------------------ contents


def test_without_an_export_outputs_are_open_and_it_is_said_how_to_get_more() -> None:
    form = [{"text-input": {"variable": "name", "label": "Name", "required": True}}]
    text = generate(ExportedApp("echo", None, inputs_of_form(form)))
    assert "EchoOutputs: TypeAlias = dict[str, Any]" in text
    assert "dify-workflow types --dsl FILE" in " ".join(text.replace("#", "").split())
    assert "EchoNode" not in text


def test_an_app_without_an_end_gives_nothing() -> None:
    assert "The app has no End node" in generate(app())


def test_nothing_of_the_time_or_the_machine_is_in_a_module() -> None:
    for place in EXPORTS:
        text = module_of(place)
        assert str(TESTS) not in text
        assert "2026" not in text


def test_the_digest_changes_with_what_matters_and_with_nothing_else() -> None:
    def digest(value: dict[str, Any]) -> str:
        return next(
            line for line in generate(app_of(value, "app.yml")).splitlines() if "digest" in line
        )

    one = export(node("llm", "llm"), end(text=["llm", "text"]))
    other = export(
        node("llm", "llm", prompt_template=[{"text": "other"}]), end(text=["llm", "text"])
    )
    assert digest(one) == digest(other)
    other["workflow"]["graph"]["nodes"][1]["data"]["title"] = "Other"
    assert digest(one) != digest(other)


def test_changes_are_the_lines_that_differ() -> None:
    before = (MODULES / "recipe.py").read_text(encoding="utf-8")
    assert changes(before, before, "a.py") == ""
    found = changes(before, before.replace("ingredients", "food"), "a.py")
    assert "-    ingredients: str" in found
    assert "+    food: str" in found
    assert is_ours(before)
    assert not is_ours("print('somebody wrote this')")


def test_each_difference_between_an_export_and_what_is_published_is_said() -> None:
    exported = inputs_of_form(
        [
            {"text-input": {"variable": "old", "max_length": 10}},
            {"text-input": {"variable": "name", "required": True, "max_length": 10}},
            {"select": {"variable": "style", "options": ["plain", "loud"]}},
            {"number": {"variable": "n"}},
        ]
    )
    published = inputs_of_form(
        [
            {"text-input": {"variable": "name", "required": False, "max_length": 20}},
            {"select": {"variable": "style", "options": ["plain"]}},
            {"paragraph": {"variable": "n"}},
            {"paragraph": {"variable": "new"}},
        ]
    )
    assert differences(exported, exported) == []
    assert differences(exported, published) == [
        "the input 'old' is not published",
        "the input 'new' is not in the export",
        "the input 'name' is required in the export, and not required in the published version",
        "the input 'name' has another limit (10, published 20)",
        (
            "the input 'style' has the options 'plain', 'loud' in the export, and 'plain' in the "
            "published version"
        ),
        "the input 'n' is a number in the export, and a paragraph in the published version",
    ]


def test_samples_narrow_what_is_open_and_leave_no_value_behind() -> None:
    open_app = app(node("tool", "tool"), end(rank=["tool", "rank"], text=["tool", "text"]))
    samples: list[dict[str, Any]] = [{"rank": 31337, "text": 3}, {"rank": None}, {"other": "x"}]
    text = generate(narrowed(open_app, samples))
    assert "    rank: int | float | None\n" in text
    assert "    text: str\n" in text
    assert "31337" not in text
    assert generate(narrowed(open_app, reversed(samples))) == text
    assert generate(narrowed(open_app, [{"rank": None}])) == generate(open_app)
    secret = generate(narrowed(open_app, [{"rank": {"key": "hush"}}, {"rank": ["hush"]}]))
    assert "    rank: list[Any] | dict[str, Any]\n" in secret
    assert "hush" not in secret


# ----------------------------------------------------------------------------------- formatting


@pytest.mark.slow
def test_a_formatter_has_nothing_to_do(tmp_path: Path) -> None:
    for number, text in enumerate(HOSTILE):
        source = generate(hostile_app(text), class_name=f"Hostile{'x' * (number % 21)}")
        (tmp_path / f"hostile{number}.py").write_text(source, encoding="utf-8")
    ruff = [str(Path(sys.executable).with_name("ruff")), "--isolated"]
    format_ = [ruff[0], "format", "--isolated", "--diff"]
    done = subprocess.run(
        [*format_, str(MODULES), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    rules = ["check", "--isolated", "--select=E,F,I,UP,B,PIE", "--ignore=E501,UP013,UP040"]
    command = [ruff[0], *rules, "--target-version=py311", str(MODULES), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
