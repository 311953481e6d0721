"""`types`: modules are written, and checked where they no longer fit."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest

from dify_workflow.emulator import Emulator, Input, node, workflow
from support.cli import KEY, Result, call
from support.exports import end, export, write
from support.exports import node as exported_node
from support.golden import TESTS
from support.waiting import PATIENCE

STORY = TESTS / "dsl" / "story.yml"
INPUTS: list[dict[str, Any]] = [
    {"variable": "topic", "type": "text-input", "required": True, "max_length": 48},
    {"variable": "style", "type": "select", "required": False, "options": ["plain", "loud"]},
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory in which the command is called."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def app(project: Path) -> Callable[[list[dict[str, Any]]], Path]:
    """Writes app.yml, an app with these inputs."""

    def make(inputs: list[dict[str, Any]]) -> Path:
        last = end(topic=["start", inputs[0]["variable"]])
        return write(project / "app.yml", export(last, inputs=inputs))

    return make


@pytest.fixture
def server() -> Iterator[Emulator]:
    @workflow(Input("topic"), Input("style", "select", required=False, options=["plain", "loud"]))
    def story(inputs: dict[str, Any]) -> Any:
        yield from node("write")
        return {"topic": inputs["topic"], "open": {"secret": "hush"}}

    @workflow(mode="advanced-chat")
    def chat(inputs: dict[str, Any]) -> Any:
        yield from node("talk")
        return inputs

    with Emulator(story, chat, linger=0.0) as running:
        yield running


def types(*arguments: str, base_url: str = "http://127.0.0.1:9/v1", key: str = "") -> Result:
    return call("types", *arguments, base_url=base_url, key=key)


def test_a_module_is_written_from_an_export_without_any_server(project: Path) -> None:
    done = types("--dsl", str(STORY), "--output", "story.py")
    assert (done.code, done.out, done.err) == (0, "story.py\n", "")
    golden = TESTS / "typed" / "apps" / "story.py"
    assert (project / "story.py").read_text(encoding="utf-8") == golden.read_text(encoding="utf-8")
    assert [each.name for each in project.iterdir()] == ["story.py"]


def test_a_module_is_written_from_what_a_key_tells(project: Path, server: Emulator) -> None:
    done = types("--output", "my_story.py", base_url=server.base_url, key="app-story")
    assert done.code == 0
    text = (project / "my_story.py").read_text(encoding="utf-8")
    assert 'style: NotRequired[Literal["plain", "loud"]]' in text
    assert "MyStoryOutputs: TypeAlias = dict[str, Any]" in text
    assert server.base_url not in text
    check = ("--output", "my_story.py", "--check")
    assert types(*check, base_url=server.base_url, key="app-story").code == 0


def test_a_module_goes_to_stdout_and_may_have_another_name(project: Path) -> None:
    done = types("--dsl", str(STORY), "-o", "-", "--class-name", "Tale")
    assert "class AsyncTale(AsyncTypedApp[TaleInputs, TaleOutputs]):" in done.out
    assert not list(project.iterdir())


def test_a_module_that_no_longer_fits_is_told_with_the_difference(
    project: Path, app: Callable[[list[dict[str, Any]]], Path]
) -> None:
    arguments = ("--dsl", "app.yml", "--output", "app.py")
    app(INPUTS)
    types(*arguments)
    before = (project / "app.py").read_bytes()
    assert types(*arguments, "--check").code == 0

    renamed = [{**INPUTS[0], "variable": "subject"}, {**INPUTS[1], "options": ["plain", "shy"]}]
    app(renamed)
    done = types(*arguments, "--check")
    assert done.code == 1
    assert "-    topic: str" in done.out
    assert "+    subject: str" in done.out
    assert '"shy"' in done.out
    assert "app.py no longer fits the app" in done.said
    assert (project / "app.py").read_bytes() == before

    assert types(*arguments).code == 0
    assert types(*arguments, "--check").code == 0


@pytest.mark.usefixtures("project")
def test_check_with_a_key_says_where_the_published_version_differs(
    server: Emulator, app: Callable[[list[dict[str, Any]]], Path]
) -> None:
    arguments = ("--dsl", "app.yml", "--output", "app.py")
    app(INPUTS)
    types(*arguments)
    to_server = {"base_url": server.base_url, "key": "app-story"}
    assert types(*arguments, "--check", **to_server).code == 0
    app([*INPUTS, {"variable": "new", "type": "number"}])
    types(*arguments)
    done = types(*arguments, "--check", **to_server)
    assert done.code == 1
    assert "published version differs from app.yml: the input 'new' is not published" in done.said


def test_an_app_of_a_server_that_has_changed_is_told_and_written_again(
    project: Path, server: Emulator
) -> None:
    def check() -> Result:
        return types("-o", "story.py", "--check", base_url=server.base_url, key="app-story")

    types("-o", "story.py", base_url=server.base_url, key="app-story")
    assert check().code == 0
    changed = [Input("subject"), Input("style", "select", options=["plain", "loud", "shy"])]
    (story, *others) = server.workflows
    server.serve(attrs.evolve(story, inputs=tuple(changed)), *others)
    done = check()
    assert done.code == 1
    for line in ("-    topic: str", "+    subject: str", '"shy"', "+    style: Literal["):
        assert line in done.out
    types("-o", "story.py", base_url=server.base_url, key="app-story")
    assert check().code == 0
    assert 'style: Literal["plain", "loud", "shy"]' in (project / "story.py").read_text("utf-8")


def test_samples_narrow_what_an_export_leaves_open(project: Path, server: Emulator) -> None:
    tool = exported_node("tool", "tool")
    last = end(topic=["start", "topic"], open=["tool", "made"])
    write(project / "app.yml", export(tool, last, inputs=INPUTS))
    with server.client("story") as client:
        client.run_workflow({"topic": "boxes"})
    arguments = ("--dsl", "app.yml", "--output", "app.py", "--samples", "5")
    assert types(*arguments, base_url=server.base_url, key="app-story").code == 0
    text = (project / "app.py").read_text(encoding="utf-8")
    assert "    open: dict[str, Any]\n" in text
    assert "hush" not in text
    assert "boxes" not in text
    done = types("--output", "other.py", "--samples", "5", key="app-story")
    assert done.code == 2
    assert "give --dsl" in done.said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("app: [", "not valid YAML"),
        ("{app: {mode: chat}}", "'chat'"),
        ("{app: {mode: workflow}, workflow: {graph: {nodes: []}}}", "no start node"),
        ("{app: {mode: workflow}, version: 9.0.0}", "DSL version 9.0.0"),
    ],
)
def test_what_cannot_be_typed_is_one_sentence_and_nothing_is_written(
    text: str, reason: str, project: Path
) -> None:
    (project / "app.yml").write_text(text, encoding="utf-8")
    done = types("--dsl", "app.yml", "--output", "app.py")
    assert done.code == 2
    assert reason in done.said
    assert done.said.startswith("Error: app.yml ")
    assert not (project / "app.py").exists()


def test_a_chat_app_of_a_key_is_refused_too(project: Path, server: Emulator) -> None:
    done = types("--output", "chat.py", base_url=server.base_url, key="app-chat")
    assert (done.code, list(project.iterdir())) == (2, [])
    assert "advanced-chat" in done.said


def test_a_server_that_is_not_there_is_no_wrong_usage(project: Path) -> None:
    assert types("--output", "a.py", key="app-story").code == 3
    assert not list(project.iterdir())


def test_a_file_that_somebody_wrote_is_not_replaced(project: Path) -> None:
    (project / "main.py").write_text("print('mine')\n", encoding="utf-8")
    done = types("--dsl", str(STORY), "--output", "main.py")
    assert done.code == 2
    assert "main.py was not written by this command" in done.said
    assert (project / "main.py").read_text(encoding="utf-8") == "print('mine')\n"


@pytest.mark.skipif(os.name != "posix", reason="named pipes are POSIX's")
def test_a_module_goes_into_a_pipe_as_into_stdout(project: Path) -> None:
    os.mkfifo(project / "pipe")
    with ThreadPoolExecutor() as pool:
        reading = pool.submit((project / "pipe").read_text, encoding="utf-8")
        done = types("--dsl", str(STORY), "--output", "pipe")
        assert (done.code, done.out) == (0, "")
        assert reading.result(PATIENCE).startswith('"""The app "Story"')


def test_what_cannot_be_a_module_is_named_in_a_sentence(project: Path) -> None:
    (project / "directory.py").mkdir()
    (project / "picture.py").write_bytes(b"\xff\xd8")
    said = [
        types("--dsl", str(STORY), "--output", f"{each}.py").said
        for each in ("directory", "picture")
    ]
    assert "directory.py cannot be written: Is a directory." in said[0]
    assert "picture.py is not UTF-8 text." in said[1]


def test_a_link_in_the_place_of_a_module_is_replaced_and_not_followed(project: Path) -> None:
    (project / "story.py").symlink_to(project / "elsewhere.py")
    assert types("--dsl", str(STORY), "--output", "story.py").code == 0
    assert not (project / "elsewhere.py").exists()
    assert not (project / "story.py").is_symlink()


def test_an_app_with_a_long_name_is_written_again(project: Path) -> None:
    export = STORY.read_text(encoding="utf-8").replace("name: Story", f"name: {'n' * 5_000}", 1)
    assert "n" * 5_000 in export
    (project / "long.yml").write_text(export, encoding="utf-8")
    codes = [types("--dsl", "long.yml", "--output", "long.py").code for _ in range(2)]
    assert codes == [0, 0]


def test_the_export_is_not_replaced_by_its_module(project: Path) -> None:
    (project / "app.yml").write_bytes(STORY.read_bytes())
    done = types("--dsl", "app.yml", "--output", "./app.yml")
    assert done.code == 2
    assert (project / "app.yml").read_bytes() == STORY.read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_a_module_that_is_replaced_keeps_its_mode(project: Path) -> None:
    types("--dsl", str(STORY), "--output", "story.py")
    (project / "story.py").chmod(0o640)
    types("--dsl", str(STORY), "--output", "story.py")
    assert stat.S_IMODE((project / "story.py").stat().st_mode) == 0o640


@pytest.mark.usefixtures("project")
def test_check_of_a_module_that_is_not_there_is_wrong_usage() -> None:
    done = types("--dsl", str(STORY), "--output", "none.py", "--check")
    assert done.code == 2
    assert "There is no module none.py" in done.said


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("arguments", [(), ("--check",), ("--dsl", str(STORY)), ("--samples", "3")])
def test_without_a_module_or_settings_it_is_said_what_to_give(arguments: tuple[str, ...]) -> None:
    done = types(*arguments)
    assert done.code == 2
    assert "--output FILE" in done.said


# ------------------------------------------------------------------------------- pyproject.toml


def settings(project: Path, text: str) -> Path:
    place = project / "pyproject.toml"
    place.write_text(text, encoding="utf-8")
    return place


def test_each_app_of_pyproject_is_written_and_checked(
    project: Path, server: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "src").mkdir()
    (project / "story.yml").write_bytes(STORY.read_bytes())
    settings(
        project,
        """
        [tool.dify-workflow.types.story]
        dsl = "story.yml"
        output = "src/story.py"
        key = "DIFY_STORY_KEY"

        [tool.dify-workflow.types.tale]
        output = "src/tale.py"
        class-name = "Tale"
        key = "DIFY_TALE_KEY"
        """,
    )
    monkeypatch.setenv("DIFY_TALE_KEY", "app-story")
    monkeypatch.chdir(project / "src")  # settings are those of the nearest pyproject.toml above
    done = types(base_url=server.base_url)
    assert done.code == 0, done.err
    assert {each.name for each in (project / "src").iterdir()} == {"story.py", "tale.py"}
    assert "class Tale(" in (project / "src" / "tale.py").read_text(encoding="utf-8")

    done = types("--check", base_url=server.base_url)
    assert done.code == 0, done.err
    assert "DIFY_STORY_KEY has no API key" in done.said
    monkeypatch.setenv("DIFY_STORY_KEY", "app-story")
    done = types("--check", base_url=server.base_url)
    assert done.code == 1
    assert "the input 'topic' has another limit (80, published 48)" in done.said


def test_nothing_is_written_where_one_of_the_apps_cannot_be_made(project: Path) -> None:
    (project / "story.yml").write_bytes(STORY.read_bytes())
    settings(
        project,
        """
        [tool.dify-workflow.types]
        story = { dsl = "story.yml", output = "story.py" }
        other = { dsl = "other.yml", output = "other.py" }
        """,
    )
    assert types().code == 2
    assert not (project / "story.py").exists()


def test_another_apps_key_is_not_taken_for_one_of_several(project: Path, server: Emulator) -> None:
    settings(
        project,
        """
        [tool.dify-workflow.types]
        a = { output = "a.py" }
        b = { output = "b.py" }
        """,
    )
    done = types(base_url=server.base_url, key="app-story")
    assert done.code == 2
    assert "No API key" in done.said
    assert server.requests == []


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ('base_url = "https://evil.example"', "where a key is sent"),
        ('base-url = "https://evil.example"', "where a key is sent"),
        ('url = "https://evil.example"', "where a key is sent"),
        ('key = "HOME"', "begins with DIFY_"),
        ('key = "AWS_SECRET_ACCESS_KEY"', "begins with DIFY_"),
        (f'key = "{KEY}"', "never a key itself"),
        ('output = "../story.py"', "in the folder of pyproject.toml or below it"),
        ('output = "/etc/story.py"', "in the folder of pyproject.toml or below it"),
        ('output = "story.sh"', "must be a .py file"),
        ('class-name = "os.abort()"', "A class name must be like Story"),
        ("dsl = 3", "dsl must be a text"),
        ('samples = "many"', "must be a number of runs"),
        ("profile = 3", "profile must be a text"),
        ('profile = "a"\nkey = "DIFY_STORY_KEY"', "give only one of key and profile"),
        ('colour = "red"', "there are class-name, dsl, key, output, profile, samples"),
    ],
)
def test_a_setting_that_is_wrong_or_could_do_harm_is_refused(
    setting: str, reason: str, project: Path, server: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIFY_STORY_KEY", "app-story")
    output = "" if setting.startswith("output") else 'output = "story.py"\n'
    settings(project, f"[tool.dify-workflow.types.story]\n{output}{setting}\n")
    done = types(base_url=server.base_url, key="app-story")
    assert done.code == 2
    assert reason in done.said
    assert server.requests == []
    assert [each.name for each in project.iterdir()] == ["pyproject.toml"]


def test_two_apps_cannot_have_one_module(project: Path) -> None:
    table = "{{ output = '{}', dsl = 'app.yml' }}"
    apps = f"a = {table.format('a.py')}\nb = {table.format('./a.py')}\n"
    settings(project, f"[tool.dify-workflow.types]\n{apps}")
    (project / "app.yml").write_bytes(STORY.read_bytes())
    done = types()
    assert done.code == 2
    assert "have the same output" in done.said
    assert not (project / "a.py").exists()


def test_a_link_out_of_the_project_is_not_followed(project: Path, tmp_path: Path) -> None:
    inside = project / "inside"
    inside.mkdir()
    (inside / "away").symlink_to(tmp_path, target_is_directory=True)
    settings(inside, '[tool.dify-workflow.types]\na = { output = "away/a.py" }\n')
    os.chdir(inside)
    assert "below it" in types().said
    assert not (tmp_path / "a.py").exists()


@pytest.mark.parametrize(
    "text",
    [
        "[tool",
        "tool = 3",
        "[tool]\ndify-workflow = 3",
        "[tool.dify-workflow.types]\nstory = 3",
        "a = " + "[" * 3_000,
    ],
)
def test_a_pyproject_that_is_no_such_table_is_refused_in_a_sentence(
    text: str, project: Path
) -> None:
    settings(project, text)
    assert types().code == 2


@pytest.mark.usefixtures("project")
def test_without_pyyaml_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    done = types("--dsl", str(STORY), "--output", "story.py")
    assert done.code == 2
    assert "dify-workflow[types]" in done.said


def test_an_app_changes_its_module_is_regenerated_and_its_users_tests_pass(
    project: Path, app: Callable[[list[dict[str, Any]]], Path]
) -> None:
    """From the export to the tests of a team, in processes of their own."""
    test = """
        from app import App

        def test_it_runs(dify_emulator):
            dify_emulator.app_from_dsl("app.yml", outputs={"topic": "boxes"})
            with dify_emulator.client() as client:
                run = App(client).run(NAME="boxes", style="STYLE").raise_for_status()
            assert run.outputs["topic"] == "boxes"
    """

    def passes(name: str, style: str) -> bool:
        text = "\n".join(line[8:] for line in test.splitlines())
        text = text.replace("NAME", name).replace("STYLE", style)
        (project / "test_app.py").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-pdify_workflow_pytest", "test_app.py"]
        alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": "."}
        return subprocess.run(command, capture_output=True, check=False, env=alone).returncode == 0

    arguments = ("--dsl", "app.yml", "--output", "app.py")
    app(INPUTS)
    types(*arguments)
    assert passes("topic", "loud")
    app([{**INPUTS[0], "variable": "subject"}, {**INPUTS[1], "options": ["plain", "shy"]}])
    assert types(*arguments, "--check").code == 1
    assert not passes("topic", "loud")
    assert types(*arguments).code == 0
    assert passes("subject", "shy")
