"""The emulator: a workflow server on loopback, in its own thread."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import attrs

from .. import _checks as checks
from .._json import JSON
from .._uncopied import Uncopied
from ..async_client import AsyncDifyWorkflow
from ..client import DifyWorkflow
from .connection import (
    OutageAnswer,
    Outages,
    Server,
    checked_hosts,
    dated,
    guarded,
    open_to_browsers,
)
from .demos import DEMOS
from .dialect import Settings, dialect_of
from .exported import app_from_dsl
from .faults import Faults
from .page import Page
from .routes import Routes, SeenRequest
from .state import State, checked_apps
from .store import PastRun, Store, system_inputs
from .thread import ServerThread
from .workflows import Workflow

_LOG_LEVELS = ("critical", "error", "warning", "info", "debug", "trace")


class Emulator(Uncopied):
    """A workflow server on loopback that behaves like Dify; a context manager.

    Each workflow is an app with the key ``app-<name>``. The emulator serves every endpoint of
    openapi.yaml. Tests compare its answers with recorded answers of real servers.

    Args:
        workflows: The workflows to serve; by default the built-in ones.
        host: Address to listen on. Any address but loopback is open to the network.
        port: Port to listen on; 0 for a free one.
        server_version: The version of Dify: 1.0, 1.7, 1.9, 1.13, 1.14 or 1.16. 1.9.1, 1.10 and
            1.15 are possible too; they differ from their neighbours only where that is known.
        database: File that keeps runs and logs; None to keep them in memory.
        ping_interval: Seconds between the pings of a stream.
        linger: Seconds that a stream stays open after the run's last event.
        silence: Seconds without an event after which a stream ends.
        workers: Largest number of streamed runs at the same time, from 1.13 on; see `workers`.
        resume_delay: Seconds from the answer to a form until its run continues; see
            `resume_delay`.
        clock_shift: Seconds by which its clock is ahead; see `clock_shift`.
        date_header: Whether its answers have a ``Date`` header; see `date_header`.
        mends_stops: Whether stopped runs become ``stopped`` in run detail and logs, where this
            version would leave them ``running`` for ever (1.10 to 1.14).
        log_level: Level of uvicorn's log.
        allowed_hosts: Further names of this server, such as that of its container; ``*`` for any.
            A request must name loopback, `host` or one of these. Otherwise any web page could
            reach the server through a name of its own (DNS rebinding).
        cors: Whether web pages of any origin may call it from a browser, as on real servers. A
            page that knows a key can then run its workflows and read their runs.

    Raises:
        TypeError: A workflow is not one, or a setting has another type.
        ValueError: The version cannot be emulated, two workflows have the same name, a setting is
            too small, or a host, the port or the level of the log is invalid.

    Example::

        with Emulator(server_version="1.16") as emulator, emulator.client("echo") as client:
            print(client.run_workflow({"name": "Ann"}).outputs)
    """

    _instead = "pass its base_url on"

    def __init__(
        self,
        *workflows: Workflow,
        host: str = "127.0.0.1",
        port: int = 0,
        server_version: str = "1.14",
        database: str | Path | None = None,
        ping_interval: float = 10.0,
        linger: float = 1.0,
        silence: float = 300.0,
        workers: int | None = None,
        resume_delay: float = 0.1,
        clock_shift: float = 0.0,
        date_header: bool = True,
        mends_stops: bool = False,
        log_level: str = "warning",
        allowed_hosts: Iterable[str] = (),
        cors: bool = False,
    ) -> None:
        self.workflows: tuple[Workflow, ...] = checked_apps(workflows or DEMOS)
        checks.check_number("port", port, 0, 65_535, is_whole=True)
        checks.check_choice("log_level", log_level, _LOG_LEVELS)
        dialect = dialect_of(server_version, mends_stops=mends_stops)
        self.faults = Faults()
        self._given = Settings(
            ping_interval, linger, silence, workers, resume_delay, clock_shift, date_header
        )
        self._settings = attrs.evolve(self._given)
        self._store = Store(database, self._settings.now)
        self._state = State(self.workflows, self._store, dialect, self._settings)
        routes = Routes(self._state, self.faults)
        self._seen = routes.seen
        api = routes.application(Page(self._state).routes())
        hosts = checked_hosts(allowed_hosts) | checked_hosts([host] if host else [])
        application = dated(guarded(open_to_browsers(api) if cors else api, hosts), self._settings)
        server = Server(application, self._state.close, log_level)
        self._outages = Outages(server, self.faults)
        self._thread = ServerThread(server, host, port)

    @property
    def base_url(self) -> str:
        """Base URL for clients.

        Raises:
            RuntimeError: The emulator has not started.

        Example::

            client = DifyWorkflow("app-echo", base_url=emulator.base_url)
        """
        return f"{self._thread.url}/v1"

    def client(self, name: str | None = None, **options: Any) -> DifyWorkflow:
        """Make a client for one of its apps.

        Args:
            name: Name of the workflow; by default the first one.
            options: Options of `DifyWorkflow`.

        Returns:
            The client. Close it after use.

        Raises:
            LookupError: There is no workflow of this name.

        Example::

            with emulator.client("echo", timeout=5) as client:
                print(client.run_workflow({"name": "Ann"}).outputs)
        """
        return DifyWorkflow(self._workflow(name).key, base_url=self.base_url, **options)

    def async_client(self, name: str | None = None, **options: Any) -> AsyncDifyWorkflow:
        """Make an async client for one of its apps.

        Args:
            name: Name of the workflow; by default the first one.
            options: Options of `AsyncDifyWorkflow`.

        Returns:
            The client. Close it after use.

        Raises:
            LookupError: There is no workflow of this name.

        Example::

            async with emulator.async_client("echo") as client:
                print((await client.run_workflow({"name": "Ann"})).outputs)
        """
        return AsyncDifyWorkflow(self._workflow(name).key, base_url=self.base_url, **options)

    # ------------------------------------------------------------------------------ for tests

    @property
    def requests(self) -> list[SeenRequest]:
        """The requests that reached it, oldest first.

        Example::

            workflow.run_workflow({"name": "Ann"}, user="ann")
            assert emulator.requests[-1].user == "ann"
        """
        return list(self._seen)

    def serve(self, *workflows: Workflow) -> None:
        """Serve these workflows instead of the present ones. Their runs are kept.

        Args:
            workflows: The workflows; none for the built-in ones.

        Raises:
            ValueError: Two workflows have the same name.

        Example::

            emulator.serve(greet)
            with emulator.client() as client:
                print(client.run_workflow({"name": "Ann"}).outputs)
        """
        self.workflows = checked_apps(workflows or DEMOS)
        self._state.apps = {workflow.key: workflow for workflow in self.workflows}

    def app_from_dsl(
        self,
        source: str | os.PathLike[str],
        *,
        outputs: Mapping[str, JSON] | None = None,
        name: str | None = None,
    ) -> Workflow:
        """Serve an exported app, as the first of the workflows; see `app_from_dsl`.

        Args:
            source: Path of the app as Dify exports it (DSL).
            outputs: Value by name of the output; outputs that are left out are empty.
            name: Name of the workflow; by default the file's.

        Returns:
            The workflow.

        Raises:
            DSLError: The file is not an exported workflow app.
            ValueError: The app has no such output, or it has another type.
            ImportError: PyYAML is not installed: ``pip install dify-workflow[types]``.

        Example::

            story = emulator.app_from_dsl("story.yml", outputs={"words": 7})
            client = emulator.client(story.name)
        """
        app = app_from_dsl(source, outputs=outputs, name=name)
        self.serve(app, *(each for each in self.workflows if each.name != app.name))
        return app

    def add_runs(self, runs: Iterable[PastRun], name: str | None = None) -> None:
        """Add any number of ended runs to the logs.

        Args:
            runs: The runs.
            name: Name of the workflow; by default the first one.

        Raises:
            LookupError: There is no workflow of this name.

        Example::

            emulator.add_runs([PastRun(created_at=1_700_000_000, status="failed")])
            with emulator.client() as client:
                print(client.logs(status="failed").data)
        """
        workflow = self._workflow(name)
        ids = workflow.app_id, workflow.id
        complete = (
            attrs.evolve(run, inputs={**run.inputs, **system_inputs(*ids, run.id, run.user or "")})
            for run in runs
        )
        self._store.add_runs(workflow.key, workflow.id, workflow.version, complete)

    def delete_logs(self, ids: Iterable[str]) -> None:
        """Delete rows of the logs. Their runs are kept.

        Args:
            ids: Ids of the rows.

        Example::

            rows = workflow.logs(limit=5)
            emulator.delete_logs(row.id for row in rows)
        """
        self._store.delete("logs", ids)

    def delete_runs(self, ids: Iterable[str]) -> None:
        """Delete runs. Their rows stay in the logs, without a run.

        Args:
            ids: Ids of the runs.

        Example::

            run = workflow.run_workflow({"name": "Ann"})
            emulator.delete_runs([run.id])
        """
        self._store.delete("runs", ids)

    def kill_workers(self) -> None:
        """Kill all active runs without an event: they stay ``running`` for ever.

        Example::

            with emulator.client("slow") as client:
                run = client.submit_workflow({"secs": 60})
                emulator.kill_workers()
                assert client.info(run.id).status == "running"
        """
        self._thread.call(self._state.kill_workers)

    def restart_workers(self) -> None:
        """Restart the workers (SIGTERM), as each deploy of Dify does.

        From 1.16 on, their runs end at once as ``stopped``, in stream, detail and logs. In earlier
        versions a worker finishes its runs. Runs in the queue keep waiting.

        Example::

            run = workflow.submit_workflow({"name": "Ann"})
            emulator.restart_workers()
            print(workflow.wait_for_run(run.id).status)
        """
        self._thread.call(self._state.restart_workers)

    def outage(
        self,
        seconds: float | None = None,
        answer: OutageAnswer = "refuse",
        *,
        cut_streams: bool = False,
    ) -> None:
        """Make the server unavailable. Its workers continue their runs.

        Args:
            seconds: Length of the outage; None until `end_outage`.
            answer: What clients get. ``"refuse"``: nothing listens at the port, and idle
                connections are closed. ``"close"``: a proxy accepts connections and closes them.
                502, 503 or 504: the page of a proxy with this status.
            cut_streams: Whether open streams and other answers are cut; otherwise they are sent to
                their end.

        Raises:
            RuntimeError: The emulator does not run, or there is an outage already.
            TypeError: `seconds` is not a number.
            ValueError: `answer` is unknown, or `seconds` is negative.

        Example::

            emulator.outage(answer=503)
            try:
                workflow.app_info()  # sent again, and given up after some attempts
            except ServerError as error:
                print(error)
        """
        if not self._thread.is_running:
            raise RuntimeError("The emulator does not run: use `with`, or `start()`.")
        if seconds is not None:
            checks.check_number("seconds", seconds, 0)
        self._thread.complete(self._outages.begin(seconds, answer, cut_streams=cut_streams))

    def end_outage(self) -> None:
        """End an outage; without effect if there is none.

        Example::

            emulator.outage()
            emulator.end_outage()
        """
        if self._thread.is_running:
            self._thread.complete(self._outages.end())

    def reset(self) -> None:
        """Forget all runs, logs, users, forms, files, requests, faults and changes of settings.

        Example::

            workflow.run_workflow({"name": "Ann"})
            emulator.reset()
            assert not emulator.requests
        """
        self.end_outage()
        self.faults.clear()
        for name, value in attrs.asdict(self._given).items():
            setattr(self._settings, name, value)
        self._thread.call(self._state.reset)
        self._seen.clear()

    # ------------------------------------------------------------------------------- settings

    @property
    def workers(self) -> int | None:
        """Largest number of streamed runs at the same time, from 1.13 on; None for any number.

        Further runs wait in the queue. Their stream has one ping and then nothing, and there is no
        record and no row in the logs. They run when a worker is free, even if the client has
        disconnected. With 0, all runs wait until there are workers. Dify's docker has four.
        """
        return self._settings.workers

    @workers.setter
    def workers(self, count: int | None) -> None:
        self._settings.workers = count
        self._thread.call(self._state.workers.assign)

    @property
    def resume_delay(self) -> float:
        """Seconds from the answer to a form until a worker continues its run.

        Until then the run stays ``paused``, with the answered form.
        """
        return self._settings.resume_delay

    @resume_delay.setter
    def resume_delay(self, seconds: float) -> None:
        self._settings.resume_delay = seconds

    @property
    def clock_shift(self) -> float:
        """Seconds by which the server's clock is ahead of this machine's; negative if it is behind.

        It applies to the ``Date`` header and to all times of runs, logs, forms and files.
        """
        return self._settings.clock_shift

    @clock_shift.setter
    def clock_shift(self, seconds: float) -> None:
        self._settings.clock_shift = seconds

    @property
    def date_header(self) -> bool:
        """Whether answers have a ``Date`` header, which some proxies drop."""
        return self._settings.date_header

    @date_header.setter
    def date_header(self, is_there: bool) -> None:
        self._settings.date_header = is_there

    # ---------------------------------------------------------------------------- start and stop

    def start(self) -> None:
        """Start serving. It returns when the server accepts connections.

        Raises:
            RuntimeError: It has been started before: an emulator starts once.
            OSError: Its port is taken.

        Example::

            emulator = Emulator()
            emulator.start()
            print(emulator.base_url)
            emulator.stop()
        """
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, and cut open connections.

        Example::

            emulator = Emulator()
            emulator.start()
            emulator.stop()
        """
        if self._thread.stop():
            self._store.close()

    def serve_forever(self) -> None:
        """Serve until this thread is interrupted, or until the server stops."""
        # In another thread: uvicorn ignores an interrupt while it starts.
        self.start()
        try:
            self._thread.wait()
        finally:
            self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def listen(self) -> None:
        """Open the port, so that `base_url` is known before serving begins.

        Example::

            emulator = Emulator()
            emulator.listen()
            print(emulator.base_url)
            with emulator, emulator.client("echo") as client:
                client.run_workflow({"name": "Ann"})
        """
        self._thread.listen()

    def _workflow(self, name: str | None) -> Workflow:
        if name is None:
            return self.workflows[0]
        named = {workflow.name: workflow for workflow in self.workflows}
        if name not in named:
            raise LookupError(f"There is no workflow {name!r}. There are: {', '.join(named)}.")
        return named[name]
