"""What `import dify_workflow` costs and promises."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from importlib.metadata import metadata, requires
from pathlib import Path

import attrs
import pytest

import dify_workflow
import dify_workflow_api
from dify_workflow import __main__ as entry
from dify_workflow import __version__, models
from dify_workflow.emulator import Emulator
from support.spec import ROOT


def loaded_by(program: str) -> set[str]:
    code = f"{program}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_import_brings_no_extra_and_no_generated_model() -> None:
    modules = loaded_by("import dify_workflow")
    extras = {"typer", "click", "rich", "starlette", "uvicorn", "multipart", "python_multipart"}
    extras |= {"sqlalchemy", "pyarrow", "distributed", "dask", "psycopg", "opentelemetry"}
    assert not extras & modules
    assert not [name for name in modules if name.startswith("dify_workflow_api.models.")]
    assert not [name for name in modules if name.startswith("dify_workflow_api.api")]
    assert "dify_workflow.emulator" not in modules
    assert "dify_workflow.cli" not in modules
    assert "dify_workflow.batch" not in modules
    assert not [name for name in modules if name.startswith("dify_workflow.report")]
    assert "dify_workflow.tracing" not in modules


@pytest.mark.parametrize("name", models.__all__)
def test_the_types_of_what_is_asked_and_answered_can_be_looked_up_as_cattrs_does(name: str) -> None:
    cls = attrs.resolve_types(getattr(dify_workflow, name))
    assert not [field.name for field in attrs.fields(cls) if isinstance(field.type, str)]


@pytest.mark.parametrize("client", ["DifyWorkflow", "AsyncDifyWorkflow"])
def test_a_run_that_is_not_traced_brings_nothing_for_that(client: str, emulator: Emulator) -> None:
    run = {
        "DifyWorkflow": "workflow.run_workflow({'name': 'Ann'})",
        "AsyncDifyWorkflow": "asyncio.run(workflow.run_workflow({'name': 'Ann'}))",
    }
    modules = loaded_by(
        "import asyncio\n"
        f"from dify_workflow import {client}\n"
        f"workflow = {client}('app-echo', base_url={emulator.base_url!r}, tracing=False)\n"
        f"assert {run[client]}.status == 'succeeded'"
    )
    assert not [name for name in modules if name.startswith("opentelemetry")]
    assert not [name for name in modules if name.startswith("dify_workflow.tracing")]


@pytest.mark.parametrize("tracing", ["True", "Tracing()"])
def test_without_its_extra_tracing_says_what_to_install_when_the_client_is_made(
    tracing: str,
) -> None:
    code = (
        "import sys\n"
        "sys.modules['opentelemetry'] = None\n"
        "from dify_workflow import ConfigurationError, DifyWorkflow\n"
        "from dify_workflow.tracing import Tracing\n"
        f"try: DifyWorkflow('app-key', tracing={tracing})\n"
        "except ConfigurationError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "tracing needs OpenTelemetry: pip install 'dify-workflow[otel]'\n"


def test_batches_bring_neither_parquet_nor_a_cluster() -> None:
    modules = loaded_by("import dify_workflow.batch")
    assert "sqlalchemy" in modules
    assert not {"pyarrow", "distributed", "psycopg", "typer", "rich"} & modules


@pytest.mark.parametrize(
    ("package", "program", "extra"),
    [
        ("sqlalchemy", "import dify_workflow.batch", "batch"),
        ("pyarrow", "import dify_workflow.batch._parquet", "batch"),
        (
            "psycopg",
            (
                "from dify_workflow.batch import write_results as w\n"
                "w('r.csv', journal='postgresql://h/d')"
            ),
            "cluster",
        ),
        (
            "distributed",
            "from dify_workflow.batch._dask import executor_at as e\nwith e('tcp://h:1'): pass",
            "cluster",
        ),
    ],
)
def test_without_an_extra_batches_say_what_to_install(
    package: str, program: str, extra: str
) -> None:
    code = f"import sys\nsys.modules[{package!r}] = None\n{program}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"pip install 'dify-workflow[{extra}]'" in done.stderr


def test_a_report_needs_no_extra_and_no_generated_model() -> None:
    program = "import dify_workflow.report as r; r.RunReport().html(); r.RunReport().svg()"
    modules = loaded_by(program)
    assert not {"typer", "rich", "starlette"} & modules
    assert not [name for name in modules if name.startswith("dify_workflow_api.models.")]


def test_httpx_keeps_its_command_line_which_is_imported_when_called() -> None:
    program = "import dify_workflow, httpx, sys\nsys.argv = ['httpx', '--help']\nhttpx.main()"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "Usage" in done.stdout


def test_httpx_that_is_there_already_is_left_alone() -> None:
    assert "rich" in loaded_by("import httpx, dify_workflow")


def test_a_run_loads_only_the_models_that_it_needs() -> None:
    modules = loaded_by(
        "import dify_workflow\n"
        "from dify_workflow import _operations\n"
        "_operations.run_workflow('run_workflow', {}, 'u', mode='streaming')"
    )
    models = {name for name in modules if name.startswith("dify_workflow_api.models.")}
    assert 0 < len(models) < 15


def test_the_wheel_has_the_plugin_and_all_parts_of_pages(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.iterdir()
    packed = set(zipfile.ZipFile(wheel).namelist())
    overlay = ROOT / "overlay"
    parts = {str(path.relative_to(overlay)) for path in overlay.glob("*/emulator/page/*")}
    assert len(parts) == 8
    parts |= {str(path.relative_to(overlay)) for path in overlay.glob("*/report/*.css")}
    assert len(parts) == 10
    assert parts | {"dify_workflow_pytest/__init__.py", "dify_workflow_pytest/py.typed"} <= packed
    assert {name.partition("/")[0] for name in packed if "dist-info" not in name} == {
        "dify_workflow",
        "dify_workflow_api",
        "dify_workflow_pytest",
    }


def test_the_version_is_the_distributions() -> None:
    assert metadata("dify-workflow")["Version"] == __version__


def test_runtime_dependencies_are_four() -> None:
    names = {
        re.split(r"[<>]", requirement)[0]
        for requirement in requires("dify-workflow") or []
        if "extra ==" not in requirement
    }
    assert names == {"attrs", "httpx", "orjson", "python-dateutil"}


@pytest.mark.parametrize("package", [dify_workflow, dify_workflow_api])
def test_both_packages_are_marked_as_typed(package: object) -> None:
    assert (Path(package.__file__).parent / "py.typed").is_file()  # type: ignore[attr-defined]  # a module


def test_without_the_extra_the_command_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    for name in [name for name in sys.modules if name.startswith("dify_workflow.cli")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SystemExit, match=r"pip install 'dify-workflow\[cli\]'"):
        entry.main()


def test_another_import_that_fails_is_not_taken_for_a_missing_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "dify_workflow.cli", None)
    with pytest.raises(ImportError):
        entry.main()
