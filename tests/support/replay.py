"""A server on a real loopback socket that plays recordings and written answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from support.recordings import Recording, recording
from support.waiting import PATIENCE

Pieces = Literal["own", "bytes", "whole"]
"""How a body is cut: as it was recorded, into single bytes, or not at all."""

HOP_HEADERS = {"transfer-encoding", "content-length", "connection", "date", "server"}


@dataclass
class Request:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Exchange:
    """What a handler needs to answer a request."""

    connection: socket.socket
    request: Request
    answered_whole: bool = False

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def head(self, status: int = 200, reason: str = "OK", **headers: str) -> None:
        """Send the head of an answer; underscores in names stand for dashes."""
        lines = [f"HTTP/1.1 {status} {reason}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def start_stream(self, content_type: str = "text/event-stream; charset=utf-8") -> None:
        self.head(content_type=content_type, transfer_encoding="chunked", x_version="1.14.2")

    def chunk(self, data: bytes) -> None:
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def end_stream(self) -> None:
        self.send(b"0\r\n\r\n")
        self.answered_whole = True

    def whole(self, body: bytes, status: int = 200, reason: str = "OK", **headers: str) -> None:
        headers.setdefault("content_type", "application/json")
        self.head(status, reason, content_length=str(len(body)), **headers)
        self.send(body)
        self.answered_whole = True

    def wait_until_left(self, timeout: float = PATIENCE) -> bool:
        """Wait until the client has closed the connection; False if it has not in that time."""
        self.connection.settimeout(timeout)
        try:
            return self.connection.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


Handler = Callable[[Exchange], None]


class ReplayServer:
    """Plays a recording under ``/<version>/<name>/<pieces>``, and handlers under ``/at/<name>``."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.origin = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._handlers: dict[str, Handler] = {}
        self.requests: list[Request] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, identifier: str, pieces: Pieces = "own") -> str:
        """The base URL under which every request is answered with a recording."""
        return f"{self.origin}/{identifier}/{pieces}/v1"

    def handle(self, handler: Handler) -> str:
        """The base URL under which the handler answers every request."""
        name = f"h{len(self._handlers)}"
        self._handlers[name] = handler
        return f"{self.origin}/at/{name}/v1"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client left
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = connection.makefile("rb")
            while (request := _read_request(reader)) is not None:
                self.requests.append(request)
                first, second, rest = request.target.lstrip("/").split("/", 2)
                exchange = Exchange(connection, request)
                if first == "at":
                    self._handlers[second](exchange)
                    if not exchange.answered_whole:
                        return  # what was begun is broken off here
                    continue
                pieces = rest.split("/", 1)[0]
                if not _play(exchange, recording(f"{first}/{second}"), pieces):
                    return


def _read_request(reader: object) -> Request | None:
    line = reader.readline()  # type: ignore[attr-defined]
    if not line:
        return None
    method, target, _ = line.decode().split(" ", 2)
    headers: dict[str, str] = {}
    while line := reader.readline().strip():  # type: ignore[attr-defined]
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(reader.readline(), 16):  # type: ignore[attr-defined]
            body += reader.read(size)  # type: ignore[attr-defined]
            reader.readline()  # type: ignore[attr-defined]
        reader.readline()  # type: ignore[attr-defined]
    else:
        body = reader.read(int(headers.get("content-length", 0)))  # type: ignore[attr-defined]
    return Request(method, target, headers, body)


def _play(exchange: Exchange, played: Recording, pieces: str) -> bool:
    """Answer with a recording; False where the connection is to be closed."""
    head = [f"HTTP/1.1 {played.status} {played.reason}"]
    head += [
        f"{name}: {value}" for name, value in played.headers if name.lower() not in HOP_HEADERS
    ]
    if pieces == "whole":
        size = len(played.body) + played.is_cut  # a body that is cut lacks something
        head.append(f"Content-Length: {size}")
        exchange.send(("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + played.body)
        return not played.is_cut
    head.append("Transfer-Encoding: chunked")
    exchange.send(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))
    if pieces == "own":
        for chunk in filter(None, played.chunks):
            exchange.chunk(chunk)
    else:
        exchange.send(b"".join(b"1\r\n%c\r\n" % byte for byte in played.body))
    if played.is_cut:
        return False
    exchange.end_stream()
    return True


@contextmanager
def replay_server() -> Iterator[ReplayServer]:
    server = ReplayServer()
    try:
        yield server
    finally:
        server.close()
