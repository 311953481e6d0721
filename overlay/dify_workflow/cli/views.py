"""Views of a run that is watched: plain lines, only the result, or every event."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from rich.text import Text

from ..events import (
    HumanInputRequired,
    IterationCompleted,
    IterationNext,
    LoopCompleted,
    LoopNext,
    NodeFinished,
    NodeRetry,
    NodeStarted,
    TextChunk,
    TextReplace,
)
from ..events.base import StreamEvent, UnreadableEvent
from ..models import WorkflowRunResponse
from ..timeline.facts import Facts
from ..timeline.inert import inert
from .console import errors, is_terminal, print_json_line
from .lines import node_line, title_lines, unreadable_line
from .render import show_end
from .tree import Node, RunTree
from .view import View

_OF_NODES = (
    *(NodeStarted, NodeFinished, NodeRetry, HumanInputRequired),
    *(IterationNext, IterationCompleted, LoopNext, LoopCompleted),
)
_STEPS = 10
"""Maximum number of progress lines for an iteration or loop."""


class ResultView(View):
    """Only the result, as JSON."""

    def end(self, run: WorkflowRunResponse) -> None:
        """Print the run."""
        print_json_line(run.to_dict())


class EventsView(View):
    """Every event as a line of JSON."""

    def show(self, event: StreamEvent[object]) -> None:
        """Print the event as the server sent it."""
        print_json_line(event.raw)
        sys.stdout.flush()


class LineView(View):
    """A line on stderr for each node, and the text on stdout as it streams.

    Inside iterations and loops, rounds are counted and not listed.
    """

    def __init__(self) -> None:
        self._tree = RunTree()
        self._named: list[Text] = []
        self._in_line = False
        self._is_merged = _same_file()
        self._to_person = is_terminal(sys.stdout)

    def show(self, event: StreamEvent[object]) -> None:
        """Show an event."""
        self._tree.take(event)
        title = title_lines(self._tree) if self._tree.run_id else []
        for line in title[len(self._named) :]:  # the id of the task may come later
            self._line(line)
        self._named = title or self._named
        if isinstance(event, TextChunk):
            self._write(Facts(event.raw.get("data")).text("text") or "")
        elif isinstance(event, TextReplace):
            self._write("\n" * self._in_line + self._tree.text)
        elif isinstance(event, UnreadableEvent):
            self._line(unreadable_line([event.reason]))
        elif isinstance(event, _OF_NODES):
            is_of_round = isinstance(event, NodeStarted | NodeFinished | NodeRetry)
            if node := self._tree.node(event, as_round=is_of_round):
                self._node(event, node)

    def end(self, run: WorkflowRunResponse) -> None:
        """Show how the run ended."""
        if self._in_line:
            self._write("\n")
        show_end(run, self._tree)

    def _node(self, event: StreamEvent[object], node: Node) -> None:
        match event:
            case NodeStarted() | NodeFinished() | HumanInputRequired():
                self._line(node_line(node))
            case NodeRetry():
                self._line(Text(f"↻ {node.title}  {node.message}", style="yellow"))
            case IterationNext() | LoopNext():
                if node.item % max(1, (node.items or 0) // _STEPS) == 0:
                    self._line(node_line(node))
            case IterationCompleted() | LoopCompleted():
                for inner, lead in self._tree.walk(node):
                    self._line(node_line(inner, lead))
            case _:
                pass

    def _write(self, text: str) -> None:
        """Write data: unchanged, or escaped in a terminal."""
        if text:
            sys.stdout.write(inert(text) if self._to_person else text)
            sys.stdout.flush()
            self._in_line = not text.endswith("\n")

    def _line(self, text: Text) -> None:
        if self._in_line and self._is_merged:
            self._write("\n")
        errors.print(text)


def _same_file() -> bool:
    """Whether stdout and stderr are the same file, so that lines need a line end before them."""
    with suppress(OSError, ValueError):  # one of them is not a file
        return os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    return False
