"""Every example in a docstring runs as it stands."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import shutil
import textwrap
import typing
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, TypeAlias

import pytest

import dify_workflow
from dify_workflow import AsyncDifyWorkflow, DifyWorkflow, batch, codegen, dsl, output, profiles
from dify_workflow import emulator as emulator_package
from dify_workflow.emulator import Emulator, Input, Workflow, node, workflow
from dify_workflow.emulator.demos import DEMOS
from dify_workflow.report import RunReport
from dify_workflow.tracing import Tracing
from scripts.api._snapshot import PACKAGES
from support.spec import ROOT

OVERLAY = ROOT / "overlay"
MODULES = (dify_workflow, batch, codegen, dsl, emulator_package)
_EXAMPLE = re.compile(r"^Example::\n\n((?:(?: {4}.*)?\n)+)", re.MULTILINE)
_Documented: TypeAlias = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_ASYNC = re.compile(r"\b(?:await|async (?:with|for))\b")


def _documented(part: _Documented) -> Iterator[_Documented]:
    """A module or class, its classes, functions and methods, in their order."""
    yield part
    for each in part.body:
        if isinstance(each, ast.ClassDef):
            yield from _documented(each)
        elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield each


def _examples() -> Iterator[Any]:
    """The program of each docstring with an example, in the order of the files."""
    for path in sorted(OVERLAY.glob("dify_workflow/**/*.py")):  # those of the plugin are tests
        text = path.read_text(encoding="utf-8")
        for part in _documented(ast.parse(text)) if "Example::" in text else ():
            found = _EXAMPLE.search(f"{ast.get_docstring(part) or ''}\n")
            if found is not None:
                name = getattr(part, "name", "")
                yield pytest.param(
                    textwrap.dedent(found[1]), id=f"{path.relative_to(OVERLAY)}-{name}"
                )


@workflow(Input("name"))
def greet(inputs: dict[str, Any]) -> Any:
    yield from node("think")
    return {"greeting": f"Hello {inputs['name']}"}


@workflow(transcript="Hello", voice=b"Hello as MP3")
def speech(_inputs: dict[str, Any]) -> Any:
    yield from node("listen")
    return {}


def app_for(program: str) -> str:
    """The app that an example needs."""
    if ".paused" in program:
        return "approval"
    if ".troubled" in program:
        return "failing"
    if "stream.stop" in program:
        return "slow"
    return "speech" if "audio" in program else "echo"


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What examples use without making it, in a folder with the files that they read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    shutil.copy(ROOT / "docs" / "assets" / "story.yml", tmp_path)
    Path("speech.mp3").write_bytes(b"Hello as MP3")
    with Emulator(*DEMOS, speech, linger=0.0) as server, server.client("echo") as client:
        monkeypatch.setenv("DIFY_BASE_URL", server.base_url)
        with client.run_workflow_stream({"name": "Ann"}) as stream:
            Path("run.jsonl").write_text("".join(f"{event.to_json()}\n" for event in stream))
        yield {
            **{name: getattr(module, name) for module in MODULES for name in module.__all__},
            **{name: getattr(typing, name) for name in ("TypedDict", "Unpack")},
            "Path": Path,
            "RunReport": RunReport,
            "Tracing": Tracing,
            "async_workflow": server.async_client("echo"),
            "emulator": server,
            "greet": greet,
            "profiles": profiles,
            "replacing": output.replacing,
            "report": RunReport.read("run.jsonl"),
        }
        with suppress(RuntimeError):
            server.end_outage()


@pytest.mark.parametrize("program", list(_examples()))
def test_each_example_of_a_docstring_runs(
    program: str, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Examples use public names, `workflow` for a client, and some of the standard library.

    Where an example makes a workflow, `workflow` is the decorator, and the workflow is run.
    """
    monkeypatch.setenv("DIFY_API_KEY", f"app-{app_for(program)}")
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(program, "<example>", "exec", flags=flags, dont_inherit=True)
    if "@workflow" in program:
        exec(code, names)  # our own text
        (made,) = (each for each in names.values() if isinstance(each, Workflow) and each != greet)
        names["emulator"].serve(made)
        with names["emulator"].client() as client:
            run = client.run_workflow({"name": "Ann"})
        assert run.status != "failed" or "failing_node" in program, run
    elif _ASYNC.search(program):
        asyncio.run(_run_async(code, names))
    else:
        with DifyWorkflow() as client:
            exec(code, {**names, "workflow": client})  # our own text


async def _run_async(code: CodeType, names: dict[str, Any]) -> None:
    async with AsyncDifyWorkflow() as workflow:
        running = eval(code, {**names, "workflow": workflow})  # our own text
        if running is not None:
            await running


def test_each_class_that_users_meet_first_has_an_example() -> None:
    for cls in (
        dify_workflow.ApiKey,
        dify_workflow.DifyError,
        dify_workflow.WorkflowFile,
        dify_workflow.WorkflowLogsRequest,
        dify_workflow.WorkflowRunRequest,
        dify_workflow.WorkflowRunResponse,
        dify_workflow.WorkflowStream,
        dify_workflow.AsyncWorkflowStream,
    ):
        assert _EXAMPLE.search(f"{inspect.getdoc(cls)}\n"), cls


def _public_functions() -> dict[str, FunctionType]:
    """The public functions, and the methods of public classes, each once.

    Methods of generated models are left out: the generator wrote their docstrings.
    """
    found: dict[str, FunctionType] = {}
    for suffix in PACKAGES["dify_workflow"]:
        module = import_module(f"dify_workflow{suffix}")
        for thing in (getattr(module, name) for name in module.__all__):
            owners = thing.__mro__ if inspect.isclass(thing) else ()
            members = [
                getattr(member, "__func__", member)  # of a class method
                for owner in owners
                for name, member in vars(owner).items()
                if not name.startswith("_")
            ]
            for each in [thing, *members]:
                if isinstance(each, FunctionType) and each.__module__.startswith("dify_workflow."):
                    found[f"{each.__module__}.{each.__qualname__}"] = each
    return found


WITHOUT_EXAMPLE = {"dify_workflow.emulator.server.Emulator.serve_forever": "it does not return"}
FUNCTIONS = _public_functions()


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - WITHOUT_EXAMPLE))
def test_each_public_function_and_method_has_a_short_example(name: str) -> None:
    found = _EXAMPLE.search(f"{inspect.getdoc(FUNCTIONS[name])}\n")
    assert found, f"{name} has no example"
    lines = [line for line in found[1].splitlines() if line.strip()]
    assert 2 <= len(lines) <= 5, found[1]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_each_public_function_and_method_says_what_it_returns(name: str) -> None:
    if inspect.signature(FUNCTIONS[name]).return_annotation not in {"None", None}:
        assert "\nReturns:\n" in (inspect.getdoc(FUNCTIONS[name]) or ""), name


def test_the_rule_holds_for_all_public_packages() -> None:
    names = FUNCTIONS.keys()
    for known in (
        "_logs.async_iterators.AsyncLogIterator.pages",
        "_record.Record.to_dict",
        "_streams.sync_stream.WorkflowStream.result",
        "batch.run.run_batch",
        "client.DifyWorkflow.info",
        "codegen.module.generate",
        "dsl.app.read_app",
        "emulator.faults.Faults.delay",
        "models.file.WorkflowFile.remote",
        "profiles.Profile.client",
        "report.report.RunReport.of",
    ):
        assert f"dify_workflow.{known}" in names
