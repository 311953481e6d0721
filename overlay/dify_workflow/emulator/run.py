"""A run of the emulator: it goes on by itself, and whoever listens gets its events."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Coroutine, Generator, Iterable
from typing import Any
from uuid import uuid4

import attrs

from .._input_rules import problems
from .._json import JSONObject
from .dialect import SHUTDOWN, Dialect, Settings, StopOutcome
from .engine import Engine, StepLimitError
from .files import Files
from .forms import Form, Forms
from .payloads import NodeRun
from .requests import ApiError, invalid
from .store import RunRecord, Store, system_inputs
from .stream import Streams
from .workflows import FormAnswer, NodeError, StartError, Step, Steps, Workflow


class Workers:
    """Gives each run a worker, in the order in which they ask.

    Args:
        settings: Say how many workers there are.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._busy = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait for a worker, who is busy until `release`."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self.assign()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the worker came at that moment
                self.release()
            raise

    def release(self) -> None:
        """Let a worker take the next run."""
        self._busy -= 1
        self.assign()

    def assign(self) -> None:
        """Give the runs that wait to the workers that are free."""
        most = self._settings.workers
        while self._queue and (most is None or self._busy < most):
            turn = self._queue.popleft()
            if not turn.done():  # else it has been given up
                turn.set_result(None)
                self._busy += 1


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


class State:
    """The apps and what goes on in them.

    Args:
        workflows: The workflows, each an app of its own.
        store: The database.
        dialect: The server's version.
        settings: How the server behaves in time.
    """

    def __init__(
        self, workflows: Iterable[Workflow], store: Store, dialect: Dialect, settings: Settings
    ) -> None:
        self.apps = {workflow.key: workflow for workflow in workflows}
        self.store = store
        self.dialect = dialect
        self.settings = settings
        self.closing = asyncio.Event()
        self.workers = Workers(settings)
        self.forms = Forms(store, settings.now)
        self.files = Files(store, dialect, settings.now)
        self.streams = Streams(dialect, settings, store, self.forms, self.closing)
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End the streams that are open and the runs that go on."""
        self.closing.set()
        for run in self._runs.values():
            run.wake()
        for task in self._tasks:
            task.cancel()

    def reset(self) -> None:
        """Forget everything; runs that go on or wait die in silence."""
        for run in self._runs.values():
            run.kill()
        for task in self._tasks:
            task.cancel()
        self._runs.clear()
        self.store.clear()

    # ------------------------------------------------------------------------------- its runs

    def refusal(
        self, version: Workflow, app: Workflow, inputs: JSONObject, user: str, base_url: str
    ) -> str:
        """Why the server would not take the inputs; empty where it would.

        Args:
            version: The version to run.
            app: The app.
            inputs: The inputs as they were sent.
            user: Who the run is for.
            base_url: Base URL of the server.
        """
        found = [problem.message for problem in problems(version.form(), inputs)]
        if found and not found[0].startswith("File validation failed"):
            return found[0]
        user_id = self.store.user_id(app.key, user)
        try:  # before it asks whether the app takes a file, the server looks for it
            self.files.resolved(inputs, app.key, user_id, base_url)
        except ApiError as error:
            return error.message
        return found[0] if found else ""

    def check_room(self, app: Workflow, *, is_streamed: bool) -> None:
        """Refuse a run beyond the app's limit.

        A streamed one needs two places and gives them back once it has begun (DIFY.md section 8).

        Raises:
            ApiError: There is no room.
        """
        if app.max_active_requests is None:
            return
        needed = 2 if is_streamed and self.dialect.has_workers else 1
        taken = sum(
            run.record.app == app.key and not (run.is_published and self.dialect.has_workers)
            for run in self._runs.values()
            if not run.has_ended
        )
        if taken + needed > app.max_active_requests:
            where = f"for {app.app_id} " if self.dialect.since(1, 7) else ""
            raise invalid(
                "Too many requests. Please try again later. The current maximum concurrent "
                f"requests allowed {where}is {app.max_active_requests}."
            )

    async def start(
        self,
        app: Workflow,
        version: Workflow,
        inputs: JSONObject,
        user: str,
        base_url: str,
        *,
        is_streamed: bool,
    ) -> Run:
        """Start a run in the API process, which goes on by itself.

        Args:
            app: The app.
            version: The version to run.
            inputs: The inputs as they were sent, which the server takes.
            user: Who it is for.
            base_url: Base URL of the server.
            is_streamed: Whether it is started in streaming mode.

        Raises:
            StartError: It cannot start.
        """
        run = self._new_run(app, version, user, is_streamed=is_streamed)
        await run.begin(in_worker=False)
        taken = await self._prepare(run, app, version, inputs, base_url)
        self._runs[run.record.id] = run
        self.go_on(self._until_end(run, run.execute(taken)))
        return run

    def enqueue(
        self,
        app: Workflow,
        version: Workflow,
        inputs: JSONObject,
        user: str,
        base_url: str,
        *,
        delay: float,
    ) -> Run:
        """Put a streamed run into the queue, where it waits for a worker.

        Nobody but its stream knows of it until one takes it and makes it. The arguments are those
        of `start`, and:

        Args:
            app: The app.
            version: The version to run.
            inputs: The inputs as they were sent.
            user: Who it is for.
            base_url: Base URL of the server.
            delay: Seconds until it is in the queue.
        """

        async def work() -> None:
            if delay:
                await asyncio.sleep(delay)
            await run.begin(in_worker=True)
            refusal = self.refusal(version, app, inputs, user, base_url)
            if refusal:
                run.refuse(refusal, inputs)
                return
            try:
                taken = await self._prepare(run, app, version, inputs, base_url)
            except StartError as error:
                run.refuse(str(error), inputs, cannot_start=True)
                return
            await run.execute(taken)

        run = self._new_run(app, version, user, is_streamed=True)
        self._runs[run.record.id] = run
        self.go_on(self._until_end(run, work()))
        return run

    def _new_run(self, app: Workflow, version: Workflow, user: str, *, is_streamed: bool) -> Run:
        user_id = self.store.user_id(app.key, user)
        now = self.settings.now()
        record = RunRecord(app.key, app.id_of(version), version.version, user, user_id, now)
        return Run(
            record,
            self.dialect,
            self.store,
            self.forms,
            settings=self.settings,
            workers=self.workers,
            is_streamed=is_streamed,
        )

    async def _prepare(
        self, run: Run, app: Workflow, version: Workflow, inputs: JSONObject, base_url: str
    ) -> JSONObject:
        """Make a run; the inputs as the workflow takes them.

        Raises:
            StartError: It cannot start.
        """
        record = run.record
        taken = version.taken(self.files.resolved(inputs, app.key, record.user_id, base_url))
        counted = self.store.one("SELECT count(*) FROM runs WHERE app = ?", [app.key])
        record.number = (counted[0] if counted else 0) + 1
        record.created = record.leg
        ids = (app.app_id, record.workflow_id, record.id, record.user)
        record.inputs = {**taken, **system_inputs(*ids)}
        try:
            await run.prepare(version.body(taken))
        except StartError as error:
            if self.dialect.has_workers:
                raise
            await run.prepare(_failing(str(error)))
        return taken

    async def _until_end(self, run: Run, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            run.leave()
            if run.is_alive:  # what a dead worker left stays as it is
                self._runs.pop(run.record.id, None)

    def go_on(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something go on by itself until the emulator stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self._tasks.discard)

    def stop(self, app: Workflow, task_id: str, user: str, winner: str | None) -> None:
        """Stop the run of a task; whoever asks, from 1.9 on.

        Args:
            app: The app that asks.
            task_id: Id of the task.
            user: Who asks.
            winner: What sees that first, ``queue`` or ``engine``; None for what usually does.
        """
        for run in self._runs.values():
            is_owner = run.record.app == app.key and run.record.user == user
            if run.record.task_id == task_id and (is_owner or self.dialect.since(1, 9)):
                run.stop(winner)

    def going_on(self, run_id: str) -> Run | None:
        """The run of that id, where it goes on."""
        return self._runs.get(run_id)

    def kill_workers(self) -> None:
        """Let the runs that go on die in silence: their records stay ``running``."""
        for run in self._runs.values():
            if run.working_since is not None:
                run.kill()

    def restart_workers(self) -> None:
        """Tell the workers to end, which stops their runs, and start others."""
        for run in list(self._runs.values()):
            run.shut_down()

    def answer(self, app: Workflow, token: str, answer: FormAnswer, path: str) -> None:
        """Take the answer to a form.

        Args:
            app: The app that asks.
            token: Token of the form.
            answer: The answer.
            path: Path of the request.

        Raises:
            ApiError: The form cannot be answered, or not so.
        """
        form = self.forms.open(app.key, token, path)
        fitting = form.check(answer)
        run = self._runs.get(form.run_id)
        if run is None:  # a run of an emulator that has been stopped since
            self.forms.settle(form, fitting)
        else:
            run.answer(form, fitting)


def _failing(error: str) -> Generator[Step, Any, None]:
    """A workflow that fails at once."""
    raise NodeError(error)
    yield
