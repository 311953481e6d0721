"""The examples in docstrings run."""

from __future__ import annotations

import asyncio
import inspect
import shutil
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dify_workflow import AsyncDifyWorkflow, DifyWorkflow
from dify_workflow import emulator as emulator_package
from dify_workflow.emulator import Emulator, Faults, node, workflow
from dify_workflow.report import RunReport
from dify_workflow.tracing import Tracing
from support.spec import ROOT

CLASSES = (Emulator, Faults, RunReport, Tracing)
FUNCTIONS = (emulator_package.app_from_dsl,)
# What can be said of them is said by their class.
LEFT_OUT = {"serve_forever", "listen", "take"}


def members() -> Iterator[tuple[str, Any]]:
    yield from ((each.__name__, each) for each in (*CLASSES, *FUNCTIONS))
    for cls in CLASSES:
        for name, member in vars(cls).items():
            if not name.startswith("_") and callable(getattr(cls, name)) and name not in LEFT_OUT:
                yield f"{cls.__name__}.{name}", member


MEMBERS = dict(members())


def example_of(member: Any) -> str:
    """The code below ``Example::`` in a docstring."""
    _, _, below = inspect.cleandoc(member.__doc__ or "").partition("Example::\n")
    return textwrap.dedent(below)


def run(code: str, names: dict[str, Any]) -> None:
    """Run code, inside a coroutine where it awaits."""
    if "await " not in code and "async " not in code:
        exec(code, names)
        return
    exec(f"async def example():\n{textwrap.indent(code, '    ')}", names)
    asyncio.run(names["example"]())


@workflow()
def greet(inputs: dict[str, Any]) -> Any:
    yield from node("think")
    return {"greeting": f"Hello {inputs['name']}"}


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What examples use without making it, in a folder with the files that they read."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "docs" / "assets" / "story.yml", tmp_path)
    with Emulator(linger=0.0) as server, server.client("echo") as client:
        with client.run_workflow_stream({"name": "Ann"}) as stream:
            Path("run.jsonl").write_text("".join(f"{event.to_json()}\n" for event in stream))
        report = RunReport.read("run.jsonl")
        yield {
            **vars(emulator_package),
            "AsyncDifyWorkflow": AsyncDifyWorkflow,
            "DifyWorkflow": DifyWorkflow,
            "RunReport": RunReport,
            "Tracing": Tracing,
            "async_workflow": server.async_client("echo"),
            "emulator": server,
            "greet": greet,
            "report": report,
            "workflow": client,
        }
        with suppress(RuntimeError):
            server.end_outage()


@pytest.mark.parametrize("name", MEMBERS)
def test_each_public_method_has_an_example_that_runs(name: str, names: dict[str, Any]) -> None:
    member: Callable[..., Any] = getattr(MEMBERS[name], "__func__", MEMBERS[name])
    code = example_of(member)
    assert code, f"{name} has no example"
    run(code, names)


@pytest.mark.parametrize("name", [name for name in MEMBERS if "." in name])
def test_each_public_method_that_returns_something_says_what(name: str) -> None:
    member = getattr(MEMBERS[name], "__func__", MEMBERS[name])
    result = inspect.signature(member).return_annotation
    text = inspect.cleandoc(member.__doc__ or "")
    if result not in {"None", None}:
        assert "Returns:\n" in text or text.startswith("Return "), name
