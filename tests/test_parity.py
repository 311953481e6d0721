"""The two clients, and the two of each other class, have the same methods in the same words."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

import dify_workflow
from dify_workflow import (
    AsyncDifyWorkflow,
    AsyncLogIterator,
    AsyncMediaStream,
    AsyncWorkflowStream,
    DifyWorkflow,
    LogIterator,
    MediaStream,
    WorkflowLogsRequest,
    WorkflowStream,
)
from dify_workflow import __all__ as public
from dify_workflow._http.async_network import AsyncConnections, AsyncReader
from dify_workflow._http.async_transport import AsyncByteStream, AsyncTransport
from dify_workflow._http.sync_network import Connections, Reader
from dify_workflow._http.sync_transport import ByteStream, Transport

PAIRS = [
    (DifyWorkflow, AsyncDifyWorkflow),
    (WorkflowStream, AsyncWorkflowStream),
    (MediaStream, AsyncMediaStream),
    (LogIterator, AsyncLogIterator),
    (Transport, AsyncTransport),
    (ByteStream, AsyncByteStream),
    (Connections, AsyncConnections),
    (Reader, AsyncReader),
]
IDS = [sync.__name__ for sync, _ in PAIRS]
FOR_FORKS = {Reader: {"forget"}, Connections: {"leave_to_parent"}}
"""Methods without a twin: an event loop, and what belongs to it, does not outlive a fork anyway."""


def members(cls: type) -> dict[str, Any]:
    return {
        name: member.fget if isinstance(member, property) else member
        for name, member in vars(cls).items()
        if not name.startswith("_")
        and name not in FOR_FORKS.get(cls, set())
        and (callable(member) or isinstance(member, property))
    }


def in_sync_words(text: str) -> str:
    """The annotation or docstring of async code as sync code has it."""
    text = re.sub(r"\b(Async|async |await )(?=[A-Za-z`(])", "", text)
    text = text.replace("``async with``", "``with``")
    text = re.sub(r"Awaitable\[(.*)\]", r"\1", text)
    return text.replace("AsyncIterator", "Iterator")


@pytest.mark.parametrize(("sync", "async_"), PAIRS, ids=IDS)
def test_the_same_methods(sync: type, async_: type) -> None:
    assert members(sync).keys() == members(async_).keys()


@pytest.mark.parametrize(("sync", "async_"), PAIRS, ids=IDS)
def test_the_same_signatures(sync: type, async_: type) -> None:
    for name, method in members(sync).items():
        twin = members(async_)[name]
        assert str(inspect.signature(method)) == in_sync_words(str(inspect.signature(twin))), name


@pytest.mark.parametrize(("sync", "async_"), PAIRS[1:4], ids=IDS[1:4])
def test_the_same_docstrings(sync: type, async_: type) -> None:
    for name, method in members(sync).items():
        assert method.__doc__, name
        assert method.__doc__ == in_sync_words(members(async_)[name].__doc__), name


def test_each_client_says_what_is_true_of_it_alone() -> None:
    assert "Threads may share one client." in str(DifyWorkflow.__doc__)
    assert "Tasks may share one client" in str(AsyncDifyWorkflow.__doc__)
    assert "The DNS lookup is not covered" in str(DifyWorkflow.run_workflow.__doc__)
    assert "DNS" not in str(AsyncDifyWorkflow.run_workflow.__doc__)


@pytest.mark.parametrize(("sync", "async_"), PAIRS[:1], ids=IDS[:1])
def test_the_same_constructors(sync: Any, async_: Any) -> None:
    assert str(inspect.signature(sync.__init__)) == in_sync_words(
        str(inspect.signature(async_.__init__))
    )
    assert inspect.getdoc(sync) is not None
    arguments = [inspect.getdoc(cls).partition("Args:")[2] for cls in (sync, async_)]  # type: ignore[union-attr]  # checked above
    assert arguments[0] == in_sync_words(arguments[1])


def test_with_options_takes_what_the_constructor_takes() -> None:
    made = set(inspect.signature(DifyWorkflow.__init__).parameters)
    changed = set(inspect.signature(DifyWorkflow.with_options).parameters)
    assert made == changed


def test_the_contract_of_the_facade() -> None:
    """What the Java original promises, in Python's names."""

    def parameters(method: Any) -> list[str]:
        return list(inspect.signature(method).parameters)[1:]

    assert parameters(DifyWorkflow.run_workflow)[0] == "request"
    assert parameters(DifyWorkflow.run_workflow_stream)[0] == "request"
    assert parameters(DifyWorkflow.stop_workflow_stream)[:3] == ["task_id", "user_id", "api_key"]
    assert parameters(DifyWorkflow.info)[:2] == ["workflow_run_id", "api_key"]
    assert parameters(DifyWorkflow.logs)[:1] == ["request"]
    assert parameters(WorkflowLogsRequest.__init__)[:3] == ["api_key", "last_id", "limit"]


def test_everything_public_is_documented_and_exported_once() -> None:
    assert len(public) == len(set(public))
    for name in public:
        value = getattr(dify_workflow, name)
        if inspect.isclass(value):
            assert value.__doc__, name
