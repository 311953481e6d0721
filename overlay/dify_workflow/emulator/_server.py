"""The emulator: a workflow server on loopback, in a thread of its own."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Any, Self

import uvicorn

from ..async_client import AsyncDifyWorkflow
from ..client import DifyWorkflow
from ._api import Api, Timing
from ._demos import DEMOS
from ._state import State
from ._workflow import Workflow

_SHUTDOWN_SECONDS = 1
"""How long open streams may keep the server from stopping."""


class _Server(uvicorn.Server):
    """A uvicorn that says when it accepts connections, and ends streams before it stops."""

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._state = state

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._state.close()
        await super().shutdown(sockets)


class Emulator:
    """A workflow server on loopback that behaves as Dify 1.14.2; a context manager.

    Each workflow is an app of its own with the key ``app-<name>``. It serves runs (streamed and
    blocking), stops, run detail, logs, uploads and what /info, /parameters, /meta and /site say;
    it does not serve /events, human-input forms, end users, file previews and audio yet, and does
    not look at whether files that inputs name are there.

    Args:
        workflows: The workflows to serve; by default the built-in ones.
        host: Address to listen on. Anything but loopback shows it to the network.
        port: Port to listen on; 0 for a free one.
        ping_interval: Seconds between the pings of a stream.
        linger: Seconds that a stream stays open after the run's last event.
        silence: Seconds of silence with which bad inputs are answered in streaming mode.
        log_level: What uvicorn logs.
    """

    def __init__(
        self,
        *workflows: Workflow,
        host: str = "127.0.0.1",
        port: int = 0,
        ping_interval: float = 10.0,
        linger: float = 1.0,
        silence: float = 300.0,
        log_level: str = "warning",
    ) -> None:
        self.workflows = workflows or DEMOS
        self._host = host
        self._port = port
        self._state = State(self.workflows)
        timing = Timing(ping_interval, linger, silence)
        self._server = _Server(
            uvicorn.Config(
                Api(self._state, timing).application(),
                log_level=log_level,
                server_header=False,
                lifespan="off",
                timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
            ),
            self._state,
        )
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

    def serve_forever(self) -> None:
        """Serve in this thread until it is interrupted."""
        self._listen()
        self._serve()

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
        keys = {workflow.name: workflow.key for workflow in self.workflows}
        if name is None:
            return self.workflows[0].key
        if name not in keys:
            raise LookupError(f"There is no workflow {name!r}, but {', '.join(keys)}.")
        return keys[name]
