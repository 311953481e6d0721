"""Workflows whose runs are traced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dify_workflow.emulator import (
    BeginNode,
    Emulator,
    EndNode,
    FormAction,
    Input,
    Sleep,
    failing_node,
    handled_failure,
    human_input,
    iteration,
    llm,
    loop,
    node,
    parallel,
    retrying_node,
    workflow,
)
from support.pace import hurried
from support.traces import Traces
from support.worlds import World


@workflow(Input("topic"))
def article(inputs: dict[str, Any]) -> Any:
    """A model between two nodes."""
    yield from node("search", type="http-request", title="Search", seconds=0.05)
    yield from llm("write", ["On ", inputs["topic"]], title="Write", prompt=inputs["topic"])
    yield from node("check", title="Check")
    return {"text": f"On {inputs['topic']}"}


@workflow()
def nested(_inputs: dict[str, Any]) -> Any:
    """An iteration, a loop in it, and two branches at once."""

    def item(_name: str, _index: int) -> Any:
        yield from loop("again", turn, variables={"left": 2}, title="Again")
        return (yield from node("inner", title="Inner", seconds=0.01))

    def turn(_index: int, variables: dict[str, Any]) -> Any:
        yield from node("turn", title="Turn")
        left = variables["left"] - 1
        return {"left": left} if left else None

    yield from iteration("each", ["a", "b"], item, title="Each")
    yield from parallel(
        node("left", title="Left", seconds=0.1), node("right", title="Right", seconds=0.1)
    )
    return {}


@workflow()
def troubled(_inputs: dict[str, Any]) -> Any:
    """Retries, a failure that is handled, and one that is not."""
    yield from retrying_node("request", "SECRET 503", title="Request", outputs={})
    yield from handled_failure("risky", "SECRET kaboom", outputs={}, title="Risky")
    yield from failing_node("doomed", "SECRET error", title="Doomed")


@workflow()
def asking(_inputs: dict[str, Any]) -> Any:
    """Waits for a person."""
    yield from node("before", title="Before")
    answer = yield from human_input("ask", "Well?", actions=[FormAction("yes", "Yes")], title="Ask")
    yield from node("after", title="After", seconds=1.0)
    return {"answer": answer.action}


@workflow()
def long(_inputs: dict[str, Any]) -> Any:
    """A node that has ended, and one that has not for long."""
    yield from node("quick", title="Quick")
    yield from node("slow", title="Slow", seconds=1.5)
    yield from node("last", title="Last")
    return {}


HELD = threading.Event()
"""While it is set, the slow node of `held` does not end."""


@workflow()
def held(_inputs: dict[str, Any]) -> Any:
    """A node that has ended, and one that ends when the test lets it."""
    yield from node("quick", title="Quick")
    yield BeginNode("slow", "code", "Slow")
    while HELD.is_set():
        yield Sleep(0.02)
    yield EndNode("slow", {})
    yield from node("last", title="Last")
    return {}


def client_of(both: World, server: Emulator, app: str, traces: Traces, **settings: Any) -> Any:
    tracing = traces.tracing(**settings)
    made = both.client(api_key=f"app-{app}", base_url=server.base_url, tracing=tracing)
    return hurried(made)


@contextmanager
def traced_server() -> Iterator[Emulator]:
    """An emulator with these workflows."""
    workflows = (article, nested, troubled, asking, long, held)
    with Emulator(*workflows, linger=0.02, ping_interval=0.05) as running:
        yield running
