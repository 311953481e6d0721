"""The emulator: a workflow server on loopback, in a thread of its own."""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import attrs
import uvicorn

from ..async_client import AsyncDifyWorkflow
from ..client import DifyWorkflow
from ._api import Api, SeenRequest
from ._connection import Protocol, Server
from ._demos import DEMOS
from ._dialect import dialect_of
from ._faults import Faults
from ._page import Page
from ._record import system_inputs
from ._state import State
from ._store import PastRun, Store
from ._stream import Timing
from ._workflow import Workflow

_SHUTDOWN_SECONDS = 1
"""How long open streams may keep the server from stopping."""

_MOST_REQUESTS = 100_000
"""How many requests are remembered."""


_BEAT = 1.0
"""Seconds between two looks at whether the server still runs; Windows interrupts no longer wait."""


class Emulator:
    """A workflow server on loopback that behaves as Dify does; a context manager.

    Each workflow is an app of its own with the key ``app-<name>``. It serves every endpoint of
    openapi.yaml as DIFY.md and DIFY-VERSIONS.md describe real servers.

    Args:
        workflows: The workflows to serve; by default the built-in ones.
        host: Address to listen on. Anything but loopback shows it to the network.
        port: Port to listen on; 0 for a free one.
        server_version: Which Dify it behaves as: 1.0, 1.7, 1.9, 1.13, 1.14 or 1.16.
        database: File that keeps runs and logs; None to forget them at the end.
        ping_interval: Seconds between the pings of a stream.
        linger: Seconds that a stream stays open after the run's last event.
        silence: Seconds without an event after which a stream ends.
        mends_stops: Whether stopped runs become ``stopped`` in run detail and logs where this
            version would leave them ``running`` for ever (1.10 to 1.14).
        log_level: What uvicorn logs.

    Raises:
        ValueError: The version cannot be emulated, or two workflows have the same name.
    """

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
        mends_stops: bool = False,
        log_level: str = "warning",
    ) -> None:
        self.workflows = _with_names(workflows or DEMOS)
        dialect = dialect_of(server_version)
        if mends_stops and dialect.stop_detail == "running":
            dialect = attrs.evolve(dialect, stop_detail="stopped")
        self.faults = Faults()
        self._host = host
        self._port = port
        self._seen: deque[SeenRequest] = deque(maxlen=_MOST_REQUESTS)
        self._store = Store(database)
        timing = Timing(ping_interval, linger, silence)
        self._state = State(self.workflows, self._store, dialect, timing)
        api = Api(self._state, self.faults, self._seen)
        config = uvicorn.Config(
            api.application(Page(self._state).routes()),
            http=Protocol,
            log_level=log_level,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        self._server = Server(config, self._state.close)
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """Base URL for clients.

        Raises:
            RuntimeError: The emulator has not started.
        """
        if self._socket is None:
            raise RuntimeError("The emulator has not started: use `with`, or `start()`.")
        return f"http://{self._host}:{self._port}/v1"

    def client(self, name: str | None = None, **options: Any) -> DifyWorkflow:
        """A client for one of its apps.

        Args:
            name: Name of the workflow; by default the first one.
            options: Options of `DifyWorkflow`.
        """
        return DifyWorkflow(self._key(name), base_url=self.base_url, **options)

    def async_client(self, name: str | None = None, **options: Any) -> AsyncDifyWorkflow:
        """An async client for one of its apps.

        Args:
            name: Name of the workflow; by default the first one.
            options: Options of `AsyncDifyWorkflow`.
        """
        return AsyncDifyWorkflow(self._key(name), base_url=self.base_url, **options)

    # ------------------------------------------------------------------------------ for tests

    @property
    def requests(self) -> list[SeenRequest]:
        """The requests that reached it, oldest first."""
        return list(self._seen)

    def serve(self, *workflows: Workflow) -> None:
        """Serve these workflows from now on, in place of those before; their runs stay.

        Args:
            workflows: The workflows; none for the built-in ones.

        Raises:
            ValueError: Two workflows have the same name.
        """
        self.workflows = _with_names(workflows or DEMOS)
        self._state.apps = {workflow.key: workflow for workflow in self.workflows}

    def add_runs(self, runs: Iterable[PastRun], name: str | None = None) -> None:
        """Put runs that have ended into the logs, as many as you like.

        Args:
            runs: The runs.
            name: Name of the workflow; by default the first one.
        """
        workflow = self._workflow(name)
        ids = workflow.app_id, workflow.id
        told = (
            attrs.evolve(run, inputs={**run.inputs, **system_inputs(*ids, run.id, run.user or "")})
            for run in runs
        )
        self._store.add_runs(workflow.key, workflow.id, workflow.version, told)

    def delete_logs(self, ids: Iterable[str]) -> None:
        """Delete rows of the logs.

        Args:
            ids: Ids of the rows.
        """
        self._store.delete_logs(ids)

    def delete_runs(self, ids: Iterable[str]) -> None:
        """Delete runs; their rows stay in the logs, without a run.

        Args:
            ids: Ids of the runs.
        """
        self._store.delete_runs(ids)

    def kill_workers(self) -> None:
        """Let all runs die in silence: they stay ``running`` for ever."""
        self._call(self._state.kill_workers)

    def reset(self) -> None:
        """Forget all runs, logs, users, forms, files, requests and faults."""
        self.faults.clear()
        self._call(self._state.reset)
        self._seen.clear()

    def _call(self, action: Callable[[], None]) -> None:
        """Do something in the server's thread, and wait for it."""
        if self._server.loop is None or self._thread is None:
            action()
            return
        done = threading.Event()

        def act() -> None:
            action()
            done.set()

        self._server.loop.call_soon_threadsafe(act)
        done.wait()

    # ---------------------------------------------------------------------------- start and stop

    def start(self) -> None:
        """Start serving; returns when connections are accepted."""
        self._listen()
        self._thread = threading.Thread(target=self._serve, name="dify-emulator", daemon=True)
        self._thread.start()
        self._server.ready.wait()

    def stop(self) -> None:
        """Stop serving and cut what is still open."""
        if self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
            self._thread = None
            self._store.close()

    def serve_forever(self) -> None:
        """Serve until this thread is interrupted, be it at once."""
        # In another thread: while uvicorn starts, it would swallow an interrupt and go on.
        self.start()
        try:
            while self._thread is not None and self._thread.is_alive():
                self._thread.join(_BEAT)
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
        """Take the port, so that `base_url` is known before serving begins."""
        self._listen()

    def _listen(self) -> None:
        if self._socket is None:
            self._socket = socket.create_server((self._host, self._port))
            self._port = self._socket.getsockname()[1]

    def _serve(self) -> None:
        assert self._socket is not None
        self._server.run(sockets=[self._socket])

    def _key(self, name: str | None) -> str:
        return self._workflow(name).key

    def _workflow(self, name: str | None) -> Workflow:
        if name is None:
            return self.workflows[0]
        named = {workflow.name: workflow for workflow in self.workflows}
        if name not in named:
            raise LookupError(f"There is no workflow {name!r}, but {', '.join(named)}.")
        return named[name]


def _with_names(workflows: tuple[Workflow, ...]) -> tuple[Workflow, ...]:
    """The workflows, each with a name of its own."""
    names = [each.name for each in workflows]
    if len(set(names)) < len(names):
        raise ValueError(f"Two workflows have the same name: {', '.join(sorted(names))}")
    return workflows
