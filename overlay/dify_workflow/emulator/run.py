"""A run of the emulator: it goes on by itself, and whoever listens gets its events."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from uuid import uuid4

import attrs

from .._json import JSONObject
from .dialect import SHUTDOWN, Dialect, StopOutcome
from .engine import Engine, StepLimitError
from .forms import Form, Forms
from .payloads import NodeRun
from .record import RunRecord
from .settings import Settings
from .steps import FormAnswer, NodeError, Steps
from .store import Store
from .workers import Workers

logger = logging.getLogger("dify_workflow.emulator")


_STOP_TAKES = 0.1
"""Seconds from the request for a stop to the stop; real servers take up to a second."""


class Run:
    """A run from its start to its end.

    Args:
        record: What is remembered of it.
        dialect: The server's version.
        store: Where the record is kept.
        forms: Where forms are kept.
        settings: How the server behaves in time.
        workers: The server's workers.
        is_streamed: Whether it was started in streaming mode; one that was not publishes no
            events until it is paused (DIFY.md section 5).
    """

    def __init__(
        self,
        record: RunRecord,
        dialect: Dialect,
        store: Store,
        forms: Forms,
        *,
        settings: Settings,
        workers: Workers,
        is_streamed: bool,
    ) -> None:
        self.record = record
        self.events: list[JSONObject] = []
        self.was_left = False
        self.is_alive = True
        self.is_published = is_streamed
        self.working_since: float | None = None
        """When work on it began (monotonic seconds); None while it waits for a worker or person."""
        self._dialect = dialect
        self._store = store
        self._forms = forms
        self._settings = settings
        self._workers = workers
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
        self._engine = Engine(
            record,
            dialect,
            self.publish,
            forms,
            settings.now,
            save_node=self._save_node,
            paused=self._pause,
        )

    @property
    def has_ended(self) -> bool:
        """Whether its last event is there."""
        return bool(self.events) and self.events[-1]["event"] == "workflow_finished"

    @property
    def is_paused(self) -> bool:
        """Whether it waits for a person and does nothing else."""
        return self.record.status == "paused"

    # --------------------------------------------------------------------------- its beginning

    async def begin(self, *, in_worker: bool) -> None:
        """Let work on it begin: at once in the API process, else when a worker takes it.

        Args:
            in_worker: Whether a worker does the work.
        """
        if in_worker:
            await self._workers.take()
            self._has_worker = True
        self.record.leg = self._settings.now()
        self.working_since = time.monotonic()
        self.wake()

    def leave(self) -> None:
        """End the work on it, for now or for good."""
        self.working_since = None
        if self._has_worker:
            self._has_worker = False
            self._workers.release()

    def refuse(self, reason: str, inputs: JSONObject, *, cannot_start: bool = False) -> None:
        """End it before there is a record of it; its stream tells of that or falls silent.

        Args:
            reason: What is wrong.
            inputs: The inputs as they were sent.
            cannot_start: Whether the inputs are right, and the workflow cannot start.
        """
        if cannot_start:
            ids = {"event": "error", "workflow_run_id": None}
            self.events.append({**ids, "code": "invalid_param", "status": 400, "message": reason})
        if self._dialect.since(1, 15):
            record, payloads = self.record, self._engine.payloads
            record.task_id, record.inputs, record.exceptions = record.id, inputs, 1
            record.created = record.leg
            self.publish("workflow_started", payloads.started("initial"))
            finished = payloads.finished("failed", reason)
            nobody: JSONObject = {"outputs": None, "elapsed_time": 0.0, "created_by": {}}
            self.publish("workflow_finished", finished | nobody)
        self.wake()

    async def prepare(self, steps: Steps) -> None:
        """Take the workflow's first step.

        Args:
            steps: The workflow.

        Raises:
            StartError: It cannot start.
        """
        await self._engine.prepare(steps)

    async def execute(self, inputs: JSONObject) -> None:
        """Run the workflow to its end.

        Args:
            inputs: The inputs as the workflow takes them.
        """
        record = self.record
        if not self._dialect.since(1, 14):
            has_time = self._dialect.since(1, 10)
            inputs = record.kept_inputs if has_time else record.inputs
        record.save(self._store)
        if self._dialect.since(1, 11):
            self._log()
        self.publish("workflow_started", self._engine.payloads.started("initial"))
        self._work = asyncio.create_task(self._to_end(inputs))
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({self._work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if self.is_alive:
                self._finish()
            if self.is_alive and self._outcome is not SHUTDOWN:
                await asyncio.wait({self._work})  # a stopped one goes on, though nobody hears of it
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
            record.outputs = await self._engine.run(shown_inputs)
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
        """Ask it to stop; without effect where it has ended.

        A paused run stays paused, and stops when it would go on (DIFY.md section 4).

        Args:
            winner: What sees that first, ``queue`` or ``engine``; None for what usually does.
        """
        is_engines = (winner or self._dialect.stop_winner) == "engine"
        outcome = self._dialect.engine_stop if is_engines else self._dialect.queue_stop
        if not self.has_ended and not self.is_paused:
            asyncio.get_running_loop().call_later(_STOP_TAKES, self._end_as, outcome)
        elif self.is_paused:
            self._stops_when_answered = True

    def shut_down(self) -> None:
        """Let its worker end, where it has one."""
        if self._has_worker and self._dialect.since(1, 16):
            self._end_as(SHUTDOWN)
            if self.has_ended and self._work is not None:
                self._work.cancel()  # it was stopped before, and a node of it went on

    def _end_as(self, outcome: StopOutcome) -> None:
        self._outcome = self._outcome or outcome
        self._stop.set()

    def kill(self) -> None:
        """Let its worker die: nothing more is heard of it, and its record stays as it is."""
        self.is_alive = False
        self._stop.set()
        if self._work is not None:
            self._work.cancel()
        self.leave()
        self.wake()

    def _finish(self) -> None:
        record, dialect = self.record, self._dialect
        is_stopped = record.status in {"running", "paused"}
        outcome = self._outcome if is_stopped else None
        status = outcome.status if outcome else record.status
        if self._hit_limit:  # stream and detail do not agree (DIFY.md section 2)
            status = "stopped" if dialect.since(1, 16) else "failed"
        error = outcome.error if outcome else record.error
        if dialect.since(1, 9) and not dialect.since(1, 9, 2):
            record.steps = 0
        finished = self._engine.payloads.finished(status, error)
        if outcome and outcome.detail == "running":
            # It stays running in detail and logs for ever (DIFY.md section 0.2).
            record.steps = record.tokens = record.exceptions = 0
            record.status = "running"
        else:
            record.status = outcome.detail if outcome else record.status
            record.error = (outcome.detail_error if outcome else None) or error
            record.finished = self._settings.now()
            record.elapsed = round(record.finished - record.leg, 6)
        if self.was_left and not dialect.since(1, 9, 2):
            record.status, record.finished, record.elapsed = "running", None, 0.0
            record.outputs, record.steps, record.tokens, record.exceptions = {}, 0, 0, 0
        record.save(self._store)
        if not dialect.since(1, 11) and not self.was_left:
            self._log()
        self.publish("workflow_finished", finished)

    def _log(self) -> None:
        record = self.record
        self._store.add_log(str(uuid4()), record.app, record.id, record.user_id, record.created)

    # ------------------------------------------------------------------------------ its pauses

    def _pause(self, forms: list[Form]) -> None:
        if self.has_ended:
            return
        record = self.record
        record.status = "paused"
        record.save(self._store)
        self.leave()
        loop = asyncio.get_running_loop()
        for form in forms:
            for moment, act in ((form.expires, self._time_out), (form.gives_up, self._give_up)):
                delay = max(0.0, moment - self._settings.now())
                self._timeouts.append(loop.call_later(delay, act, form))
        self.publish("workflow_paused", self._engine.payloads.paused(forms))

    def _waits_for(self, form: Form) -> bool:
        return any(each.token == form.token for each in self._forms.waiting(self.record.id))

    def _time_out(self, form: Form) -> None:
        if self._waits_for(form):
            self.answer(form, FormAnswer("__timeout", {}))

    def _give_up(self, form: Form) -> None:
        """Stop after so long a wait; nobody who listens hears of it (DIFY.md section 5)."""
        if not self._waits_for(form):
            return
        self._forms.settle(form, FormAnswer("__timeout", {}))
        record = self.record
        record.status, record.finished = "stopped", self._settings.now()
        record.error = f"Human input global timeout at node {form.node_id}"
        record.save(self._store)
        self.kill()

    def answer(self, form: Form, answer: FormAnswer) -> None:
        """Take what somebody answered; a paused run goes on when a worker takes it up.

        Args:
            form: The form.
            answer: The answer, or that it timed out.
        """
        self._forms.settle(form, answer)
        if not self.is_paused:
            self._go_on(form, answer)
            return
        self._answers.append((form, answer))
        if self._resumption is None:
            self._resumption = asyncio.create_task(self._resume())

    async def _resume(self) -> None:
        await asyncio.sleep(self._settings.resume_delay)
        await self.begin(in_worker=True)
        answers, self._answers, self._resumption = self._answers, [], None
        self.is_published = True
        self.record.status = "running"
        RunRecord.save(_without_counts(self.record), self._store)
        self.publish("workflow_started", self._engine.payloads.started("resumption"))
        if self._stops_when_answered:
            self._end_as(self._dialect.queue_stop)
            return
        for form, answer in answers:
            self._go_on(form, answer)

    def _go_on(self, form: Form, answer: FormAnswer) -> None:
        self._forms.take(form)
        self._engine.answer(form, answer)

    # ------------------------------------------------------------------------------ its events

    def publish(self, event: str, data: JSONObject, *, top_level: bool = False) -> None:
        """Publish an event.

        Args:
            event: Its name.
            data: Its payload.
            top_level: Whether the payload stands beside the name.
        """
        if self.has_ended or not self.is_alive:
            return
        ids = {"workflow_run_id": self.record.id, "task_id": self.record.task_id}
        payload = data if top_level else {"data": data}
        self.events.append({"event": event, **ids, **payload})
        self.wake()

    def wake(self) -> None:
        """Let everybody who waits for an event look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Wait for the next event, or for `wake`."""
        await self._changed.wait()

    def _save_node(self, node: NodeRun) -> None:
        data = json.dumps(node_to_json(node), default=str)
        self._store.put("nodes", run_id=self.record.id, position=node.position, data=data)


def node_to_json(node: NodeRun) -> JSONObject:
    """What is kept of a node, for the replay of a run's state and for the page."""
    parent, index = node.scope.within or (None, None)
    return {
        "id": node.id,
        "node_id": node.node.id,
        "node_type": node.node.type,
        "title": node.node.title or node.node.id,
        "index": node.position,
        "status": node.status,
        "error": node.error,
        "began": node.began,
        "ended": node.ended,
        "inputs": node.node.inputs,
        "outputs": node.outputs,
        "retries": node.retries,
        "parent": parent,
        "round": index,
    }


def _without_counts(record: RunRecord) -> RunRecord:
    """The record of a run that goes on: nothing is counted yet (DIFY.md section 2)."""
    return attrs.evolve(record, steps=0, tokens=0, exceptions=0)
