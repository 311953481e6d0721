"""Following a run to its end."""

from __future__ import annotations

from collections.abc import Callable

from .._sync_stream import WorkflowStream
from ..errors import DifyError
from ..models import WorkflowRunResponse
from ._interrupts import Interruption
from ._live import LiveView
from ._printing import command
from ._views import EventsView, LineView, ResultView, View
from .console import can_draw
from .exits import of_run, say
from .options import Connection


def view_of(
    connection: Connection, *, as_json: bool, as_jsonl: bool, hint: str = "Ctrl-C stops the run"
) -> View:
    """The view for what the command was told and where its output goes.

    Args:
        connection: How the command reaches the server.
        as_json: Whether to show the result alone.
        as_jsonl: Whether to show every event.
        hint: What Ctrl-C does.
    """
    if as_jsonl:
        return EventsView()
    if as_json:
        return ResultView()
    # Log lines would come between what is drawn and drawn over.
    return LiveView(hint) if can_draw() and not connection.verbose else LineView()


def watch(opening: Callable[[], WorkflowStream], view: View) -> int:
    """Run and show; Ctrl-C, or output that cannot be written, stops the run on the server.

    Args:
        opening: Starts the run.
        view: What shows it.

    Returns:
        The exit code.
    """
    stream: WorkflowStream | None = None
    run: WorkflowRunResponse | None = None
    try:
        with view, opening() as stream, Interruption(stream, view) as interruption:
            for event in stream:
                view.show(event)
            run = stream.result()
            view.end(run)
    except OSError as error:
        if run is not None:
            say(f"The run {run.id} has ended: {command('info', run.id)} shows its outputs.")
        elif stream is not None:
            stream.stop()
            is_left = isinstance(error, BrokenPipeError)
            reason = (
                "nobody reads its output any more" if is_left else "its output cannot be written"
            )
            say(f"Stopped the run {stream.run_id}: {reason}.")
        raise
    except KeyboardInterrupt:
        say(_left(stream))
        raise
    if interruption.requested:
        say(_after_stop(run, interruption.failure))
    return of_run(run, interrupted=interruption.requested)


def follow(opening: Callable[[], WorkflowStream], view: View) -> int:
    """Show a run that is going on; Ctrl-C leaves, and the run goes on.

    Args:
        opening: Opens the events of the run.
        view: What shows it.

    Returns:
        The exit code.
    """
    stream: WorkflowStream | None = None
    try:
        with view, opening() as stream:
            for event in stream:
                view.show(event)
            run = stream.result()
            view.end(run)
    except KeyboardInterrupt:
        if stream is not None and stream.task_id is not None:
            say(f"The run goes on; {command('stop', stream.task_id)} stops it.")
        raise
    return of_run(run)


def _after_stop(run: WorkflowRunResponse, failure: DifyError | None) -> str:
    if run.status == "stopped":
        return f"Stopped the run {run.id} on the server."
    if failure is not None:
        return f"The run {run.id} could not be stopped: {failure}"
    return f"The run {run.id} had ended before it could be stopped."


def _left(stream: WorkflowStream | None) -> str:
    if stream is None or stream.run_id is None:
        return "Whether the run has started is not known; dify-workflow logs lists it if so."
    after = f"; {command('stop', stream.task_id)} stops it" if stream.task_id else ""
    return f"The run {stream.run_id} may be going on{after}."
