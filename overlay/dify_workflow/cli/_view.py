"""What people see of a run: its nodes and text as they come, then its result."""

from __future__ import annotations

import json

from rich.console import Console
from rich.json import JSON
from rich.table import Table
from rich.text import Text

from .._event import StreamEvent
from ..events import (
    HumanInputRequired,
    NodeFinished,
    NodeRetry,
    NodeStarted,
    TextChunk,
    WorkflowStarted,
)
from ..models import DifyPageResult, WorkflowLogs, WorkflowRunResponse
from ._format import clock, seconds

_LOG_ORDER = ("started", "status", "run", "user", "seconds", "tokens")

_MESSAGE_WIDTH = 16
"""Characters below which a message says nothing."""

STYLES = {
    "succeeded": "green",
    "partial-succeeded": "yellow",
    "exception": "yellow",
    "failed": "red",
    "stopped": "magenta",
    "paused": "cyan",
    "running": "blue",
}
MARKS = {"succeeded": "✔", "failed": "✘", "exception": "!", "stopped": "■", "paused": "‖"}


class RunView:
    """Prints the events of a run as lines, and text in between as it streams.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._in_text = False

    def show(self, event: StreamEvent[object]) -> None:
        """Show one event."""
        match event:
            case TextChunk():
                if not self._in_text and event.data.text:
                    self._console.print("  ", end="")
                    self._in_text = True
                self._console.print(event.data.text, end="", markup=False, highlight=False)
            case WorkflowStarted():
                self._line("▶", f"run {event.id}", "bold")
            case NodeStarted():
                self._line("…", f"{event.data.title} ({event.data.node_type})", "dim")
            case NodeFinished():
                self._node(event)
            case NodeRetry():
                self._line("↻", f"{event.data.title}: {event.message}", "yellow")
            case HumanInputRequired():
                self._line("‖", f"{event.data.node_title} waits for a person", "cyan")
            case _:
                pass

    def result(self, run: WorkflowRunResponse) -> None:
        """Show how the run ended."""
        style = STYLES.get(run.status, "")
        facts = [f"{seconds(run.elapsed_time)} s"] if run.elapsed_time is not None else []
        facts += [f"{run.total_tokens} tokens"] if run.total_tokens else []
        self._line("●", f"{run.status} {', '.join(facts)}".rstrip(), f"bold {style}")
        if run.message:
            self._line(" ", run.message, style)
        if run.outputs:
            # Not wrapped: what is copied has to stay JSON.
            self._console.print(JSON.from_data(run.outputs), soft_wrap=True)

    def _node(self, event: NodeFinished) -> None:
        data = event.data
        tokens = data.execution_metadata and data.execution_metadata.total_tokens
        facts = f"{seconds(data.elapsed_time)} s" + (f", {tokens} tokens" if tokens else "")
        message = f": {event.message}" if event.message else ""
        mark = MARKS.get(data.status, "?")
        self._line(mark, f"{data.title} {facts}{message}", STYLES.get(data.status, ""))

    def _line(self, mark: str, text: str, style: str) -> None:
        if self._in_text:
            self._console.print()
            self._in_text = False
        self._console.print(Text(f"{mark} {text}", style=style), highlight=False)


def show_run(console: Console, run: WorkflowRunResponse) -> None:
    """Show a run that was looked up."""
    rows = {
        "run": run.id,
        "status": Text(run.status, style=STYLES.get(run.status, "")),
        "message": run.message,
        "workflow": run.workflow_id,
        "started": clock(run.created_at),
        "finished": clock(run.finished_at),
        "seconds": seconds(run.elapsed_time),
        "steps": run.total_steps,
        "tokens": run.total_tokens,
        "inputs": json.dumps(run.inputs, ensure_ascii=False) if run.inputs else None,
        "outputs": json.dumps(run.outputs, ensure_ascii=False) if run.outputs else None,
    }
    for name, value in rows.items():
        if value is not None and value != "":
            shown = value if isinstance(value, Text) else Text(str(value))
            console.print(Text(f"{name:9} ", style="dim") + shown, soft_wrap=True)


def show_logs(console: Console, page: DifyPageResult[WorkflowLogs]) -> None:
    """Show a page of logs."""
    columns = log_columns(console.width)
    table = Table(*columns, box=None, pad_edge=False)
    for column in table.columns:
        column.no_wrap = True
    for row in page:
        run, user = row.workflow_run, row.created_by_end_user
        cells: dict[str, str | Text] = {
            "started": clock(row.created_at),
            "status": Text(row.status or "deleted", style=STYLES.get(row.status or "", "dim")),
            "run": run.id if run else "",
            "seconds": seconds(run.elapsed_time) if run else "",
            "tokens": str(run.total_tokens) if run else "",
            "user": Text(user.session_id if user else ""),
            "message": Text(row.message or ""),
        }
        table.add_row(*(cells[name] for name in columns))
    console.print(table)


def log_columns(width: int) -> list[str]:
    """The columns for which there is room: an id or a status that is cut helps nobody."""
    needs = {"run": 36, "status": 19, "started": 21, "seconds": 9, "tokens": 8, "user": 20}
    shown: set[str] = set()
    for name, need in needs.items():
        if need <= width:
            shown.add(name)
            width -= need
    if width >= _MESSAGE_WIDTH:
        shown.add("message")
    return [name for name in (*_LOG_ORDER, "message") if name in shown]
