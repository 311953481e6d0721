"""Count the files of ours that a call passes through, and the changes of file: `make hops`.

This is what a newcomer must open to follow a call. The server answers in other threads, which are
not counted. Each call is made once before, so that nothing is imported or connected during the
count.
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
"""The largest number of files that each should pass through. A text event is one above that."""


class Route:
    """The files that this thread passes through, in their order."""

    def __init__(self) -> None:
        self.stops: list[str] = []

    def note(self, frame: FrameType, happening: str, _argument: object) -> None:
        """Record a call or a return from `sys.setprofile`."""
        if happening not in {"call", "return"}:
            return
        caller = frame if happening == "call" else frame.f_back
        file = caller.f_code.co_filename if caller else ""
        if file.startswith(OVERLAY) and self.stops[-1:] != [file]:
            self.stops.append(file)

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Record what happens inside the `with` block."""
        before = sys.getprofile()
        sys.setprofile(self.note)
        try:
            yield
        finally:
            sys.setprofile(before)

    @property
    def files(self) -> list[str]:
        """Each file once, in the order of the first calls."""
        return [str(Path(stop).relative_to(OVERLAY)) for stop in dict.fromkeys(self.stops)]


def route_of(call: Callable[[], object]) -> Route:
    """Return the route of a call that was made once before."""
    call()
    route = Route()
    with route.followed():
        call()
    return route


def route_of_text(client: DifyWorkflow) -> Route:
    """Return the route of a text event, from bytes to text."""
    route = Route()
    with client.run_workflow_stream({"topic": "hops"}) as stream:
        texts = (event for event in stream if isinstance(event, TextChunk))
        assert next(texts).data.text  # so that nothing is imported below
        with route.followed():
            event = next(texts)
            assert event.data.text
    return route


def routes() -> dict[str, Route]:
    """The route of each call."""
    with Emulator() as emulator, emulator.client("story") as client:
        return {
            "a streamed run_workflow": route_of(lambda: client.run_workflow({"topic": "hops"})),
            "one text event": route_of_text(client),
            "one page of logs": route_of(lambda: client.logs(WorkflowLogsRequest(limit=5))),
        }


def main() -> int:
    """Print the table; 1 where a call passes through more files than it is to."""
    found = routes()
    print("| call | files | at most | changes of file |\n|---|---|---|---|")
    for name, route in found.items():
        print(f"| {name} | {len(route.files)} | {LIMITS[name]} | {len(route.stops) - 1} |")
    for name, route in found.items():
        print(f"\n{name}: {', '.join(route.files)}")
    return int(any(len(route.files) > LIMITS[name] for name, route in found.items()))


if __name__ == "__main__":
    sys.exit(main())
