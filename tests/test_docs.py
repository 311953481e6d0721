"""Every program of the documentation runs as it stands, and every link leads somewhere."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from dify_workflow import DifyWorkflow, WorkflowLogsRequest, errors
from dify_workflow.codegen import generate
from dify_workflow.dsl import read_app
from dify_workflow.emulator import Emulator
from dify_workflow_api import AuthenticatedClient
from dify_workflow_api.api.workflows import run_workflow
from dify_workflow_api.models import RunWorkflowBody
from support.blocks import LOCAL_SERVER, blocks, files, unusual
from support.spec import ROOT

STORY = ROOT / "docs" / "assets" / "story.yml"
TESTING = ROOT / "docs" / "testing.md"
PAGES = [ROOT / "README.md", *sorted({*(ROOT / "docs").rglob("*.md")} - {TESTING})]
IN_FRONT = [ROOT / "README.md", ROOT / "docs" / "tutorial.md"]
EXAMPLES = [
    pytest.param(
        page,
        code,
        id=f"{page.name}-{number}",
        marks=() if page in IN_FRONT else pytest.mark.slow,
    )
    for page in PAGES
    for number, code in enumerate(blocks(page))
]
NOT_OURS = (".venv", "node_modules", "recordings", "build")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reader's folder, with the export of the app `story` and the module for it."""
    place = tmp_path_factory.mktemp("reader")
    shutil.copy(STORY, place)
    module = generate(read_app(STORY), class_name="Story")
    (place / "story.py").write_text(module, encoding="utf-8")
    return place


@pytest.mark.parametrize(("page", "code"), EXAMPLES)
def test_each_example_runs(page: Path, code: str, emulator: Emulator, folder: Path) -> None:
    program = code.replace(LOCAL_SERVER, emulator.base_url)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert (done.returncode, done.stderr) == (0, ""), page
    assert done.stdout


def test_a_page_of_the_reference_says_where_its_docstrings_are() -> None:
    """In a clone these pages have almost no text."""
    for page in (ROOT / "docs" / "reference").glob("*.md"):
        line = page.read_text(encoding="utf-8").splitlines()[2]
        assert line.startswith("*`make docs` fills this page with the docstrings of "), page
        paths = re.findall(r"`([a-z_]+/[\w/.]+)`", line)
        assert paths, page
        assert all((ROOT / path).exists() for path in paths), page


def test_no_python_block_escapes_the_tests() -> None:
    for page in (*PAGES, TESTING):
        assert unusual(page) == [], page


def test_a_page_shows_an_example_as_it_is() -> None:
    shown = [each for page in (*PAGES, TESTING) for each in files(page)]
    assert {name for name, _ in shown} >= {"examples/relay/app.py", "examples/approve.py"}
    for name, text in shown:
        assert (ROOT / name).is_relative_to(ROOT / "examples"), "tests/test_examples.py runs it"
        assert text == (ROOT / name).read_text(encoding="utf-8"), name


@pytest.mark.parametrize("code", blocks(TESTING), ids=lambda code: code.splitlines()[0][2:])
def test_each_example_of_a_test_passes(code: str, tmp_path: Path) -> None:
    """Each is a file of tests as a user would paste it, named in its first line."""
    (tmp_path / code.splitlines()[0].removeprefix("# ")).write_text(code, encoding="utf-8")
    shutil.copy(STORY, tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-Werror", "-pdify_workflow_pytest"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env=alone
    )
    assert done.returncode == 0, done.stdout


def test_the_examples_of_the_readme_say_what_they_print(emulator: Emulator, folder: Path) -> None:
    run, stream = blocks(ROOT / "README.md")
    for code, expected in ((run, "{'greeting': 'Ann'}"), (stream, "On boxes: A workflow server")):
        program = code.replace(LOCAL_SERVER, emulator.base_url)
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            cwd=folder,
        )
        assert expected in done.stdout


def test_the_readme_is_one_screen_with_eight_lines_a_piece() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 70
    for code in blocks(ROOT / "README.md"):
        assert len([line for line in code.splitlines() if line.strip()]) == 8


def test_each_link_to_a_file_leads_somewhere() -> None:
    pages = [
        page
        for page in ROOT.rglob("*.md")
        if not any(part.startswith(NOT_OURS) for part in page.relative_to(ROOT).parts)
    ]
    assert pages
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_page_of_the_command_line_has_the_help_of_every_command_as_it_is() -> None:
    check = [sys.executable, str(ROOT / "scripts" / "cli_page.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_number_of_recordings_in_the_readme_is_the_number_that_there_is() -> None:
    count = len(list((ROOT / "tests" / "recordings").glob("*/*.json")))
    assert f"{count:,} recorded exchanges" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tree_of_errors_is_that_of_the_module() -> None:
    _, tree = inspect.getdoc(errors).split("\n\n", 1)  # type: ignore[union-attr]  # it has one
    page = ROOT / "docs" / "reference" / "errors.md"
    assert f"```text\n{tree}\n```" in page.read_text(encoding="utf-8")


def test_each_promise_names_a_test_that_there_is() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if "`test_" in line]
    for row in rows:
        file, name = re.findall(r"`(test_\w+\.py)::(test_\w+)`", row)[0]
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert f"def {name}(" in source, row
    assert len(rows) > 35


def test_a_generated_function_cannot_read_the_stream_of_a_run_that_has_happened(
    emulator: Emulator,
) -> None:
    """As docs/low-level-client.md says."""
    body = RunWorkflowBody(inputs={"name": "Ann"}, user=str(uuid4()), response_mode="streaming")
    with (
        AuthenticatedClient(base_url=emulator.base_url, token="app-echo") as generated,
        pytest.raises(json.JSONDecodeError),
    ):
        run_workflow.sync(client=generated, body=body)
    with DifyWorkflow("app-echo", base_url=emulator.base_url) as workflow:
        rows = list(
            workflow.iter_logs(WorkflowLogsRequest(created_by_end_user_session_id=body.user))
        )
    assert [row.status for row in rows] == ["succeeded"]


def test_the_page_about_typed_apps_shows_the_module_of_its_export(folder: Path) -> None:
    page = (ROOT / "docs" / "typed-apps.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```text\n(class .*?)\n```$", page, re.MULTILINE | re.DOTALL)
    assert shown in (folder / "story.py").read_text(encoding="utf-8")
