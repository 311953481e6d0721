"""Bodies are bounded in size and depth."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

import pytest

from dify_workflow import (
    InvalidResponseError,
    ServerError,
    StreamDecodeError,
    StreamInterruptedError,
    UnreadableEvent,
)
from dify_workflow._http.failures import status_error
from support import events
from support.events import RUN
from support.replay import Exchange, ReplayServer
from support.worlds import World

# ------------------------------------------------------------------------------ sizes of answers


@cache
def bomb(size: int) -> bytes:
    """So many megabytes of zeros, compressed."""
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(size))
    return packed + packer.flush()


@contextmanager
def peak_below(megabytes: float) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("encoding", ["gzip, gzip", "gzip,gzip,gzip", "br", "zstd", "deflate, br"])
def test_a_body_in_several_or_strange_encodings_is_refused(
    encoding: str, status: int, both: World, server: ReplayServer
) -> None:
    body = gzip.compress(bomb(200), 1)
    url = server.handle(lambda exchange: exchange.whole(body, status, content_encoding=encoding))
    wanted = InvalidResponseError if status == 200 else ServerError
    with peak_below(20), pytest.raises(wanted):
        both.client(base_url=url, max_retries=0).info(RUN)


def test_a_compressed_error_page_is_read_a_piece_at_a_time(
    both: World, server: ReplayServer
) -> None:
    body = bomb(500)
    url = server.handle(lambda exchange: exchange.whole(body, 500, content_encoding="gzip"))
    with peak_below(20), pytest.raises(ServerError):
        both.client(base_url=url, max_retries=0).info(RUN)


def test_a_compressed_stream_is_counted_while_it_is_inflated(
    both: World, server: ReplayServer
) -> None:
    body = bomb(500)

    def handler(exchange: Exchange) -> None:
        exchange.head(
            content_type="text/event-stream", content_encoding="gzip", content_length=str(len(body))
        )
        exchange.send(body)

    client = both.client(
        base_url=server.handle(handler), check_inputs=False, max_event_bytes=4 * 1024 * 1024
    )
    with peak_below(30), pytest.raises(StreamDecodeError, match="larger than max_event_bytes"):
        client.run_workflow({})


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_is_not_longer_than_it_may_be(
    both: World, server: ReplayServer, *, packed: bool
) -> None:
    def handler(exchange: Exchange) -> None:
        head = {"content_encoding": "gzip"} if packed else {}
        exchange.head(content_type="application/json", transfer_encoding="chunked", **head)
        packer = zlib.compressobj(9, wbits=31)
        with suppress(OSError):
            while True:
                piece = b" " * 1024 * 1024
                exchange.chunk(packer.compress(piece) + packer.flush(2) if packed else piece)

    client = both.client(base_url=server.handle(handler), max_answer_bytes=3_000_000, max_retries=0)
    with peak_below(30), pytest.raises(InvalidResponseError, match=r"longer than max_answer_bytes"):
        client.info(RUN)


def test_compressed_answers_and_streams_are_read(both: World, server: ReplayServer) -> None:
    detail = {"id": RUN, "status": "succeeded", "inputs": "{}", "outputs": {"a": "☃" * 5000}}

    def handler(exchange: Exchange) -> None:
        if exchange.request.method == "GET":
            body = gzip.compress(json.dumps(detail).encode())
            exchange.whole(body, content_encoding="gzip")
            return
        head = {"content_type": "text/event-stream", "transfer_encoding": "chunked"}
        exchange.head(content_encoding="gzip", **head)
        packer = zlib.compressobj(wbits=31)
        for event in (events.started(), events.text("a"), events.finished()):
            exchange.chunk(packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH))
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    assert client.info(RUN).outputs == detail["outputs"]
    assert client.run_workflow({}).status == "succeeded"


def test_a_damaged_compressed_stream_is_a_broken_one(both: World, server: ReplayServer) -> None:
    def handler(exchange: Exchange) -> None:
        head = {"content_type": "text/event-stream", "transfer_encoding": "chunked"}
        exchange.head(content_encoding="gzip", **head)
        packer = zlib.compressobj(wbits=31)
        exchange.chunk(packer.compress(events.started()) + packer.flush(zlib.Z_SYNC_FLUSH))
        exchange.chunk(b"\xff" * 100)
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False, recover=False)
    with pytest.raises(StreamInterruptedError, match="the compressed body is damaged"):
        client.run_workflow({})


def test_json_that_is_nested_deeply_is_an_error_or_an_event_that_cannot_be_read(
    both: World, server: ReplayServer
) -> None:
    deep = "[" * 1000 + "]" * 1000
    detail = (
        f'{{"id": "{RUN}", "status": "succeeded", "inputs": "{{}}", "outputs": {{"a": {deep}}}}}'
    )

    def handler(exchange: Exchange) -> None:
        if exchange.request.method == "GET":
            exchange.whole(detail.encode())
            return
        exchange.start_stream()
        exchange.chunk(events.started())
        exchange.chunk(events.text("x").replace(b'"x"', deep.encode()))
        exchange.chunk(events.node_finished("a", "@").replace(b'"@"', deep.encode()))
        exchange.chunk(events.finished())
        exchange.end_stream()

    client = both.client(base_url=server.handle(handler), check_inputs=False)
    with pytest.raises(InvalidResponseError, match="nested too deeply") as caught:
        client.info(RUN)
    assert repr(caught.value)
    with client.run_workflow_stream({}) as stream:
        told = list(stream)
    assert [type(event) for event in told].count(UnreadableEvent) >= 1
    assert all(repr(event) for event in told)


# --------------------------------------------------------------------- time over server texts


def seconds_for(work: Callable[[str], object], text: str) -> float:
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        work(text)
        best = min(best, time.process_time() - began)
    return max(best, 1e-4)


TEXTS = {
    "a pydantic error of spaces": lambda n: json.dumps(
        {"code": "invalid_param", "message": "1 validation error" + " " * n}
    ),
    "a pydantic error of types": lambda n: json.dumps(
        {"code": "invalid_param", "message": "1 validation error\na\n  b" + " [type=" * n}
    ),
    "titles that never end": lambda n: "<title" * n,
    "a title that never ends": lambda n: "<title>" + " " * n,
    "the concurrency limit": lambda n: json.dumps(
        {"message": "Too many requests." + " concurrent requests allowed" * n}
    ),
    "brackets": lambda n: "[" * n,
    "escaped quotes": lambda n: '{"a": "' + '\\"' * n,
    "quotes": lambda n: '"' * n,
    "spaces": lambda n: " " * n,
    "line ends": lambda n: "\n" * n,
}


@pytest.mark.parametrize("name", TEXTS)
def test_an_error_body_takes_time_in_proportion_to_its_length(name: str) -> None:
    def read(text: str) -> object:
        for status in (400, 502):
            error = status_error("run", status, {}, text)
            assert str(error)
            getattr(error, "limit", None)
        return None

    few, many = TEXTS[name](20_000), TEXTS[name](40_000)
    assert seconds_for(read, many) < 3 * seconds_for(read, few) + 0.02
    assert seconds_for(read, TEXTS[name](200_000)) < 2
