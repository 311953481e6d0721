"""The thread in which the emulator serves, and the socket that it listens on."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from .connection import Server

_BEAT = 1.0
"""Seconds between two checks whether the server runs: on Windows, a wait cannot be interrupted."""


class ServerThread:
    """A server that runs in its own thread. It starts once.

    Args:
        server: The server.
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
    """

    def __init__(self, server: Server, host: str, port: int) -> None:
        self._server = server
        self._address = host, port
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The URL of the server.

        Raises:
            RuntimeError: It does not listen.
        """
        if self._socket is None:
            raise RuntimeError("The emulator has not started: use `with`, or `start()`.")
        host, port = self._address
        return f"http://{host}:{port}"

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._server.loop is not None and self._thread is not None

    def listen(self) -> None:
        """Open the port, so that `url` is known before serving begins."""
        if self._socket is None:
            self._socket = socket.create_server(self._address)
            self._address = self._address[0], self._socket.getsockname()[1]

    def start(self) -> None:
        """Start serving. It returns when the server accepts connections.

        Raises:
            RuntimeError: It has been started before.
            OSError: Its port is taken.
        """
        if self._server.loop is not None:
            raise RuntimeError("This emulator has been started before: make a new Emulator.")
        self.listen()
        sockets = {"sockets": [self._socket]}
        self._thread = threading.Thread(
            target=self._server.run, kwargs=sockets, name="dify-emulator", daemon=True
        )
        self._thread.start()
        self._server.ready.wait()

    def stop(self) -> bool:
        """Stop serving, and cut open connections; False if it does not run."""
        if self._thread is None:
            return False
        self._server.stop()
        self._thread.join()
        self._thread = None
        return True

    def wait(self) -> None:
        """Wait until the server stops."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(_BEAT)

    def call(self, action: Callable[[], None]) -> None:
        """Call something in the thread and wait for it; here if the server does not run."""
        if not self.is_running:
            action()
            return

        async def act() -> None:
            action()

        self.complete(act())

    def complete(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the thread of a server that runs, and wait for it."""
        assert self._server.loop is not None
        asyncio.run_coroutine_threadsafe(work, self._server.loop).result()
