"""The wheel alone, as a new user has it: in new environments, without a trace of this project."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dify_workflow import __version__
from dify_workflow.emulator import Emulator
from support.blocks import LOCAL_SERVER
from support.reader import Reader, steps
from support.spec import ROOT

WHEEL = ROOT / "dist" / f"dify_workflow-{__version__}-py3-none-any.whl"
TO_AN_INDEX = ("PIP_", "SSL_CERT_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""How the variables start that say how this machine reaches an index of packages."""

ALONE = """\
import sys
import dify_workflow, dify_workflow_api

assert "site-packages" in dify_workflow.__file__, dify_workflow.__file__
with dify_workflow.DifyWorkflow("app-echo") as workflow:
    print(workflow.run_workflow({"name": "wheel"}).raise_for_status().outputs)
extras = {
    "aiohttp", "click", "distributed", "openpyxl", "pyarrow", "rich", "sqlalchemy", "starlette",
    "typer",
}
extras.add("opentelemetry")
assert not extras & set(sys.modules), extras & set(sys.modules)
"""


@contextmanager
def newcomer(folder: Path, package: str, **instead: str) -> Iterator[Reader]:
    """Someone with an empty home, no variables, and the Python that this environment is made of.

    Args:
        folder: Where they are; empty.
        package: What they install. They get the wheel, and the newest versions of all else.
        instead: Texts that stand in place of those of a page.
    """
    (folder / "home").mkdir()
    (folder / "work").mkdir()
    names = {name: value for name, value in os.environ.items() if name.startswith(TO_AN_INDEX)}
    names |= {
        "HOME": str(folder / "home"),
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join([str(Path(sys.executable).resolve().parent), "/usr/bin", "/bin"]),
        "PIP_CACHE_DIR": str(ROOT / "build" / "pip"),
        "PIP_NO_COMPILE": "1",
        "PIP_QUIET": "1",
    }
    wheel = {f"'{package}'": f"'{package} @ {WHEEL.as_uri()}'"}
    with Reader(folder / "work", names, wheel | instead) as reader:
        yield reader


def make_environment(reader: Reader) -> None:
    reader.type("python3 -m venv .venv")
    reader.type(". .venv/bin/activate")


def test_the_tutorial_works_from_its_first_line_to_its_last(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    with newcomer(tmp_path, "dify-workflow[cli,emulator]") as reader:
        for step in steps(page):
            reader.follow(step)
        assert "site-packages" in reader.type(
            "python -c 'import dify_workflow as d; print(d.__file__)'"
        )


def test_the_page_about_batches_works_without_an_emulator_of_its_own(
    emulator: Emulator, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "batches.md").read_text(encoding="utf-8")
    theirs = {LOCAL_SERVER: emulator.base_url}
    with newcomer(tmp_path, "dify-workflow[batch,excel,cli]", **theirs) as reader:
        make_environment(reader)
        reader.type(f"export DIFY_BASE_URL={emulator.base_url} DIFY_API_KEY=app-echo")
        reader.type("printf 'id,name\\na1,Ann\\n' > names.csv")
        for step in steps(page):
            if "--dask" not in step.command:  # tests/test_batch_cluster.py has a cluster
                reader.follow(step)


def test_without_extras_it_runs_a_workflow_and_brings_none(
    emulator: Emulator, tmp_path: Path
) -> None:
    with newcomer(tmp_path, "dify-workflow") as reader:
        make_environment(reader)
        reader.type("pip install 'dify-workflow'")
        (tmp_path / "work" / "alone.py").write_text(ALONE, encoding="utf-8")
        ran = reader.type(f"DIFY_BASE_URL={emulator.base_url} python -W error alone.py")
        assert ran == "{'greeting': 'wheel'}\n"
        assert "starlette" not in reader.type("pip list")
        with pytest.raises(AssertionError, match=r"pip install 'dify-workflow\[cli\]'"):
            reader.type("dify-workflow --help")
