"""A run of the emulator: it goes on by itself, and whoever listens gets its events."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from uuid import uuid4

import attrs

from .._json import JSONObject
from ._dialect import Dialect
from ._engine import Engine, StepLimitError
from ._forms import Form, Forms
from ._payloads import NodeRun
from ._record import RunRecord
from ._steps import FormAnswer, NodeError, Steps
from ._store import Store

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
        is_streamed: Whether it was started in streaming mode; one that was not publishes no
            events until it is paused (DIFY.md section 5).
    """

    def __init__(
        self, record: RunRecord, dialect: Dialect, store: Store, forms: Forms, *, is_streamed: bool
    ) -> None:
        self.record = record
        self.events: list[JSONObject] = []
        self.was_left = False
        self.is_alive = True
        self.is_published = is_streamed
        self._dialect = dialect
        self._store = store
        self._forms = forms
        self._stop = asyncio.Event()
        self._changed = asyncio.Event()
        self._stops_when_answered = False
        self._hit_limit = False
        self._work: asyncio.Task[None] | None = None
        self._timeouts: list[asyncio.TimerHandle] = []
        self._engine = Engine(
            record, dialect, self.publish, forms, save_node=self._save_node, paused=self._pause
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
        if self._dialect.system_node_inputs:
            has_time = self._dialect.system_timestamp
            inputs = record.kept_inputs if has_time else record.inputs
        record.save(self._store)
        if self._dialect.logged_at == "start":
            self._log()
        self.publish("workflow_started", self._engine.payloads.started("initial"))
        self._work = asyncio.create_task(self._to_end(inputs))
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({self._work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if self.is_alive:
                self._finish()
                await asyncio.wait({self._work})  # a stopped one goes on, though nobody hears of it
        finally:
            stop.cancel()
            self._work.cancel()
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
            record.status = self._dialect.step_limit_detail
            record.error = self._dialect.step_limit_error
        except Exception as error:
            logger.exception("The workflow %s raised.", record.app.removeprefix("app-"))
            record.status, record.error = "failed", f"{type(error).__name__}: {error}"
        else:
            record.status = "partial-succeeded" if record.exceptions else "succeeded"

    # --------------------------------------------------------------------------------- its end

    def stop(self) -> None:
        """Ask it to stop; without effect where it has ended.

        A paused run stays paused, and stops when it would go on (DIFY.md section 4).
        """
        if not self.has_ended and not self.is_paused:
            asyncio.get_running_loop().call_later(_STOP_TAKES, self._stop.set)
        elif self.is_paused:
            self._stops_when_answered = True

    def kill(self) -> None:
        """Let its worker die: nothing more is heard of it, and its record stays as it is."""
        self.is_alive = False
        self._stop.set()
        if self._work is not None:
            self._work.cancel()
        self.wake()

    def _finish(self) -> None:
        record, dialect = self.record, self._dialect
        was_stopped = self._stop.is_set() and record.status in {"running", "paused"}
        status = dialect.stop_status if was_stopped else record.status
        if self._hit_limit:  # stream and detail do not agree (DIFY.md section 2)
            status = dialect.step_limit_stream
        error = dialect.stop_error if was_stopped else record.error
        finished = self._engine.payloads.finished(status, error)
        if was_stopped and dialect.stop_detail == "running":
            # It stays running in detail and logs for ever (DIFY.md section 0.2).
            record.steps = record.tokens = record.exceptions = 0
            record.status = "running"
        else:
            record.status = dialect.stop_detail if was_stopped else record.status
            record.error = (dialect.stop_detail_error or error) if was_stopped else error
            record.finished = time.time()
            record.elapsed = round(record.finished - record.leg, 6)
        if self.was_left and dialect.left_stream == "lost":
            record.status, record.finished, record.elapsed = "running", None, 0.0
            record.outputs, record.steps, record.tokens, record.exceptions = {}, 0, 0, 0
        record.save(self._store)
        if dialect.logged_at == "end" and (dialect.left_stream == "logged" or not self.was_left):
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
        loop = asyncio.get_running_loop()
        for form in forms:
            for moment, act in ((form.expires, self._time_out), (form.gives_up, self._give_up)):
                delay = max(0.0, moment - time.time())
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
        record.status, record.finished = "stopped", time.time()
        record.error = f"Human input global timeout at node {form.node_id}"
        record.save(self._store)
        self.kill()

    def answer(self, form: Form, answer: FormAnswer) -> None:
        """Go on with what somebody answered.

        Args:
            form: The form.
            answer: The answer, or that it timed out.
        """
        self._forms.settle(form, answer)
        record = self.record
        if self.is_paused:
            self.is_published = True
            record.status, record.leg = "running", time.time()
            RunRecord.save(_without_counts(record), self._store)
            self.publish("workflow_started", self._engine.payloads.started("resumption"))
        if self._stops_when_answered:
            self._stop.set()
        else:
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
