"""The scenes of the server, ready to send: the bytes of runs as Dify 1.16.1 sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TypeAlias

from .cases import LIVE_RATE

Scene: TypeAlias = Sequence[bytes | float]
"""Bytes to send, and seconds to wait between them."""

RUN_ID = "57455633-bab6-4ea6-b8d6-850b5ae09145"
_IDS = {"workflow_run_id": RUN_ID, "task_id": "44a56c70-faea-4439-965c-f26b48543bbd"}
_WORKFLOW_ID = "1d125d19-4858-423b-8793-e99745181f8f"

WORD_SIZE = 300
"""Bytes of a text chunk as an event, without HTTP."""

NODE_SIZE = 4_700
"""Bytes of a finished node as an event, without HTTP."""

_BLOCK_SIZE = 65_536
_EVENTS_AT_ONCE = 10_000
"""Number of events that are sent repeatedly from the same memory."""

_HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nConnection: keep-alive\r\n"
    b"X-Version: 1.16.1\r\nX-Env: PRODUCTION\r\nVary: Cookie\r\n"
)
_STREAM_HEAD = (
    _HEAD + b"Transfer-Encoding: chunked\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n"
)
_STREAM_END = b"0\r\n\r\n"


@cache
def scene(name: str) -> Scene:
    """Return the scene of this name.

    Args:
        name: Type and amount, such as ``"words/100000"``. ``words`` and ``nodes`` are events in one
            HTTP chunk each. ``blocks`` are the words in chunks of 64 kB. ``large`` is one event of
            that many bytes. ``slow`` is a run of that many milliseconds. ``live`` are the words at
            50 a second. ``open`` is a run that is silent for that many milliseconds after its
            first event.

    Raises:
        KeyError: There is no such scene.
    """
    kind, _, amount = name.partition("/")
    return list(_SCENES[kind](int(amount)))


def document(body: Any) -> Scene:
    """Return a JSON answer."""
    content = json.dumps(body).encode()
    length = b"Content-Length: %d\r\n" % len(content)
    return [
        _HEAD + b"Content-Type: application/json; charset=utf-8\r\n" + length + b"\r\n" + content
    ]


def word(size: int = WORD_SIZE) -> bytes:
    """Return a text chunk of this size."""

    def made(text: str) -> bytes:
        return _event("text_chunk", {"text": text, "from_variable_selector": ["llm", "text"]})

    return made("x" * (size - len(made(""))))


def node(size: int = NODE_SIZE) -> bytes:
    """Return a finished node of this size."""

    def made(text: str) -> bytes:
        return _event("node_finished", _node_finished(text))

    return made("x" * (size - len(made(""))))


def started() -> bytes:
    """Return the first event of a run."""
    ids = {"id": RUN_ID, "workflow_id": _WORKFLOW_ID}
    inputs = {"topic": "Budget"}
    return _event(
        "workflow_started", {**ids, "inputs": inputs, "created_at": 1795348574, "reason": "initial"}
    )


def finished() -> bytes:
    """Return the last event of a run."""
    return _event(
        "workflow_finished",
        {**_outcome(), "created_by": {}, "exceptions_count": 0, "files": []},
    )


def run_detail() -> dict[str, Any]:
    """Return the answer to GET /workflows/run/{workflow_run_id}."""
    return {**_outcome(), "inputs": json.dumps({"topic": "Budget", "sys.files": []})}


def blocking_run() -> dict[str, Any]:
    """Return the answer to POST /workflows/run in blocking mode."""
    return {**_IDS, "data": _outcome()}


def _live(count: int) -> Iterator[bytes | float]:
    yield _STREAM_HEAD + _chunk(started())
    text = _chunk(word())
    for _ in range(count):
        yield 1 / LIVE_RATE
        yield text
    yield _chunk(finished()) + _STREAM_END


def _open(milliseconds: int) -> Iterator[bytes | float]:
    yield _STREAM_HEAD + _chunk(started())
    yield milliseconds / 1000
    yield _chunk(finished()) + _STREAM_END


def _words(count: int) -> Iterator[bytes]:
    return _stream_of(_chunk(word()), count)


def _nodes(count: int) -> Iterator[bytes]:
    return _stream_of(_chunk(node()), count)


def _stream_of(chunk: bytes, count: int) -> Iterator[bytes]:
    yield _STREAM_HEAD + _chunk(started())
    full, rest = divmod(count, _EVENTS_AT_ONCE)
    if full:
        yield from [chunk * _EVENTS_AT_ONCE] * full
    yield chunk * rest + _chunk(finished()) + _STREAM_END


def _blocks(count: int) -> Iterator[bytes]:
    body = started() + word() * count + finished()
    pieces = (body[at : at + _BLOCK_SIZE] for at in range(0, len(body), _BLOCK_SIZE))
    yield _STREAM_HEAD + b"".join(map(_chunk, pieces)) + _STREAM_END


def _large(size: int) -> Iterator[bytes]:
    yield _STREAM_HEAD + _chunk(started())
    yield _chunk(node(size))
    yield _chunk(finished()) + _STREAM_END


def _slow(milliseconds: int) -> Iterator[bytes | float]:
    yield _STREAM_HEAD + _chunk(started())
    for _ in range(10):
        yield milliseconds / 10_000
        yield _chunk(word())
    yield _chunk(finished()) + _STREAM_END


_SCENES = {
    "words": _words,
    "nodes": _nodes,
    "blocks": _blocks,
    "large": _large,
    "slow": _slow,
    "live": _live,
    "open": _open,
}


def _event(name: str, data: dict[str, Any]) -> bytes:
    body = {"event": name, **_IDS, "data": data}
    return b"data: %b\n\n" % json.dumps(body, separators=(",", ":")).encode()


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def _outcome() -> dict[str, Any]:
    return {
        "id": RUN_ID,
        "workflow_id": _WORKFLOW_ID,
        "status": "succeeded",
        "outputs": {"result": "approved: ok", "comment": "ok"},
        "error": None,
        "elapsed_time": 0.201154,
        "total_tokens": 0,
        "total_steps": 5,
        "created_at": 1795348574,
        "finished_at": 1795348576,
    }


def _node_finished(text: str) -> dict[str, Any]:
    return {
        "id": "0f1d1e2a-a0a0-4316-9c11-48d5a534743f",
        "node_id": "llm",
        "node_type": "llm",
        "title": "LLM",
        "index": 2,
        "predecessor_node_id": "start",
        "inputs": {"topic": "Budget"},
        "inputs_truncated": False,
        "process_data": {"model_mode": "chat", "usage": {"total_tokens": 128, "latency": 1.25}},
        "process_data_truncated": False,
        "outputs": {"text": text, "finish_reason": "stop"},
        "outputs_truncated": False,
        "status": "succeeded",
        "error": None,
        "elapsed_time": 1.254197,
        "execution_metadata": {"total_tokens": 128, "total_price": "0.0003", "currency": "USD"},
        "created_at": 1795348565,
        "finished_at": 1795348566,
        "files": [],
        "iteration_id": None,
        "loop_id": None,
    }
