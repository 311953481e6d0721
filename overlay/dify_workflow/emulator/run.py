"""Runs: each runs in the background, and listeners get its events."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from typing import TYPE_CHECKING

import attrs

from .._json import JSONObject
from .dialect import SHUTDOWN, Settings, StopOutcome
from .engine import Engine, StepLimitError
from .forms import Form
from .payloads import NodeRun
from .store import RunRecord
from .workflows import TIMEOUT, FormAnswer, NodeError

if TYPE_CHECKING:
    from .state import State

logger = logging.getLogger("dify_workflow.emulator")

_STOP_TAKES = 0.1
"""Seconds from the stop request to the stop; real servers take up to a second."""


class Workers:
    """Assigns a worker to each run, in the order of requests."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._busy = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait for a worker. It is busy until `release`."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self.assign()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the worker was assigned at the same moment
                self.release()
            raise

    def release(self) -> None:
        """Free a worker for the next run."""
        self._busy -= 1
        self.assign()

    def assign(self) -> None:
        """Assign free workers to waiting runs."""
        most = self._settings.workers
        while self._queue and (most is None or self._busy < most):
            turn = self._queue.popleft()
            if not turn.done():  # otherwise the wait was given up
                turn.set_result(None)
                self._busy += 1


class Run:
    """A run from its start to its end.

    In blocking mode, a run publishes no events until it is paused.
    """

    def __init__(self, record: RunRecord, state: State, *, is_streamed: bool) -> None:
        self.record = record
        self.state = state
        self.events: list[JSONObject] = []
        self.was_left = False
        self.is_alive = True
        self.is_published = is_streamed
        self.working_since: float | None = None
        """When a worker began (monotonic seconds); None while it waits for a worker or a person."""
        self._dialect = state.dialect
        self._has_worker = False
        self._stop = asyncio.Event()
        self._outcome: StopOutcome | None = None
        self._changed = asyncio.Event()
        self._stops_when_answered = False
        self._hit_limit = False
        self._work: asyncio.Task[None] | None = None
        self._answers: list[tuple[Form, FormAnswer]] = []
        self._resumption: asyncio.Task[None] | None = None
        self._timeouts: list[asyncio.TimerHandle] = []
        self.engine = Engine(self)

    @property
    def has_ended(self) -> bool:
        """Whether its last event was published."""
        return bool(self.events) and self.events[-1]["event"] == "workflow_finished"

    # --------------------------------------------------------------------------- its beginning

    async def begin(self, *, in_worker: bool) -> None:
        """Begin: at once in the API process, or when a worker is free."""
        if in_worker:
            await self.state.workers.take()
            self._has_worker = True
        self.record.leg = self.state.settings.now()
        self.working_since = time.monotonic()
        self.wake()

    def leave(self) -> None:
        """Stop working on it, for a time or for ever."""
        self.working_since = None
        if self._has_worker:
            self._has_worker = False
            self.state.workers.release()

    def refuse(self, reason: str, inputs: JSONObject, *, cannot_start: bool = False) -> None:
        """End it before it has a record. Its stream reports that, or goes silent.

        Either its inputs are invalid, or the workflow cannot start.
        """
        if cannot_start:
            ids = {"event": "error", "workflow_run_id": None}
            self.events.append({**ids, "code": "invalid_param", "status": 400, "message": reason})
        if self._dialect.since(1, 15):  # the run failed, and is known nowhere else
            record, payloads = self.record, self.engine.payloads
            record.task_id, record.inputs, record.exceptions = record.id, inputs, 1
            record.created = record.leg
            self.publish("workflow_started", payloads.started("initial"))
            finished = payloads.finished("failed", reason)
            nobody: JSONObject = {"outputs": None, "elapsed_time": 0.0, "created_by": {}}
            self.publish("workflow_finished", finished | nobody)
        self.wake()

    async def execute(self, inputs: JSONObject) -> None:
        """Run the workflow to its end."""
        record, dialect = self.record, self._dialect
        if not dialect.since(1, 14):  # the start node shows the system's inputs as well
            inputs = record.kept_inputs if dialect.since(1, 10) else record.inputs
        record.save(self.state.store)
        if dialect.since(1, 11):
            self.state.store.add_log(record)
        self.publish("workflow_started", self.engine.payloads.started("initial"))
        self._work = asyncio.create_task(self._to_end(inputs))
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({self._work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if self.is_alive:
                self._finish()
            if self.is_alive and self._outcome is not SHUTDOWN:
                await asyncio.wait({self._work})  # a stopped run continues, without a listener
        finally:
            stop.cancel()
            self._work.cancel()
            if self._resumption is not None:
                self._resumption.cancel()
            for timeout in self._timeouts:
                timeout.cancel()
        await asyncio.wait({self._work})

    async def _to_end(self, shown_inputs: JSONObject) -> None:
        record = self.record
        try:
            record.outputs = await self.engine.run(shown_inputs)
        except NodeError as error:
            record.status, record.error = "failed", str(error)
        except StepLimitError:
            self._hit_limit = True
            if self._dialect.has_old_engine:
                record.status, record.error = "failed", "Max steps 500 reached."
            else:
                record.status = "stopped"
                record.error = "Aborted: Maximum execution steps exceeded: 501 > 500"
        except Exception as error:
            logger.exception("The workflow %s raised.", record.app.removeprefix("app-"))
            record.status, record.error = "failed", f"{type(error).__name__}: {error}"
        else:
            record.status = "partial-succeeded" if record.exceptions else "succeeded"

    # --------------------------------------------------------------------------------- its end

    def stop(self, winner: str | None = None) -> None:
        """Stop it; without effect if it has ended.

        A paused run stays paused, and stops when it would continue.

        Args:
            winner: Which part sees the stop first, ``queue`` or ``engine``; None for the usual one.
        """
        is_engines = (winner or self._dialect.stop_winner) == "engine"
        outcome = self._dialect.engine_stop if is_engines else self._dialect.queue_stop
        if self.record.status == "paused":
            self._stops_when_answered = True
        elif not self.has_ended:
            asyncio.get_running_loop().call_later(_STOP_TAKES, self._end_as, outcome)

    def shut_down(self) -> None:
        """Shut down its worker, if it has one."""
        if self._has_worker and self._dialect.since(1, 16):
            self._end_as(SHUTDOWN)
            if self.has_ended and self._work is not None:
                self._work.cancel()  # it was stopped before, and a node of it was still running

    def _end_as(self, outcome: StopOutcome) -> None:
        self._outcome = self._outcome or outcome
        self._stop.set()

    def kill(self) -> None:
        """Kill its worker: no more events are sent, and its record does not change."""
        self.is_alive = False
        self._stop.set()
        if self._work is not None:
            self._work.cancel()
        self.leave()
        self.wake()

    def _finish(self) -> None:
        record, dialect = self.record, self._dialect
        outcome = self._outcome if record.status in {"running", "paused"} else None
        status = outcome.status if outcome else record.status
        if self._hit_limit:  # stream and detail disagree
            status = "stopped" if dialect.since(1, 16) else "failed"
        error = outcome.error if outcome else record.error
        if dialect.since(1, 9) and not dialect.since(1, 9, 2):  # this version does not count steps
            record.steps = 0
        finished = self.engine.payloads.finished(status, error)
        if outcome and outcome.detail == "running":
            # In detail and logs it stays running for ever.
            record.steps = record.tokens = record.exceptions = 0
            record.status = "running"
        else:
            record.status = outcome.detail if outcome else record.status
            record.error = (outcome.detail_error if outcome else None) or error
            record.finished = self.state.settings.now()
            record.elapsed = round(record.finished - record.leg, 6)
        if self.was_left and not dialect.since(1, 9, 2):
            # Normally the stream itself writes the record.
            record.status, record.finished, record.elapsed = "running", None, 0.0
            record.outputs, record.steps, record.tokens, record.exceptions = {}, 0, 0, 0
        record.save(self.state.store)
        if not dialect.since(1, 11) and not self.was_left:
            self.state.store.add_log(record)
        self.publish("workflow_finished", finished)

    # ------------------------------------------------------------------------------ its pauses

    def pause(self, forms: list[Form]) -> None:
        """Wait for forms; nothing else in the run is active."""
        if self.has_ended:
            return
        self.record.status = "paused"
        self.record.save(self.state.store)
        self.leave()
        loop = asyncio.get_running_loop()
        for form in forms:
            for moment, act in ((form.expires, self._time_out), (form.gives_up, self._give_up)):
                delay = max(0.0, moment - self.state.settings.now())
                self._timeouts.append(loop.call_later(delay, act, form))
        self.publish("workflow_paused", self.engine.payloads.paused(forms))

    def _waits_for(self, form: Form) -> bool:
        return any(each.token == form.token for each in self.state.forms.waiting(self.record.id))

    def _time_out(self, form: Form) -> None:
        if self._waits_for(form):
            self.answer(form, FormAnswer(TIMEOUT, {}))

    def _give_up(self, form: Form) -> None:
        """Stop after the longest wait. No listener gets an event."""
        if not self._waits_for(form):
            return
        self.state.forms.settle(form, FormAnswer(TIMEOUT, {}))
        record = self.record
        record.status, record.finished = "stopped", self.state.settings.now()
        record.error = f"Human input global timeout at node {form.node_id}"
        record.save(self.state.store)
        self.kill()

    def answer(self, form: Form, answer: FormAnswer) -> None:
        """Take a person's answer. A paused run continues when a worker is free."""
        self.state.forms.settle(form, answer)
        if self.record.status != "paused":
            self._continue(form, answer)
            return
        self._answers.append((form, answer))
        if self._resumption is None:
            self._resumption = asyncio.create_task(self._resume())

    async def _resume(self) -> None:
        await asyncio.sleep(self.state.settings.resume_delay)
        await self.begin(in_worker=True)
        answers, self._answers, self._resumption = self._answers, [], None
        self.is_published = True
        self.engine.resume()
        self.record.status = "running"
        # The record of a resumed run has no counts yet.
        attrs.evolve(self.record, steps=0, tokens=0, exceptions=0).save(self.state.store)
        self.publish("workflow_started", self.engine.payloads.started("resumption"))
        if self._stops_when_answered:
            self._end_as(self._dialect.queue_stop)
            return
        for form, answer in answers:
            self._continue(form, answer)

    def _continue(self, form: Form, answer: FormAnswer) -> None:
        self.state.forms.take(form)
        self.engine.answer(form, answer)

    # ------------------------------------------------------------------------------ its events

    def publish(self, event: str, data: JSONObject, *, top_level: bool = False) -> None:
        """Publish an event."""
        if self.has_ended or not self.is_alive:
            return
        ids = {"workflow_run_id": self.record.id, "task_id": self.record.task_id}
        payload = data if top_level else {"data": data}
        self.events.append({"event": event, **ids, **payload})
        self.wake()

    def wake(self) -> None:
        """Wake everyone who waits for an event."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Wait for the next event, or for `wake`."""
        await self._changed.wait()

    def save_node(self, node: NodeRun) -> None:
        """Store a node that has started or ended."""
        data = json.dumps(node.to_json(), default=str)
        self.state.store.put("nodes", run_id=self.record.id, position=node.position, data=data)
