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
            self._console.print(JSON.from_data(run.outputs))

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
    table = Table.grid(padding=(0, 2))
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
            table.add_row(Text(name, style="dim"), shown)
    console.print(table)


def show_logs(console: Console, page: DifyPageResult[WorkflowLogs]) -> None:
    """Show a page of logs."""
    table = Table(box=None, pad_edge=False)
    for name in ("started", "status", "run", "user", "seconds", "tokens"):
        table.add_column(name, no_wrap=True)
    table.add_column("message", overflow="ellipsis", no_wrap=True)
    for row in page:
        run, user = row.workflow_run, row.created_by_end_user
        table.add_row(
            clock(row.created_at),
            Text(row.status or "deleted", style=STYLES.get(row.status or "", "dim")),
            run.id if run else "",
            Text(user.session_id if user else ""),
            seconds(run.elapsed_time) if run else "",
            str(run.total_tokens) if run else "",
            Text(row.message or ""),
        )
    console.print(table)
    more = ", there are more" if page.has_more else ""
    console.print(f"{len(page)} of {page.total} runs{more}", style="dim")
