"""Follow a run to its end."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from .. import DifyError, StreamEvent, WorkflowStream
from ..errors import InvalidRequestError
from ..models import WorkflowRunResponse
from ..output import Source, refuse_source
from ..report import RunReport
from .console import can_draw, command, on_ctrl_c, say
from .exits import is_open, may_be_there, of_run, refused
from .live import LiveView
from .options import Connection
from .view import View
from .views import EventsView, LineView, ResultView

logger = logging.getLogger("dify_workflow")


def view_of(
    connection: Connection, *, as_json: bool, as_jsonl: bool, hint: str = "Ctrl-C stops the run"
) -> View:
    """The view for the options of the command and the kind of its output.

    Args:
        connection: How the command reaches the server.
        as_json: Whether to show only the result.
        as_jsonl: Whether to show every event.
        hint: What Ctrl-C does.
    """
    if as_jsonl:
        return EventsView()
    if as_json:
        return ResultView()
    # Log lines would disturb a view that is updated in place.
    return LiveView(hint) if can_draw() and not connection.verbose else LineView()


class ReportFile:
    """The report of a run that is watched; it is written at the end, also after an error.

    Args:
        place: File for the report.
        sources: Files with the inputs of the run.

    Raises:
        InvalidRequestError: The file cannot be written, or would replace one of the sources.
    """

    def __init__(self, place: Path, sources: Iterable[Source] = ()) -> None:
        refuse_source(place, *sources)
        folder = place.absolute().parent
        if not folder.is_dir():
            raise InvalidRequestError(f"There is no folder {folder} for the report.")
        if place.is_dir() or not os.access(place if place.exists() else folder, os.W_OK):
            raise InvalidRequestError(f"The report cannot be written to {place}.")
        self._place = place
        self._report = RunReport()
        self._has_events = False

    def add(self, event: StreamEvent[object]) -> None:
        """Add an event that has just arrived."""
        self._report.add(event, arrived=time.time())
        self._has_events = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._has_events:
            return
        if exc is None:
            self._save()
            return
        self._report.lose(exc)
        with suppress(OSError):  # the first error is more important
            self._save()

    def _save(self) -> None:
        self._report.save(self._place)
        say(f"Report: {self._place}")


def watch(opening: Callable[[], WorkflowStream], view: View, report: ReportFile | None) -> int:
    """Run and show; Ctrl-C, or output that cannot be written, stops the run on the server.

    Args:
        opening: Starts the run.
        view: The view.
        report: The report, if one is wanted.

    Returns:
        The exit code.
    """
    stream: WorkflowStream | None = None
    run: WorkflowRunResponse | None = None
    try:
        with view, report or nullcontext(), opening() as stream:
            stop = _Stop(stream, view)
            with on_ctrl_c(stop.press):
                for event in stream:
                    _show(event, view, report)
                run = stream.result()
                view.end(run)
                stop.finish()
    except OSError as error:
        if run is not None:
            say(f"The run {run.id} has ended: {command('info', run.id)} shows its outputs.")
        elif stream is not None:
            stream.stop()
            is_left = isinstance(error, BrokenPipeError)
            reason = (
                "the reader of its output has gone" if is_left else "its output cannot be written"
            )
            say(f"Stopped the run {stream.run_id}: {reason}.")
        raise
    except KeyboardInterrupt:
        say(_left(stream))
        raise
    if stop.is_requested:
        say(_after_stop(run, stop.failure))
    return of_run(run, interrupted=stop.is_requested)


def follow(opening: Callable[[], WorkflowStream], view: View, report: ReportFile | None) -> int:
    """Show an existing run; Ctrl-C exits, and the run continues.

    Args:
        opening: Opens the events of the run.
        view: The view.
        report: The report, if one is wanted.

    Returns:
        The exit code.
    """
    stream: WorkflowStream | None = None
    is_attached = False
    try:
        with view, report or nullcontext(), opening() as stream:
            for event in stream:
                is_attached = True
                _show(event, view, report)
            run = stream.result()
            view.end(run)
    except DifyError as error:
        if is_attached or not is_open(error) or may_be_there(error):
            raise
        raise refused(error) from None
    except KeyboardInterrupt:
        if stream is not None and stream.task_id is not None:
            say(f"The run continues; {command('stop', stream.task_id)} stops it.")
        raise
    return of_run(run)


def _show(event: StreamEvent[object], view: View, report: ReportFile | None) -> None:
    if event.event == "workflow_started":
        logger.debug("the server reports run %s, task %s", event.id, event.task_id)
    if report is not None:
        report.add(event)
    view.show(event)


class _Stop:
    """The first Ctrl-C stops the run on the server, and the second one exits.

    A signal handler can run between any two steps of the client, so a thread sends the stop. The
    stream continues meanwhile, up to the run's last event.

    Args:
        stream: The events of the run.
        view: Where messages are shown.
    """

    def __init__(self, stream: WorkflowStream, view: View) -> None:
        self.failure: DifyError | None = None
        self._stream = stream
        self._view = view
        self._sending: threading.Thread | None = None

    @property
    def is_requested(self) -> bool:
        """Whether Ctrl-C was pressed."""
        return self._sending is not None

    def press(self) -> None:
        """Stop the run; at the second call, exit.

        Raises:
            KeyboardInterrupt: It was called before.
        """
        if self._sending is not None:
            raise KeyboardInterrupt
        self._sending = threading.Thread(target=self._send, daemon=True)
        self._sending.start()

    def finish(self) -> None:
        """Wait for the server's answer to a stop that was sent."""
        if self._sending is not None:
            self._sending.join()

    def _send(self) -> None:
        self._view.say("Stopping the run on the server; Ctrl-C again exits at once.")
        try:
            self._stream.stop()
        except DifyError as error:
            self.failure = error
            self._view.say(f"The run could not be stopped; Ctrl-C again exits. {error}")


def _after_stop(run: WorkflowRunResponse, failure: DifyError | None) -> str:
    if run.status == "stopped":
        return f"Stopped the run {run.id} on the server."
    if failure is not None:
        return f"The run {run.id} could not be stopped: {failure}"
    return f"The run {run.id} had ended before it could be stopped."


def _left(stream: WorkflowStream | None) -> str:
    if stream is None or stream.run_id is None:
        return f"The run may have started; if so, {command('logs')} lists it."
    after = f"; {command('stop', stream.task_id)} stops it" if stream.task_id else ""
    return f"The run {stream.run_id} may still be running{after}."
