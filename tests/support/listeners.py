"""Servers that give each connection to a function."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from dify_workflow import DefaultAioHttpClient
from support.waiting import PATIENCE

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Serve = Callable[[socket.socket], None]


class Listener:
    """Gives each connection to a function, in a thread of its own."""

    def __init__(self, serve: Serve) -> None:
        self.heads: list[bytes] = []
        """What came first over each connection."""
        self._serve = serve
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._run, args=[connection], daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(PATIENCE)
            self._serve(connection)


@contextmanager
def listening(serve: Serve) -> Iterator[Listener]:
    listener = Listener(serve)
    try:
        yield listener
    finally:
        listener.close()


def head_of(connection: socket.socket) -> bytes:
    """The head of the next request; empty where none comes."""
    head = b""
    while b"\r\n\r\n" not in head:
        if not (data := connection.recv(1)):
            return b""
        head += data
    return head


def is_left(connection: socket.socket) -> bool:
    """Whether the client closes the connection."""
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def with_client(use: Callable[[DefaultAioHttpClient], Awaitable[Any]], **options: Any) -> Any:
    """What comes of using a client in an event loop of its own."""

    async def run() -> Any:
        async with DefaultAioHttpClient(**{"trust_env": False, **options}) as client:
            return await use(client)

    return asyncio.run(run())
