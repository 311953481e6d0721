"""The apps, and their active runs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Iterable
from functools import partial
from typing import Any

from .._json import JSONObject
from .dialect import Dialect, Settings
from .files import Files
from .forms import Forms
from .inputs import accepted
from .requests import ApiError, RunRequest, invalid
from .run import Run, Workers
from .store import RunRecord, Store, system_inputs
from .stream import Streams
from .workflows import FormAnswer, NodeError, StartError, Step, Workflow


class State:
    """The apps and their active runs."""

    def __init__(
        self, workflows: Iterable[Workflow], store: Store, dialect: Dialect, settings: Settings
    ) -> None:
        self.apps = {workflow.key: workflow for workflow in workflows}
        self.store = store
        self.dialect = dialect
        self.settings = settings
        self.closing = asyncio.Event()
        self.workers = Workers(settings)
        self.forms = Forms(store)
        self.files = Files(store, dialect)
        self.streams = Streams(self)
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End open streams and active runs."""
        self.closing.set()
        for run in self._runs.values():
            run.wake()
        for task in self._tasks:
            task.cancel()

    def reset(self) -> None:
        """Forget everything. Active and waiting runs end without an event."""
        for run in self._runs.values():
            run.kill()
        for task in self._tasks:
            task.cancel()
        self._runs.clear()
        self.store.clear()

    def run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background until the emulator stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self._tasks.discard)

    # --------------------------------------------------------------------------- runs that start

    def check_room(self, asked: RunRequest) -> None:
        """Refuse a run above the app's limit.

        With workers, a streamed run takes two places, and gives them back when it begins.
        """
        app = asked.app
        if app.max_active_requests is None:
            return
        needed = 2 if asked.is_streamed and self.dialect.has_workers else 1
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

    async def start(self, asked: RunRequest) -> Run:
        """Start a run in the API process, in the background.

        Raises:
            ApiError: Its inputs are invalid.
            StartError: It cannot start.
        """
        taken = self._accepted(asked)
        run = self._new_run(asked)
        await run.begin(in_worker=False)
        await self._prepare(run, asked, taken)
        self._runs[run.record.id] = run
        self.run_in_background(self._until_end(run, run.execute(taken)))
        return run

    def enqueue(self, asked: RunRequest, *, delay: float) -> Run:
        """Put a streamed run into the queue, where it waits for a worker.

        Only its stream knows it until a worker begins it.
        """

        async def work() -> None:
            await asyncio.sleep(delay)
            await run.begin(in_worker=True)
            try:
                taken = self._accepted(asked)
                await self._prepare(run, asked, taken)
            except ApiError as error:
                run.refuse(error.message, asked.inputs)
                return
            except StartError as error:
                run.refuse(str(error), asked.inputs, cannot_start=True)
                return
            await run.execute(taken)

        run = self._new_run(asked)
        self._runs[run.record.id] = run
        self.run_in_background(self._until_end(run, work()))
        return run

    def _new_run(self, asked: RunRequest) -> Run:
        app, version = asked.app, asked.version
        user_id = self.store.user_id(app.key, asked.user)
        now = self.settings.now()
        record = RunRecord(app.key, app.id_of(version), version.version, asked.user, user_id, now)
        return Run(record, self, is_streamed=asked.is_streamed)

    def _accepted(self, asked: RunRequest) -> JSONObject:
        """Return the inputs for the workflow.

        Raises:
            ApiError: The server refuses them.
        """
        key = asked.app.key
        user_id = self.store.user_id(key, asked.user)
        build = partial(self.files.build, app=key, user_id=user_id, base_url=asked.base_url)
        return accepted(asked.version.inputs, asked.inputs, build)

    async def _prepare(self, run: Run, asked: RunRequest, taken: JSONObject) -> None:
        """Make the record of a run, and take the first step of its workflow."""
        record, app = run.record, asked.app
        counted = self.store.one("SELECT count(*) FROM runs WHERE app = ?", [app.key])
        record.number = (counted[0] if counted else 0) + 1
        record.created = record.leg
        ids = (app.app_id, record.workflow_id, record.id, record.user)
        record.inputs = {**taken, **system_inputs(*ids)}
        try:
            await run.engine.prepare(asked.version.body(taken))
        except StartError as error:
            if self.dialect.has_workers:
                raise
            await run.engine.prepare(_failing(str(error)))

    async def _until_end(self, run: Run, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            run.leave()
            if run.is_alive:  # the record that a dead worker left does not change
                self._runs.pop(run.record.id, None)

    # --------------------------------------------------------------------------- active runs

    def active_run(self, run_id: str) -> Run | None:
        """Return the active run with this id, if there is one."""
        return self._runs.get(run_id)

    def stop(self, app: Workflow, task_id: str, user: str, winner: str | None) -> None:
        """Stop the run of a task; from 1.9 on, for any user. For the winner, see `Run.stop`."""
        for run in self._runs.values():
            is_owner = run.record.app == app.key and run.record.user == user
            if run.record.task_id == task_id and (is_owner or self.dialect.since(1, 9)):
                run.stop(winner)

    def answer(self, app: Workflow, token: str, answer: FormAnswer, path: str) -> None:
        """Take the answer to a form."""
        form = self.forms.open(app.key, token, path)
        fitting = form.check(answer)
        run = self._runs.get(form.run_id)
        if run is None:  # a run of an earlier emulator, with the same database
            self.forms.settle(form, fitting)
        else:
            run.answer(form, fitting)

    def kill_workers(self) -> None:
        """Kill active runs without an event: their records stay ``running``."""
        for run in self._runs.values():
            if run.working_since is not None:
                run.kill()

    def restart_workers(self) -> None:
        """Stop the workers, which ends their runs, and start others."""
        for run in list(self._runs.values()):
            run.shut_down()


def _failing(error: str) -> Generator[Step, Any, None]:
    """A workflow that fails at once."""
    raise NodeError(error)
    yield


def checked_apps(workflows: tuple[Workflow, ...]) -> tuple[Workflow, ...]:
    """Return workflows if each is one, and has a name of its own.

    Raises:
        TypeError: One of them is something else.
        ValueError: Two have the same name.
    """
    for each in workflows:
        if not isinstance(each, Workflow):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{each!r} is not a workflow: put @workflow() above its function.")
    names = [each.name for each in workflows]
    if len(set(names)) < len(names):
        raise ValueError(f"Two workflows have the same name: {', '.join(sorted(names))}")
    return workflows
