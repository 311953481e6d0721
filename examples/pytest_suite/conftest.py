"""A replacement for the workflow in Dify, for every test of this folder."""

import pytest

from dify_workflow.emulator import Input, NodeError, Steps, Workflow, llm, workflow


@workflow(Input("name", max_length=40))
def letters(inputs: dict[str, str]) -> Steps:
    if inputs["name"] == "Bobby Tables":
        raise NodeError("We do not write to him.")
    text = yield from llm("write", ["Dear ", inputs["name"], ",\nall is well."])
    return {"letter": text}


@pytest.fixture(scope="session")
def dify_workflows() -> list[Workflow]:
    return [letters]


@pytest.fixture(scope="session", params=["1.9", "1.14"])
def dify_server_version(request: pytest.FixtureRequest) -> str:
    """Run each test against both versions that we support."""
    return str(request.param)
