"""A server that plays scenes, with almost no CPU time of its own.

A thread for each connection passes prepared bytes to the kernel. The ``user`` of a run is the name
of the scene. The server exits when its standard input ends.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from .scenes import RUN_ID, Scene, blocking_run, document, run_detail, scene

_ANSWERS = {
    f"/v1/workflows/run/{RUN_ID}": document(run_detail()),
    "/v1/parameters": document({"user_input_form": []}),
}
_BLOCKING = document(blocking_run())


@contextmanager
def server() -> Generator[str]:
    """Start a server in its own process, and yield its base URL."""
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        assert it.stdin is not None
        assert it.stdout is not None
        try:
            yield it.stdout.readline().strip()
        finally:
            it.stdin.close()


def prepare(base_url: str, name: str) -> None:
    """Let the server make and keep the bytes of a scene."""
    address = base_url.removeprefix("http://").removesuffix("/v1")
    host, _, port = address.partition(":")
    body = json.dumps({"user": name}).encode()
    head = f"POST /v1/workflows/run HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head + body)
        connection.recv(1)


def main() -> None:
    """Serve until standard input ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
    sys.stdin.read()


def _accept(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    with suppress(OSError), connection, connection.makefile("rb") as requests:
        while (answer := _answer(requests)) is not None:
            for part in answer:
                if isinstance(part, bytes):
                    connection.sendall(part)
                else:
                    time.sleep(part)


def _answer(requests: BinaryIO) -> Scene | None:
    """Return the answer to the next request; None if there is none."""
    target = requests.readline().split(b" ")
    if len(target) < 2:  # noqa: PLR2004  # a method and a path
        return None
    length = 0
    while (line := requests.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if target[0] == b"GET":
        return _ANSWERS[target[1].decode().partition("?")[0]]
    body = json.loads(requests.read(length))
    if body.get("response_mode") == "blocking":
        return _BLOCKING
    return scene(body["user"])


if __name__ == "__main__":
    main()
