"""Values, tables and runs: data goes to stdout, remarks go to stderr."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from .._json import JSON, JSONObject, is_object
from ..inputs import Field
from ..models import HumanInputForm, WorkflowRunResponse
from ..timeline.inert import inert, inert_line, one_line
from ..timeline.text import clock, counted, duration
from .console import (
    cell,
    command,
    errors,
    is_terminal,
    output,
    print_json_line,
    print_line,
    say,
    shown_json,
    value_text,
)
from .lines import STYLES, mark
from .tree import RunTree

_ROUNDED = 2.0
"""Seconds that rounding to whole seconds can add to a duration."""


def show_values(values: Mapping[str, JSON]) -> None:
    """Show names and values on stdout: wrapped in a terminal, else one per line."""
    if not is_terminal(sys.stdout):
        width = max(map(len, values), default=0)
        for name, value in values.items():
            text = value.plain if isinstance(value, Text) else value_text(value)
            print_line(f"{one_line(name):{width}}  {one_line(text)}")
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(Text(inert_line(name)), _value(value))
    output.print(table)


def _value(value: JSON) -> Text:
    """A value for a terminal; JSON that is too long for a line is indented."""
    if isinstance(value, Text):
        return value
    if isinstance(value, str):
        return Text(inert(value).rstrip("\n"))
    is_wide = output.width < len(str(value))
    return Text(shown_json(value, indent=2 if is_wide else None))


def by_name(outputs: JSON) -> JSONObject:
    """The outputs of a run by name; a server may also send something that is not an object."""
    return outputs if is_object(outputs) else {"outputs": outputs}


def table_of(columns: Sequence[str]) -> Table:
    """A table without lines; numbers are aligned to the right."""
    table = Table(*columns, box=None, pad_edge=False, header_style="dim")
    for column in table.columns:
        column.no_wrap = True
        column.justify = "right" if column.header in {"duration", "tokens"} else "left"
    return table


def draw_table(table: Table) -> None:
    """Print a table on stdout; in a pipe, without spaces at the ends of lines."""
    if is_terminal(sys.stdout):
        output.print(table)
        return
    for line in output.render_lines(table, pad=False):
        sys.stdout.write("".join(segment.text for segment in line).rstrip() + "\n")


def show_fields(fields: Iterable[Field]) -> None:
    """Show the inputs of an app or the fields of a form, one per line, without empty columns."""
    rows = [
        {
            "name": Text(cell(field.name), style="bold"),
            "kind": Text(cell(field.kind)),
            "required": Text("yes" if field.required else ""),
            "default": Text("" if field.default is None else cell(value_text(field.default))),
            "takes": Text(cell(_bounds(field))),
        }
        for field in fields
    ]
    names = ("name", "kind", "required", "default", "takes")
    columns = [name for name in names if any(row[name] for row in rows)]
    table = table_of(columns)
    for row in rows:
        table.add_row(*(row[name] for name in columns))
    draw_table(table)


def _bounds(field: Field) -> str:
    """The limits for the values of an input."""
    if field.options:
        return ", ".join(field.options)
    if field.takes_files:
        kinds = ", ".join(field.file_types) or "any file"
        most = f", at most {field.longest}" if field.kind == "file-list" and field.longest else ""
        return f"{kinds}{most}"
    is_text = field.kind in {"text-input", "paragraph"}
    return f"at most {field.longest:,} characters" if is_text and field.longest else ""


def show_end(run: WorkflowRunResponse, tree: RunTree) -> None:
    """Show the outputs of a run that was watched, how it ended, and what can be done next.

    Args:
        run: The run.
        tree: What its events reported.
    """
    is_person = is_terminal(sys.stdout)
    if run.outputs and is_person:
        output.print()
        show_values(by_name(run.outputs))
    elif run.outputs:
        print_json_line(run.outputs)
    sys.stdout.flush()
    errors.print(Text.assemble("\n" * is_person, _ending(run, tree)))
    if run.message:
        errors.print(Text(inert(run.message.strip()), style=STYLES.get(run.status, "")))
    for form in run.paused.forms if run.paused else ():
        _show_wait(form)
    if run.status == "paused":
        errors.print(Text(f"  {command('resume', run.id)}"))


def show_run(run: WorkflowRunResponse) -> None:
    """Show a run that was looked up, on stdout."""
    facts = {
        "run": run.id,
        "task": run.task_id if run.task_id != run.id else None,
        "status": Text.assemble(
            mark(run.status), " ", (cell(run.status), STYLES.get(run.status, ""))
        ),
        "message": run.message,
        "workflow": run.workflow_id,
        "started": clock(run.created_at),
        "finished": clock(run.finished_at),
        "duration": _time_taken(run),
        "steps": run.total_steps,
        "tokens": run.total_tokens,
        "inputs": run.inputs,
        "outputs": run.outputs,
    }
    show_values({name: value for name, value in facts.items() if value not in (None, "", {})})
    if run.status == "running" and run.task_id is None:
        sys.stdout.flush()
        say(f"To stop it, you need the id of its task: {where_its_task_is(run.id)}")


def where_its_task_is(run_id: str) -> str:
    """How to find the task id of a running run: only new events have it."""
    resume = command("resume", run_id)
    return f"{resume} shows it with the next event (Dify 1.14 and newer)."


def _time_taken(run: WorkflowRunResponse, tree: RunTree | None = None) -> str:
    """How long a run took; servers count only the time since a person last answered a form."""
    took = duration(run.elapsed_time)
    if run.status == "paused" or not run.elapsed_time:
        return took
    began = tree.started_at if tree and tree.started_at is not None else run.created_at
    whole = 0 if began is None or run.finished_at is None else run.finished_at - began
    has_waited = whole - run.elapsed_time > _ROUNDED
    if not has_waited and not (tree and tree.was_resumed):
        return took
    in_all = f", {duration(whole)} in all" if has_waited else ""
    return f"{took} since it last continued{in_all}"


def _ending(run: WorkflowRunResponse, tree: RunTree) -> Text:
    """How a run ended, its duration and its tokens."""
    style = f"bold {STYLES.get(run.status, '')}".strip()
    ending = Text.assemble(mark(run.status), " ", (inert_line(run.status), style))
    facts = [_time_taken(run, tree)] if run.elapsed_time is not None else []
    facts += [counted(run.total_tokens, "token")] if run.total_tokens else []
    ending.append(f" in {', '.join(facts)}" if facts else "")
    if run.status == "partial-succeeded" and run.exceptions_count:
        failures = counted(run.exceptions_count, "failure")
        ending.append(f": {failures} in nodes, handled by the workflow")
    return ending


def _show_wait(form: HumanInputForm) -> None:
    """Show what a paused run waits for, and how to answer."""
    title = inert_line(form.node_title or form.node_id or "The run")
    until = f" until {clock(form.expires_at)}" if form.expires_at else ""
    if form.token is None:
        where = ", ".join(map(inert_line, form.approval_channels)) or "Dify itself"
        errors.print(
            Text(f"{title} waits for a person{until}, in {where}. To continue after that:")
        )
        return
    actions = " or ".join(shlex.quote(inert_line(action.id)) for action in form.actions)
    errors.print(Text(f"{title} waits for a person{until}. To answer ({actions}) and continue:"))
    errors.print(Text(f"  {command('form', 'submit', form.token)}"))
