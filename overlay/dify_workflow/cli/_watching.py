"""Following a run to its end, and what Ctrl-C does meanwhile."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

from .._stream import WorkflowStream
from ..errors import DifyError
from ..models import WorkflowRunResponse
from ._connection import Connection
from ._consoles import can_draw
from ._exits import of_run, say
from ._live import LiveView
from ._printing import command
from ._views import EventsView, LineView, ResultView, View


class Interruption:
    """Makes the first Ctrl-C stop the run on the server, and the second one leave.

    A signal's handler may come between any two steps of the client, so the stop is sent from a
    thread; the stream meanwhile goes on to the run's last event.

    Args:
        stream: The events of the run.
        view: Where to say so.
    """

    def __init__(self, stream: WorkflowStream, view: View) -> None:
        self.failure: DifyError | None = None
        self._stream = stream
        self._view = view
        self._stopping: threading.Thread | None = None

    @property
    def requested(self) -> bool:
        """Whether Ctrl-C was pressed."""
        return self._stopping is not None

    def __enter__(self) -> Self:
        self._before = signal.getsignal(signal.SIGINT)
        if self._before is signal.default_int_handler:  # a job in the background ignores Ctrl-C
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._stopping is not None and exc_type is None:
                self._stopping.join()
        finally:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        if self._stopping is not None:
            raise KeyboardInterrupt
        self._stopping = threading.Thread(target=self._stop, daemon=True)
        self._stopping.start()

    def _stop(self) -> None:
        self._view.say("Stopping the run on the server; Ctrl-C again leaves at once.")
        try:
            self._stream.stop()
        except DifyError as error:
            self.failure = error
            self._view.say(f"The run could not be stopped; Ctrl-C again leaves. {error}")


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
    """Run and show; Ctrl-C, or a reader that is gone, stops the run on the server.

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
    except BrokenPipeError:
        if stream is not None and run is None:
            stream.stop()
            say(f"Stopped the run {stream.run_id}: nobody reads its output any more.")
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
