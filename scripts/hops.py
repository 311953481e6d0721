"""How many of our files a call passes through, and how often it changes file: `make hops`.

What a newcomer has to open to follow a call. The server answers in threads of its own, which are
not counted, and each call is made once before, so that nothing is imported or connected for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import dify_workflow
from dify_workflow import DifyWorkflow, TextChunk, WorkflowLogsRequest
from dify_workflow.emulator import Emulator

OVERLAY = str(Path(dify_workflow.__file__).parent)
LIMITS = {"a streamed run_workflow": 20, "one text event": 6, "one page of logs": 14}
"""Most files that each is to pass through; more do today."""


class Route:
    """The files that this thread passes through, in their order."""

    def __init__(self) -> None:
        self.stops: list[str] = []

    def note(self, frame: FrameType, happening: str, _argument: object) -> None:
        """Take a call or a return, as `sys.setprofile` tells them."""
        if happening not in {"call", "return"}:
            return
        caller = frame if happening == "call" else frame.f_back
        file = caller.f_code.co_filename if caller else ""
        if file.startswith(OVERLAY) and self.stops[-1:] != [file]:
            self.stops.append(file)

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Follow what is done meanwhile."""
        before = sys.getprofile()
        sys.setprofile(self.note)
        try:
            yield
        finally:
            sys.setprofile(before)

    @property
    def files(self) -> list[str]:
        """Each file once, in the order of their first calls."""
        return [str(Path(stop).relative_to(OVERLAY)) for stop in dict.fromkeys(self.stops)]


def route_of(call: Callable[[], object]) -> Route:
    """The route of a call that was made once before."""
    call()
    route = Route()
    with route.followed():
        call()
    return route


def route_of_text(client: DifyWorkflow) -> Route:
    """The route of a text event, from the bytes to its text."""
    route = Route()
    with client.run_workflow_stream({"topic": "hops"}) as stream:
        texts = (event for event in stream if isinstance(event, TextChunk))
        assert next(texts).data.text  # so that nothing is imported below
        with route.followed():
            event = next(texts)
            assert event.data.text
    return route


def main() -> int:
    """Print the table; 1 where a call passes through more files than it is to."""
    with Emulator() as emulator, emulator.client("story") as client:
        routes = {
            "a streamed run_workflow": route_of(lambda: client.run_workflow({"topic": "hops"})),
            "one text event": route_of_text(client),
            "one page of logs": route_of(lambda: client.logs(WorkflowLogsRequest(limit=5))),
        }
    print("| call | files | at most | changes of file |\n|---|---|---|---|")
    for name, route in routes.items():
        print(f"| {name} | {len(route.files)} | {LIMITS[name]} | {len(route.stops) - 1} |")
    for name, route in routes.items():
        print(f"\n{name}: {', '.join(route.files)}")
    return int(any(len(route.files) > LIMITS[name] for name, route in routes.items()))


if __name__ == "__main__":
    sys.exit(main())
