"""What a reader types from the pages works: each command of each `sh` block is run as it stands.

Those that are not are listed in `ELSEWHERE`, with the reason.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from dify_workflow._json import JSONObject
from dify_workflow.emulator import Emulator, Input, workflow
from dify_workflow.emulator.demos import Body, echo, story
from support.reader import Reader, Step, steps
from support.spec import ROOT

FOLDERS = (".github", "docs", "examples", "generated", "tests")
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted(
        [*ROOT.glob("*.md"), *(p for f in FOLDERS for p in (ROOT / f).rglob("*.md"))]
    )
}
WITH_COMMANDS = [
    name for name, text in PAGES.items() if re.search(r"^ *```sh$", text, re.MULTILINE)
]

ELSEWHERE = {
    "python3 -m venv .venv": "tests/distribution follows the tutorial from here, with the wheel",
    ". .venv/bin/activate": "likewise",
    "--dask tcp://scheduler:8786": "takes a cluster: tests/test_batch_cluster.py has one",
    ".ci/run": "runs these tests",
    "git tag --sign": "makes a release",
    "git push": "likewise",
}
"""Parts of commands that are not run here, and why.

Of `pip install …` the extras are looked up, of `make …` the target; neither is run.
"""

if shutil.which("jq") is None:
    ELSEWHERE["| jq"] = "jq is not installed"


@workflow(
    Input("topic", required=False),
    Input("count", "number", required=False),
    Input("contract", "file", required=False),
    Input("pages", "file-list", required=False),
)
def guide(inputs: JSONObject) -> Body:
    """Takes whatever the page about the command line gives."""
    yield from ()
    return {"topic": inputs.get("topic")}


MY_WORKFLOWS = '''
from dify_workflow.emulator import Input, workflow

@workflow(Input("name"))
def greet(inputs):
    """Greets."""
    yield from ()
    return {"greeting": inputs["name"]}
'''


@dataclass(frozen=True)
class Scene:
    """What a page takes for granted.

    Args:
        app: App whose key the reader has.
        files: Files in the reader's folder, and what they hold.
        before: What the reader has typed before.
    """

    app: str = "guide"
    files: dict[str, str] = field(default_factory=dict)
    before: str = "true"


SCENES = {
    "docs/batches.md": Scene("echo", {"names.csv": "id,name\na1,Ann\nb2,Bob\n"}),
    "docs/cli.md": Scene(
        files={
            "inputs.json": '{"topic": "boxes"}',
            "contract.pdf": "%PDF-1.7",
            "a.png": "a picture",
            "my_workflows.py": MY_WORKFLOWS,
        },
        before="export XDG_CONFIG_HOME=$PWD; pass() { echo app-guide; }",
    ),
    "docs/typed-apps.md": Scene(
        "story",
        {
            "story.yml": (ROOT / "docs" / "assets" / "story.yml").read_text(encoding="utf-8"),
            "pyproject.toml": "[tool.dify-workflow.types]\n"
            "story = {output = 'story.py', dsl = 'story.yml'}",
        },
    ),
    "docs/report.md": Scene("story", before="dify-workflow run -i topic=x --jsonl > events.jsonl"),
}


@pytest.fixture(scope="module")
def dify() -> Iterator[Emulator]:
    """The server that pages mean where they start none."""
    with Emulator(guide, echo, story, linger=0.2) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_each_command_of_a_page_works(page: str, dify: Emulator, tmp_path: Path) -> None:
    scene = SCENES.get(page, Scene())
    for name, text in scene.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    names = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "DIFY_BASE_URL": dify.base_url,
        "DIFY_API_KEY": f"app-{scene.app}",
    }
    theirs = {"https://dify.example.com/v1": dify.base_url, "app-…": f"app-{scene.app}"}
    with Reader(tmp_path, names, theirs) as reader:
        reader.type(scene.before)
        for step in commands(page):
            if not is_only_looked_up(step.command):
                reader.follow(step)


def commands(page: str) -> Iterator[Step]:
    """The steps of a page; its programs, which tests/test_docs.py runs, only in the tutorial."""
    for step in steps(PAGES[page]):
        if step.program is None or page == "docs/tutorial.md":
            yield step


def is_only_looked_up(command: str) -> bool:
    """Whether a command is not to be run; what can be known of it without is held here."""
    if command.startswith("#") or any(part in command for part in ELSEWHERE):
        return True
    if installs := re.match(r"pip install (\S+)", command):
        assert "[" not in installs[1] or installs[1].startswith("'"), "zsh takes [ for a pattern"
        wanted = Requirement(installs[1].strip("'"))
        assert wanted.name == "dify-workflow"
        assert wanted.extras <= set(metadata("dify-workflow").get_all("Provides-Extra") or ())
        return True
    if made := re.match(r"(?:\w+=\S+ )*make ([\w-]+)", command):
        subprocess.run(["make", "--dry-run", made[1]], cwd=ROOT, check=True, capture_output=True)
        return True
    return False


def test_whatever_is_not_run_stands_on_a_page() -> None:
    typed = [step.command for page in WITH_COMMANDS for step in steps(PAGES[page])]
    for part in ELSEWHERE:
        assert any(part in command for command in typed), part


def test_no_block_of_commands_escapes_the_tests() -> None:
    """By another name of the language, or by options behind it."""
    fences = {
        each for text in PAGES.values() for each in re.findall(r"^ *`{3,}(.*)$", text, re.MULTILINE)
    }
    languages = {fence.partition(" title=")[0] for fence in fences}
    assert languages == {"", "html", "mermaid", "python", "sh", "text", "toml"}


def test_a_reader_notices_what_is_not_as_the_page_says(tmp_path: Path) -> None:
    page = "```sh\necho \\\n  one\n```\n\nIt prints:\n\n```text\ntwo\n```\n"
    (step,) = steps(page)
    assert step == Step("echo \\\n  one", shown="two\n")
    with Reader(tmp_path, dict(os.environ)) as reader:
        with pytest.raises(AssertionError, match="one"):
            reader.follow(step)
        with pytest.raises(AssertionError, match="false"):
            reader.follow(Step("false"))
        with pytest.raises(AssertionError, match="does not serve"):
            reader.follow(Step("echo --port 8000"))
