"""What `import dify_workflow` costs and promises."""

from __future__ import annotations

import email
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import metadata, requires
from pathlib import Path

import attrs
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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
    modules = loaded_by("import dify_workflow") - loaded_by("import httpx")
    extras = {"typer", "click", "rich", "starlette", "uvicorn", "multipart", "python_multipart"}
    extras |= {"sqlalchemy", "pyarrow", "distributed", "dask", "psycopg", "opentelemetry", "yaml"}
    extras |= {"aiohttp", "yarl"}
    assert not extras & modules
    assert not [name for name in modules if name.startswith("dify_workflow_api.models.")]
    assert not [name for name in modules if name.startswith("dify_workflow_api.api")]
    assert "dify_workflow.emulator" not in modules
    assert "dify_workflow.cli" not in modules
    assert "dify_workflow.batch" not in modules
    assert "dify_workflow.codegen" not in modules
    assert "dify_workflow.dsl" not in modules
    assert not [name for name in modules if name.startswith("dify_workflow.report")]
    assert "dify_workflow.tracing" not in modules


@pytest.mark.parametrize(
    "name", [name for name in models.__all__ if attrs.has(getattr(models, name))]
)
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


def test_batches_bring_neither_parquet_nor_excel_nor_a_cluster() -> None:
    modules = loaded_by("import dify_workflow.batch") - loaded_by("import httpx")
    assert "sqlalchemy" in modules
    assert not {"pyarrow", "openpyxl", "distributed", "psycopg", "typer", "rich"} & modules


@pytest.mark.parametrize(
    ("package", "program", "extra"),
    [
        ("sqlalchemy", "import dify_workflow.batch", "batch"),
        ("pyarrow", "import dify_workflow.batch.parquet", "parquet"),
        ("openpyxl", "import dify_workflow.batch.excel", "excel"),
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
            "from dify_workflow.batch.cluster import executor_at as e\nwith e('tcp://h:1'): pass",
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
    modules = loaded_by(program) - loaded_by("import httpx")
    assert not {"typer", "rich", "starlette"} & modules
    assert not [name for name in modules if name.startswith("dify_workflow_api.models.")]


def test_a_run_loads_only_the_models_that_it_needs() -> None:
    modules = loaded_by(
        "import dify_workflow\n"
        "from dify_workflow._api import operations\n"
        "operations.run_workflow('run_workflow', {}, 'u', mode='streaming')"
    )
    models = {name for name in modules if name.startswith("dify_workflow_api.models.")}
    assert 0 < len(models) < 15


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return zipfile.ZipFile(built)


def test_each_link_of_the_readme_leads_to_the_repository_where_an_index_shows_it(
    wheel: zipfile.ZipFile,
) -> None:
    says = email.message_from_bytes(wheel.read(f"dify_workflow-{__version__}.dist-info/METADATA"))
    urls = dict(url.split(", ") for url in says.get_all("Project-URL") or ())
    repository = urls["Repository"]
    assert all(url.startswith(repository) for url in urls.values())
    page = str(says.get_payload())
    targets = [*re.findall(r"\]\(([^)]+)\)", page), *re.findall(r'src="([^"]+)"', page)]
    assert len(targets) > 20
    for target in targets:
        assert target.startswith("https://"), target
        if target.startswith(repository):
            kind, tag, path = target.removeprefix(f"{repository}/").partition("#")[0].split("/", 2)
            assert kind == ("raw" if path.endswith(".svg") else "blob"), target
            assert tag == f"v{__version__}"
            assert (ROOT / path).exists(), target


def test_the_wheel_has_the_plugin_and_all_parts_of_pages(wheel: zipfile.ZipFile) -> None:
    packed = set(wheel.namelist())
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


def test_runtime_dependencies_are_four_and_what_httpx_itself_stands_on() -> None:
    names = {
        re.split(r"[<>]", requirement)[0]
        for requirement in requires("dify-workflow") or []
        if "extra ==" not in requirement
    }
    assert names == {"attrs", "httpx", "orjson", "python-dateutil"} | {"anyio", "h11", "httpcore"}


def test_what_make_installs_is_pinned_and_no_group_has_another_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pins: dict[str, set[str]] = {}
    for group, wanted in project["dependency-groups"].items():
        text = (ROOT / "requirements" / f"{group}.txt").read_text(encoding="utf-8")
        found = dict(re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)", text, re.MULTILINE))
        names = {canonicalize_name(Requirement(each).name) for each in wanted}
        assert names <= found.keys(), f"{group}: make lock"
        for name, version in found.items():
            pins.setdefault(name, set()).add(version)
    assert not {name: versions for name, versions in pins.items() if len(versions) > 1}


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
