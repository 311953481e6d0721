"""Everything behind the emulator's answers: its apps, and their runs that go on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Iterable
from typing import Any

from .._input_rules import problems
from .._json import JSONObject
from .dialect import Dialect
from .files import Files
from .forms import Forms
from .record import RunRecord, system_inputs
from .refusals import ApiError, invalid
from .run import Run
from .settings import Settings
from .steps import FormAnswer, NodeError, StartError, Step
from .store import Store
from .stream import Streams
from .workers import Workers
from .workflows import Workflow


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
