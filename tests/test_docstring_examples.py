"""Every example in a docstring runs as it stands."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import textwrap
import typing
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import dify_workflow
from dify_workflow import AsyncDifyWorkflow, DifyWorkflow, batch, codegen, dsl, output, profiles
from dify_workflow.emulator import Emulator
from support.spec import ROOT

OVERLAY = ROOT / "overlay"
_EXAMPLE = re.compile(r"^Example::\n\n((?:(?: {4}.*)?\n)+)", re.MULTILINE)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_ASYNC = re.compile(r"\b(?:await|async (?:with|for))\b")


def _examples() -> Iterator[Any]:
    """The program of each docstring with an example, in the order of the files."""
    for path in sorted(OVERLAY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, _DOCUMENTED):
                continue
            found = _EXAMPLE.search(f"{ast.get_docstring(node) or ''}\n")
            if found is not None:
                name = getattr(node, "name", "")
                yield pytest.param(
                    textwrap.dedent(found[1]), id=f"{path.relative_to(OVERLAY)}-{name}"
                )


@pytest.mark.parametrize("program", list(_examples()))
def test_each_example_of_a_docstring_runs(
    program: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Examples use public names, `workflow` for a client, and some of the standard library."""
    monkeypatch.setenv("DIFY_API_KEY", "app-echo")
    monkeypatch.setenv("DIFY_BASE_URL", emulator.base_url)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    names = {
        **{
            name: getattr(module, name)
            for module in (dify_workflow, batch, codegen, dsl)
            for name in module.__all__
        },
        **{name: getattr(typing, name) for name in ("TypedDict", "Unpack")},
        "Path": Path,
        "profiles": profiles,
        "replacing": output.replacing,
        "STORY": (ROOT / "tests" / "dsl" / "story.yml").read_text(encoding="utf-8"),
    }
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(program, "<example>", "exec", flags=flags, dont_inherit=True)
    if _ASYNC.search(program):
        asyncio.run(_run_async(code, names))
    else:
        with DifyWorkflow() as workflow:
            exec(code, {**names, "workflow": workflow})  # our own text


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
