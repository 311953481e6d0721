"""Servers whose streams break."""

from __future__ import annotations

import threading
import time
from typing import Any

from dify_workflow import (
    NodeFinished,
    NodeStarted,
)
from dify_workflow.emulator import Emulator, Sleep, Text, node, workflow
from support.pace import hurried
from support.waiting import SOON
from support.worlds import World

POST, EVENTS, DETAIL = "POST /workflows/run", "GET /workflow/", "GET /workflows/run/"


GOES_ON = threading.Event()
"""Lets the runs of `held` go on."""


@workflow()
def held(_inputs: dict[str, Any]) -> Any:
    yield from node("a")
    while not GOES_ON.is_set():
        yield Sleep(0.02)
    yield from node("b", outputs={"n": 1})
    return {"done": True}


@workflow()
def endless(_inputs: dict[str, Any]) -> Any:
    yield from node("a")
    yield Sleep(30)
    yield from node("b")
    return {}


def emulated(version: str = "1.14", *, waits: bool = True, **options: Any) -> Emulator:
    """An emulator of a version, where a run whose stream broke may wait until it is looked for."""

    @workflow()
    def steps(_inputs: dict[str, Any]) -> Any:
        yield from node("a")
        yield Text("one", ("a", "text"))
        yield Sleep(0.15)
        if waits:
            yield from looked_for()
        yield from node("b", outputs={"n": 1})
        yield Text("two", ("b", "text"))
        return {"done": True}

    def looked_for() -> Any:
        end = time.monotonic() + SOON
        while emulator.faults.met and emulator.requests[-1].path.endswith("/run"):
            if time.monotonic() > end:
                return
            yield Sleep(0.05)

    emulator = Emulator(
        steps,
        held,
        endless,
        server_version=version,
        **{"linger": 0.02, "ping_interval": 0.05, "silence": 5.0, **options},
    )
    return emulator


def client_of(both: World, emulator: Emulator, name: str = "steps", **options: Any) -> Any:
    made = both.client(api_key=f"app-{name}", base_url=emulator.base_url, **options)
    return hurried(made)


def posts(emulator: Emulator) -> int:
    return sum(each.method == "POST" and each.path.endswith("/run") for each in emulator.requests)


def nodes_of(told: list[Any]) -> list[tuple[str, str]]:
    nodes = [each for each in told if isinstance(each, NodeStarted | NodeFinished)]
    return [(each.event, each.raw["data"]["node_id"]) for each in nodes]
