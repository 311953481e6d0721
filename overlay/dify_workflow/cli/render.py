"""How a run ended, or where it stands: its outputs on stdout, what is said of it on stderr."""

from __future__ import annotations

import shlex
import sys

import attrs
from rich.text import Text

from .._inert import inert, inert_line
from .._json import JSON, JSONObject
from .._text import clock, counted, duration
from ..models import HumanInputForm, WorkflowRunResponse
from ._drawing import STYLES, mark
from ._printing import by_name, cell, command, print_json_line, show_values
from ._tree import RunTree
from .console import errors, is_terminal, output

_ROUNDED = 2.0
"""Seconds by which a time in whole seconds may seem longer."""


def plain(run: WorkflowRunResponse) -> JSONObject:
    """The run as plain JSON, without the answer that it came out of."""
    fields: dict[str, JSON] = attrs.asdict(run, filter=lambda field, _: field.name != "raw")
    return fields


def show_end(run: WorkflowRunResponse, tree: RunTree) -> None:
    """Show the outputs of a run that was watched, how it ended, and what can be done now.

    Args:
        run: The run.
        tree: What its events have told.
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


def _time_taken(run: WorkflowRunResponse, tree: RunTree | None = None) -> str:
    """How long a run took; servers count from where it last went on after people had answered."""
    took = duration(run.elapsed_time)
    if run.status == "paused" or not run.elapsed_time:
        return took
    began = tree.started_at if tree and tree.started_at is not None else run.created_at
    whole = 0 if began is None or run.finished_at is None else run.finished_at - began
    has_waited = whole - run.elapsed_time > _ROUNDED
    if not has_waited and not (tree and tree.was_resumed):
        return took
    in_all = f", {duration(whole)} in all" if has_waited else ""
    return f"{took} since it last went on{in_all}"


def _ending(run: WorkflowRunResponse, tree: RunTree) -> Text:
    """How a run ended, and what it cost."""
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
    """Show for what a paused run waits, and how to answer."""
    title = inert_line(form.node_title or form.node_id or "The run")
    until = f" until {clock(form.expires_at)}" if form.expires_at else ""
    if form.token is None:
        where = ", ".join(map(inert_line, form.approval_channels)) or "Dify itself"
        errors.print(Text(f"{title} waits for a person{until}, in {where}. To go on after that:"))
        return
    actions = " or ".join(shlex.quote(inert_line(action.id)) for action in form.actions)
    errors.print(Text(f"{title} waits for a person{until}. To answer ({actions}) and go on:"))
    errors.print(Text(f"  {command('form', 'submit', form.token)}"))
