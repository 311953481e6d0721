"""A server that speaks HTTP/2, without TLS."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, StreamEnded

from support import events


class _Connection:
    """Answers runs by the ``kind`` among their inputs.

    ``refused`` is, ``error`` reports one, ``silent`` begins and ``mute`` is not even answered;
    ``slow`` begins, and a stop of any task ends it. Each answer sends the key back in a header.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._h2 = H2Connection(H2Configuration(client_side=False))
        self._h2.initiate_connection()
        self._paths: dict[int, str] = {}
        self._bodies: dict[int, bytes] = {}
        self._keys: dict[int, bytes] = {}
        self._slow = 0

    def serve(self) -> None:
        with self._socket, suppress(OSError):
            self._socket.sendall(self._h2.data_to_send())
            while data := self._socket.recv(65_536):
                for event in self._h2.receive_data(data):
                    if isinstance(event, RequestReceived):
                        headers = dict(event.headers)
                        self._paths[event.stream_id] = headers[b":path"].decode()
                        self._keys[event.stream_id] = headers[b"authorization"]
                        self._bodies[event.stream_id] = b""
                    elif isinstance(event, DataReceived):
                        self._bodies[event.stream_id] += event.data
                    elif isinstance(event, StreamEnded):
                        self._answer(event.stream_id)
                self._socket.sendall(self._h2.data_to_send())

    def _answer(self, stream: int) -> None:
        body = json.loads(self._bodies[stream])
        kind = body.get("inputs", {}).get("kind")
        if self._paths[stream].endswith("/stop"):
            self._whole(stream, 200, {"result": "success"})
            self._h2.send_data(self._slow, events.finished(), end_stream=True)
        elif kind == "refused":
            self._whole(stream, 400, {"code": "invalid_param", "message": "refused"})
        elif kind == "error":
            self._head(stream, 200, "text/event-stream")
            error = events.error(message="no luck")
            self._h2.send_data(stream, error)
        elif kind != "mute":
            self._head(stream, 200, "text/event-stream")
            self._h2.send_data(stream, events.started())
            self._slow = stream if kind == "slow" else self._slow

    def _head(self, stream: int, status: int, content_type: str) -> None:
        headers = [(":status", str(status)), ("content-type", content_type)]
        headers.append(("x-seen", self._keys[stream].decode()))
        self._h2.send_headers(stream, headers)

    def _whole(self, stream: int, status: int, body: dict[str, str]) -> None:
        self._head(stream, status, "application/json")
        self._h2.send_data(stream, json.dumps(body).encode(), end_stream=True)


class _Relay:
    """Hands requests on to another server, and sends GOAWAY in the midst of the first run.

    Args:
        connected: The client's connection.
        server: Base URL of the other server, without ``/v1``.
        events: Events of the run that are handed on before; None for all.
    """

    def __init__(self, connected: socket.socket, server: str, events: int | None) -> None:
        self._socket = connected
        self._server = server
        self._events = events
        self._h2 = H2Connection(H2Configuration(client_side=False))
        self._lock = threading.Lock()
        self._requests: dict[int, tuple[dict[bytes, bytes], bytearray]] = {}

    def serve(self) -> None:
        with self._socket, suppress(OSError):
            self._send(self._h2.initiate_connection)
            while data := self._socket.recv(65_536):
                for event in self._take(data):
                    if isinstance(event, RequestReceived):
                        self._requests[event.stream_id] = dict(event.headers), bytearray()
                    elif isinstance(event, DataReceived):
                        self._requests[event.stream_id][1].extend(event.data)
                    elif isinstance(event, StreamEnded):
                        stream = event.stream_id
                        threading.Thread(target=self._relay, args=[stream], daemon=True).start()
                self._send(lambda: None)

    def _take(self, data: bytes) -> list[Event]:
        with self._lock:
            return self._h2.receive_data(data)

    def _send(self, frames: Callable[[], object]) -> None:
        with self._lock:
            frames()
            self._socket.sendall(self._h2.data_to_send())

    def _relay(self, stream: int) -> None:
        head, body = self._requests[stream]
        method, path = head[b":method"].decode(), head[b":path"].decode()
        headers = {
            name: head[name.encode()].decode()
            for name in ("authorization", "content-type", "accept")
            if name.encode() in head
        }
        with (
            suppress(OSError),
            httpx.stream(
                method, self._server + path, headers=headers, content=bytes(body), trust_env=False
            ) as answer,
        ):
            wanted = ("content-type", "x-version")
            sent = [(name, answer.headers[name]) for name in wanted if name in answer.headers]
            self._send(
                lambda: self._h2.send_headers(stream, [(":status", str(answer.status_code)), *sent])
            )
            for number, piece in enumerate(answer.iter_raw(), 1):
                self._send(lambda piece=piece: self._h2.send_data(stream, piece))  # type: ignore[misc]  # bound now
                if number == self._events and path.endswith("/run"):
                    self._send(self._h2.close_connection)
                    self._socket.shutdown(socket.SHUT_RDWR)
                    return
            self._send(lambda: self._h2.end_stream(stream))


@contextmanager
def http2_relay(server: str, *, events: int) -> Iterator[str]:
    """The base URL of a proxy that sends GOAWAY after so many pieces of the first run's stream."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                for most in (events, *[None] * 100):
                    connected, _ = listener.accept()
                    relay = _Relay(connected, server, most)
                    threading.Thread(target=relay.serve, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@contextmanager
def http2_server() -> Iterator[str]:
    """The base URL of a running server, which takes one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            connected, _ = listener.accept()
            _Connection(connected).serve()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
