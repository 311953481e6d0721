"""A proxy on loopback that records the exchanges between a client and the server.

A client uses ``http://127.0.0.1:<port>/<app>/<name>/v1`` as its base URL. The first two parts are
the name of the app and the name of the recording; the rest is sent to the server. Bytes of the
answer are passed on as they arrive, so that a stream remains a stream.
"""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import h11

from ._exchange import Exchange, recording

_SIZE = 65536

_GRACE = 5.0
"""Seconds for which the proxy reads an answer after the client disconnected. Clients disconnect at
the event that ends the run, and servers close the stream a second later."""


class Proxy(socketserver.ThreadingTCPServer):
    """Sends requests to a server, and writes each exchange into a folder for its version.

    Args:
        server: Scheme, host and port of the server, such as ``http://127.0.0.1:5001``.
        folder: Folder with the folders of the versions.
        port: Port on loopback; 0 for any that is free.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, server: str, folder: Path, port: int = 0) -> None:
        self.upstream = urlsplit(server)
        self.folder = folder
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def origin(self) -> str:
        """Its address for clients."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def connect(self) -> socket.socket:
        """Open a connection to the server."""
        host, scheme = self.upstream.hostname or "", self.upstream.scheme
        port = self.upstream.port or (443 if scheme == "https" else 80)
        connection = socket.create_connection((host, port), timeout=600)
        if scheme == "https":
            return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
        return connection

    def keep(self, exchange: Exchange) -> None:
        """Write an exchange; a name that exists gets a number."""
        folder = self.folder / (exchange.answer_header(b"x-version") or "unknown")
        folder.mkdir(parents=True, exist_ok=True)
        path, number = folder / f"{exchange.name}.json", 1
        while path.exists():
            number += 1
            path = folder / f"{exchange.name}_{number}.json"
        exchange.name = path.stem
        text = json.dumps(recording(exchange), indent=1, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")
        print(f"{exchange.method} {exchange.target}: {path}", flush=True)


class _Handler(socketserver.BaseRequestHandler):
    """A connection of a client."""

    server: Proxy
    request: socket.socket

    def handle(self) -> None:
        """Answer requests until the client or the server closes the connection."""
        rest, is_open = b"", True
        with suppress(OSError, h11.RemoteProtocolError):  # the client or the server disconnected
            while is_open:
                connection = h11.Connection(h11.SERVER)
                if rest:  # an empty piece would mean the end of the connection
                    connection.receive_data(rest)
                exchange = self._read(connection)
                if exchange is None:
                    return
                is_open = self._pass_on(exchange)
                rest = connection.trailing_data[0]

    def _read(self, connection: h11.Connection) -> Exchange | None:
        """Read the next request; None if there is none."""
        exchange: Exchange | None = None
        while True:
            for event in _ready(connection):
                if isinstance(event, h11.Request):
                    _, app, name, target = event.target.decode("latin-1").split("/", 3)
                    headers = event.headers.raw_items()
                    exchange = Exchange(app, name, event.method.decode(), f"/{target}", headers)
                elif isinstance(event, h11.Data) and exchange is not None:
                    exchange.body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    return exchange
            data = self.request.recv(_SIZE)
            if not data:
                return None
            connection.receive_data(data)

    def _pass_on(self, exchange: Exchange) -> bool:
        """Pass on a request and its answer, record both, and return whether another may follow.

        The recording is written before the client has the whole answer, so the client finds it.
        """
        upstream = h11.Connection(h11.CLIENT)
        with self.server.connect() as server:
            server.sendall(self._request(upstream, exchange))
            try:
                for piece in _answer(upstream, server, exchange):
                    if exchange.is_whole:
                        self.server.keep(exchange)
                    if not self._give(piece):
                        server.settimeout(_GRACE)
            finally:
                if not exchange.is_whole:
                    self.server.keep(exchange)
        return upstream.their_state is h11.DONE

    def _give(self, piece: bytes) -> bool:
        """Pass on a piece; return False if the client has disconnected."""
        try:
            self.request.sendall(piece)
        except OSError:
            return False
        return True

    def _request(self, upstream: h11.Connection, exchange: Exchange) -> bytes:
        host = self.server.upstream.netloc.encode()
        headers = [(k, host if k.lower() == b"host" else v) for k, v in exchange.headers]
        head = h11.Request(method=exchange.method, target=exchange.target, headers=headers)
        data = upstream.send(head) or b""
        if exchange.body:
            data += upstream.send(h11.Data(data=exchange.body)) or b""
        return data + (upstream.send(h11.EndOfMessage()) or b"")


def _answer(upstream: h11.Connection, server: socket.socket, exchange: Exchange) -> Iterator[bytes]:
    """Yield the answer as it arrives. The exchange has each piece before it is yielded."""
    sent = time.perf_counter()
    while not exchange.is_whole:
        data = server.recv(_SIZE)
        if data:
            exchange.arrivals.append((time.perf_counter() - sent, len(data)))
        upstream.receive_data(data)
        for event in _ready(upstream):
            _note(event, exchange)
        yield data


def _ready(connection: h11.Connection) -> Iterator[h11.Event]:
    """Return what can be read of the bytes that have arrived."""
    while isinstance(event := connection.next_event(), h11.Event):
        if isinstance(event, h11.ConnectionClosed):
            return
        yield event
        if isinstance(event, h11.EndOfMessage):
            return


def _note(event: h11.Event, exchange: Exchange) -> None:
    """Record a part of an answer."""
    if isinstance(event, h11.Response):
        exchange.status, exchange.reason = event.status_code, event.reason.decode("latin-1")
        exchange.answer_headers = event.headers.raw_items()
    elif isinstance(event, h11.Data):
        is_chunked = bool(exchange.answer_header(b"transfer-encoding"))
        if not exchange.chunks or (is_chunked and event.chunk_start):
            exchange.chunks.append(b"")
        exchange.chunks[-1] += event.data
    elif isinstance(event, h11.EndOfMessage):
        exchange.is_whole = True
