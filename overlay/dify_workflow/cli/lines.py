"""The tree of a run as lines of text, for any width and height; pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ..timeline.inert import inert, inert_line
from ..timeline.text import counted, duration
from .tree import Node, RunTree

STYLES = {
    "succeeded": "green",
    "partial-succeeded": "yellow",
    "exception": "yellow",
    "failed": "red",
    "stopped": "magenta",
    "paused": "cyan",
    "running": "blue",
}
"""Style by status of a run or node."""

_MARKS = {
    "succeeded": "✔",
    "partial-succeeded": "✔",
    "exception": "!",
    "failed": "✘",
    "stopped": "■",
    "paused": "‖",
    "running": "…",
}
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_SPINS_PER_SECOND = 12
_GAP = 2
"""Columns between columns."""
_LEAST_LABEL = 16
"""Minimum number of columns for a title; with fewer, the node's kind is left out."""


def mark(status: str) -> Text:
    """The sign for a status."""
    return Text(_MARKS.get(status, "?"), style=STYLES.get(status, ""))


def unreadable_line(reasons: Sequence[str]) -> Text:
    """A line that reports messages of the stream that could not be read.

    Args:
        reasons: The reason for each message.
    """
    what = "a message" if len(reasons) == 1 else f"{len(reasons):,} messages"
    reason = inert_line(reasons[-1])
    return Text(f"! {what} of the stream could not be read: {reason}", style="yellow")


@attrs.frozen
class Row:
    """A node as the cells of its line."""

    label: Text
    kind: Text
    time: Text
    tokens: Text
    note: Text


def title_lines(tree: RunTree) -> list[Text]:
    """The id of the run, and below it the id of its task, which `stop` takes."""
    lines = [Text.assemble(("▶ ", "blue"), ("run ", "bold"), inert_line(tree.run_id or ""))]
    if tree.task_id:
        lines.append(Text(f"  task {inert_line(tree.task_id)}", style="dim"))
    return lines


def spinner(now: float) -> Text:
    """The sign for something that is running, at a time in seconds."""
    return Text(_SPINNER[int(now * _SPINS_PER_SECOND) % len(_SPINNER)], style=STYLES["running"])


def tree_lines(
    tree: RunTree, width: int, *, height: int | None = None, spins: bool = False
) -> list[Text]:
    """The nodes, one per line.

    Args:
        tree: The run.
        width: Maximum number of columns.
        height: Maximum number of lines; None for any number. If nodes are left out, the first line
            says how many.
        spins: Whether nodes that are running have a spinner.
    """
    nodes = list(tree.walk())
    left_out = 0
    if height is not None and len(nodes) > height:
        left_out = len(nodes) - max(height - 1, 0)
    turning = spinner(tree.now)
    rows = [
        _row(node, lead, turning if spins and node.is_running else mark(node.status))
        for node, lead in nodes[left_out:]
    ]
    lines = _aligned(rows, width)
    if left_out and height:
        lines.insert(0, Text(f"  ⋮ {counted(left_out, 'node')} above", style="dim"))
    return lines


def node_line(node: Node, lead: str = "") -> Text:
    """A node as one line, without columns."""
    row = _row(node, lead, mark(node.status))
    time = Text() if node.is_running else row.time
    cells = (row.label, row.kind, time, row.tokens, row.note)
    return Text(" " * _GAP).join([cell for cell in cells if cell])


def text_lines(text: str, width: int, height: int, console: Console) -> list[Text]:
    """The last lines of a text, wrapped.

    Args:
        text: The text, or its end.
        width: Maximum number of columns.
        height: Maximum number of lines.
        console: Console that wraps the text.
    """
    shown = Text(inert(text).strip("\n"))
    if not shown or height < 1:
        return []
    shown.expand_tabs(4)
    return list(shown.wrap(console, max(width, 1), overflow="fold"))[-height:]


def _row(node: Node, lead: str, sign: Text) -> Row:
    return Row(
        label=Text.assemble((lead, "dim"), sign, " ", (node.title, "bold" * node.is_running)),
        kind=Text(node.kind, style="dim"),
        time=Text(duration(node.seconds), style="" if node.is_running else "dim"),
        tokens=Text(counted(node.tokens, "token") if node.tokens else "", style="dim"),
        note=_note(node),
    )


def _note(node: Node) -> Text:
    """What else is known about a node."""
    facts: list[Text] = []
    if node.items is not None:
        facts.append(Text(_progress(node), style="cyan" if node.is_running else "dim"))
    elif node.rounds > 1:
        facts.append(Text(f"×{node.rounds}", style="dim"))
    if node.retries:
        facts.append(Text(counted(node.retries, "retry"), style="yellow"))
    if node.failures and node.rounds > 1:
        facts.append(Text(f"{node.failures} failed", style="red"))
    if node.note:
        facts.append(Text(node.note, style="cyan"))
    elif node.message:
        facts.append(Text(node.message, style="red" if node.status == "failed" else "yellow"))
    return Text(", ").join(facts)


def _progress(node: Node) -> str:
    noun = "round" if node.kind == "loop" else "item"
    if not node.is_running:
        return counted(node.item if noun == "round" else node.items or 0, noun)
    if node.at_once or not node.item:
        return counted(node.items or 0, noun) + " in parallel" * node.at_once
    return f"{noun} {node.item} of {node.items}"


def _aligned(rows: Sequence[Row], width: int) -> list[Text]:
    """The rows with their cells in columns; long lines are cut, titles last."""
    label, kind, time, tokens = (
        max((cell_len(getattr(row, name).plain) for row in rows), default=0)
        for name in ("label", "kind", "time", "tokens")
    )
    numbers = time + tokens + _GAP * bool(tokens)
    if label + kind + numbers + 2 * _GAP > width:
        kind = 0
    label = min(label, max(width - numbers - _GAP, _LEAST_LABEL))
    lines: list[Text] = []
    for row in rows:
        cells = [_cell(row.label, label)]
        cells += [_cell(row.kind, kind)] if kind else []
        cells += [_cell(row.time, time, "right")]
        cells += [_cell(row.tokens, tokens, "right")] if tokens else []
        line = Text(" " * _GAP).join([*cells, row.note])
        line.rstrip()
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    return lines


def _cell(text: Text, width: int, align: str = "left") -> Text:
    cell = text.copy()
    cell.truncate(width, overflow="ellipsis")
    cell.align("right" if align == "right" else "left", width)
    return cell
