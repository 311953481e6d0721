"""The faults that wait for their requests."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Literal

import attrs

from .. import _checks as checks
from .._json import JSONObject
from .fault import Answer, Edit, Ending, Fault, Met, StopWinner, error_answer


class Faults:
    """The faults that wait for their requests. Each applies to a number of requests, in order.

    Example::

        emulator.faults.delay(0.1, on="POST /workflows/run")
        emulator.faults.cut_stream(after_events=3)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Fault, int | None]] = []
        self.met = 0
        """How often a fault has been applied to a request."""

    def add(self, fault: Fault, *, times: int | None = 1) -> None:
        """Add a fault.

        Args:
            fault: The fault.
            times: The number of requests; None for all.

        Raises:
            TypeError: It is not a fault, or `times` is not a whole number.
            ValueError: `times` is less than 1.

        Example::

            emulator.faults.add(Fault(delay=0.1), times=None)
            print(workflow.app_info().name)  # 0.1 s later
        """
        checks.check_type("fault", fault, Fault)
        if times is not None:
            checks.check_number("times", times, 1, is_whole=True)
        with self._lock:
            self._waiting.append((fault, times))

    def clear(self) -> None:
        """Remove all faults.

        Example::

            emulator.faults.delay(60, times=None)
            emulator.faults.clear()
            print(workflow.app_info().name)
        """
        with self._lock:
            self._waiting.clear()

    def remove(self, fault: Fault) -> None:
        """Remove a fault.

        Args:
            fault: The fault that was added.

        Example::

            slow = Fault(delay=0.1)
            emulator.faults.add(slow)
            emulator.faults.remove(slow)
        """
        with self._lock:
            self._waiting = [(each, times) for each, times in self._waiting if each is not fault]

    def take(self, request: str, met: Met) -> list[Fault]:
        """Take the faults for a request, and count them as applied.

        Args:
            request: Its method and path, without the base URL's path.
            met: Which faults, by what they apply to.

        Returns:
            The faults, in their order.

        Example::

            emulator.faults.delay(0.1, on="GET /info")
            assert emulator.faults.take("GET /info", "answer") == [Fault("GET /info", delay=0.1)]
        """
        taken: list[Fault] = []
        kept: list[tuple[Fault, int | None]] = []
        with self._lock:
            for fault, times in self._waiting:
                if fault.meets != met or not request.startswith(fault.on):
                    kept.append((fault, times))
                    continue
                taken.append(fault)
                if times is None or times > 1:
                    kept.append((fault, times and times - 1))
            self._waiting = kept
            self.met += len(taken)
        return taken

    # ---------------------------------------------------------------------------- the usual ones

    def cut_stream(
        self,
        *,
        after_events: int | None = None,
        after_bytes: int | None = None,
        after_pings: int | None = None,
        ending: Ending = "cut",
        on: str = "",
        times: int | None = 1,
    ) -> None:
        """End streams too early; at once if no limit is given.

        Args:
            after_events: Number of events that are sent.
            after_bytes: Number of bytes that are sent.
            after_pings: Number of pings that are sent.
            ending: How they end.
            on: Which requests; see `Fault`.
            times: The number of requests; None for all.

        Example::

            emulator.faults.cut_stream(after_events=3)
            run = workflow.run_workflow({"name": "Ann"})  # the client resumes the stream
        """
        if (after_events, after_bytes, after_pings) == (None, None, None):
            after_events = 0
        self.add(
            Fault(
                on,
                ending=ending,
                after_events=after_events,
                after_bytes=after_bytes,
                after_pings=after_pings,
            ),
            times=times,
        )

    def break_connection(
        self,
        *,
        ending: Literal["cut", "reset"] = "cut",
        runs_anyway: bool = False,
        on: str = "",
        times: int | None = 1,
    ) -> None:
        """Break the connection before the first byte of the answer.

        Args:
            ending: How it breaks.
            runs_anyway: Whether the server handles the request all the same.
            on: Which requests; see `Fault`.
            times: The number of requests; None for all.

        Example::

            emulator.faults.break_connection(on="GET /info")
            print(workflow.app_info().name)  # the client sends it again
        """
        checks.check_choice("ending", ending, ("cut", "reset"))
        fault = Fault(on, unanswered=True, ending=ending, runs_anyway=runs_anyway)
        self.add(fault, times=times)

    def start_late(self, seconds: float, *, on: str = "", times: int | None = 1) -> None:
        """Delay the entry of streamed runs into the queue of the workers.

        Until then there is no record and no row in the logs. The stream begins with its ping all
        the same, and the run starts even if the client has disconnected. With
        ``cut_stream(after_pings=1)`` or ``break_connection(runs_anyway=True)``, it starts long
        after the connection broke. Servers before 1.13 have no queue.

        Args:
            seconds: The delay.
            on: Which requests; see `Fault`.
            times: The number of requests; None for all.

        Example::

            emulator.faults.start_late(0.2)
            run = workflow.run_workflow({"name": "Ann"})
        """
        self.add(Fault(on, start_delay=seconds), times=times)

    def race_stop(self, winner: StopWinner, *, on: str = "", times: int | None = 1) -> None:
        """Choose which part of the server sees a stop first. The end of the run depends on it.

        A stop right after the first event of a run is a race. If the queue of the run's events
        wins, 1.14 reports ``stopped`` and its record stays ``running``. If the engine wins, 1.14
        reports ``failed`` and "Aborted: User requested stop", and its record is ``stopped``.
        Without this fault, the usual one wins.

        Args:
            winner: ``"queue"`` or ``"engine"``.
            on: Which requests; see `Fault`.
            times: The number of stops; None for all.

        Example::

            emulator.faults.race_stop("engine")
            with emulator.client("slow") as slow, slow.run_workflow_stream({"secs": 9}) as stream:
                stream.stop()
                print(stream.result().status)
        """
        self.add(Fault(on, stop_winner=winner), times=times)

    def delay(self, seconds: float, *, on: str = "", times: int | None = 1) -> None:
        """Delay the answer.

        Args:
            seconds: The delay.
            on: Which requests; see `Fault`.
            times: The number of requests; None for all.

        Example::

            emulator.faults.delay(0.1, on="GET /info")
            print(workflow.app_info().name)  # 0.1 s later
        """
        self.add(Fault(on, delay=seconds), times=times)

    def answer(
        self,
        status: int,
        body: str | None = None,
        *,
        content_type: str | None = None,
        retry_after: str | int | None = None,
        runs_anyway: bool = False,
        on: str = "",
        times: int | None = 1,
    ) -> None:
        """Answer with an error, as Dify or a proxy in front of it would.

        Args:
            status: HTTP status.
            body: The body; by default a proxy's page for 502 to 504, or Dify's JSON.
            content_type: Its content type.
            retry_after: ``Retry-After``.
            runs_anyway: Whether the server handles the request all the same, as behind a proxy
                that gave up.
            on: Which requests; see `Fault`.
            times: The number of requests; None for all.

        Example::

            emulator.faults.answer(429, retry_after=1, on="POST /workflows/run")
            run = workflow.run_workflow({"name": "Ann"})  # sent again after 1 s
        """
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        usual = error_answer(status) if body is None else Answer(status, body)
        kind = content_type or usual.content_type
        answer = attrs.evolve(usual, content_type=kind, headers=headers)
        self.add(Fault(on, answer=answer, runs_anyway=runs_anyway), times=times)

    def drop_first_events(self, count: int, *, on: str = "", times: int | None = 1) -> None:
        """Drop the first events of streams, as a race in Dify does.

        Args:
            count: Number of events.
            on: Which requests; see `Fault`.
            times: The number of requests; None for all.

        Example::

            emulator.faults.drop_first_events(2)
            run = workflow.run_workflow({"name": "Ann"})
        """
        self.add(Fault(on, drops=count), times=times)

    def edit_events(self, edit: Edit, *, on: str = "", times: int | None = 1) -> None:
        """Change the events of streams.

        Args:
            edit: Takes an event and returns the events to send in its place.
            on: Which requests; see `Fault`.
            times: The number of requests; None for all.

        Example::

            emulator.faults.edit_events(lambda event: [event, event])  # each event twice
            run = workflow.run_workflow({"name": "Ann"})
        """
        self.add(Fault(on, edit=edit), times=times)

    def unknown_event(self, *, on: str = "", times: int | None = 1) -> None:
        """Send an unknown event before each event.

        Args:
            on: Which requests; see `Fault`.
            times: The number of requests; None for all.

        Example::

            emulator.faults.unknown_event()
            for event in workflow.run_workflow_stream({"name": "Ann"}):
                print(isinstance(event, UnknownEvent), event.event)
        """

        def edit(event: JSONObject) -> Iterable[JSONObject]:
            ids = {key: event.get(key) for key in ("workflow_run_id", "task_id")}
            return [{"event": "event_from_tomorrow", **ids, "data": {"news": True}}, event]

        self.edit_events(edit, on=on, times=times)

    def unknown_fields(self, *, on: str = "", times: int | None = 1) -> None:
        """Send an unknown field with each event and its payload.

        Args:
            on: Which requests; see `Fault`.
            times: The number of requests; None for all.

        Example::

            emulator.faults.unknown_fields()
            for event in workflow.run_workflow_stream({"name": "Ann"}):
                print(event.raw["field_from_tomorrow"])
        """

        def edit(event: JSONObject) -> Iterable[JSONObject]:
            news = {"field_from_tomorrow": [1]}
            data = {"data": event["data"] | news} if "data" in event else {}
            return [{**event, **news, **data}]

        self.edit_events(edit, on=on, times=times)

    def unknown_status(self, *, on: str = "", times: int | None = 1) -> None:
        """Report nodes and runs with a status that does not exist.

        Args:
            on: Which requests; see `Fault`.
            times: The number of requests; None for all.

        Example::

            emulator.faults.unknown_status()
            assert workflow.run_workflow({"name": "Ann"}).status == "frozen"
        """

        def edit(event: JSONObject) -> Iterable[JSONObject]:
            has_status = "status" in event.get("data", {})
            data = {"data": event["data"] | {"status": "frozen"}} if has_status else {}
            return [{**event, **data}]

        self.edit_events(edit, on=on, times=times)

    def split_bytes(self, *, on: str = "", times: int | None = 1) -> None:
        """Send each byte of streams alone.

        Args:
            on: Which requests; see `Fault`.
            times: The number of requests; None for all.

        Example::

            emulator.faults.split_bytes()
            run = workflow.run_workflow({"name": "Ann"})
        """
        self.add(Fault(on, splits=True), times=times)

    def stop_pings(self, *, on: str = "", times: int | None = 1) -> None:
        """Send no pings on streams.

        Args:
            on: Which requests; see `Fault`.
            times: The number of requests; None for all.

        Example::

            emulator.faults.stop_pings()
            run = workflow.run_workflow({"name": "Ann"})
        """
        self.add(Fault(on, without_pings=True), times=times)

    def kill_worker(self, *, after_events: int = 0, on: str = "", times: int | None = 1) -> None:
        """Kill the worker of streamed runs.

        Then no more events or pings come, the connection stays open, and the run stays ``running``
        for ever. The behaviour is that of the recordings ``kill_worker_*``.

        Args:
            after_events: Number of events that are sent before.
            on: Which requests; see `Fault`.
            times: The number of requests; None for all.

        Example::

            emulator.faults.kill_worker(after_events=2)
            try:
                workflow.run_workflow({"name": "Ann"}, deadline=0.5)
            except RunDeadlineExceededError as error:
                print(error.outcome, error.run_id)
        """
        self.add(
            Fault(on, ending="stall", after_events=after_events, kills_worker=True), times=times
        )
