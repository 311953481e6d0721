"""Chunks that arrive together are read together, with the same result as with h11's reader."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import h11
import httpx
import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dify_workflow._http.bulk_chunks import hand_on_all_chunks
from support.replay import Exchange, ReplayServer
from support.worlds import World

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
RUN = "6f0c4d0f-4c2b-4b4e-9d0f-7d8f2f1c1a11"


def response_over(connection: h11.Connection) -> Any:
    """A response of httpx, as far as the way from it to h11 goes."""
    inner = SimpleNamespace(_connection=SimpleNamespace(_h11_state=connection))
    outer = SimpleNamespace(_httpcore_stream=SimpleNamespace(_stream=inner))
    return SimpleNamespace(stream=SimpleNamespace(_stream=outer))


def answered() -> h11.Connection:
    """A connection whose server has answered with the head of a chunked body."""
    connection = h11.Connection(our_role=h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(HEAD)
    assert isinstance(connection.next_event(), h11.Response)
    return connection


def told(connection: h11.Connection, pieces: list[bytes]) -> list[object]:
    """What a connection makes of these pieces and the end behind them: body, end, error, rest."""
    body = bytearray()
    found: list[object] = []
    try:
        for piece in [*pieces, b""]:
            connection.receive_data(piece)
            while (event := connection.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Data):
                    assert event.data, "no empty piece, which would pass for the end"
                    body += event.data
                    continue
                found.append(event if event is h11.PAUSED else repr(event))
                break
            found.append(bytes(body))
    except h11.RemoteProtocolError as error:
        found.append(f"{error} ({error.error_status_hint})")
    return [bytes(body), *found[-2:], connection.trailing_data, connection.states]


def chunk(content: bytes, size: str = "{:x}", end: bytes = b"\r\n") -> bytes:
    return size.format(len(content)).encode() + b"\r\n" + content + end


sizes = st.sampled_from(
    [
        *("{:x}", "{:x}", "{:x}", "{:X}", "{:04x}", "{:021x}", "{:x};a=b", "{:x} ", " {:x}"),
        *("+{:x}", "0x{:x}", "{:x}_", "-{:x}", "", "{:x}\r", "{:x}\n"),
    ]
)
ends = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"", b"\r\r", b"x\r\n", b"\r\n\r\n"])
chunks = st.builds(chunk, st.binary(max_size=40), sizes, ends)
trailers = st.sampled_from(
    [b"0\r\n\r\n", b"0\r\nx: y\r\n\r\n", b"00\r\n\r\n", b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", b""]
)
bodies = st.one_of(
    st.builds(lambda parts, end: b"".join(parts) + end, st.lists(chunks, max_size=8), trailers),
    st.binary(max_size=200),
    st.text("0123456789abcdefABCDEF;\r\n \t=x", max_size=60).map(str.encode),
)


@given(bodies, st.lists(st.integers(0, 400), max_size=8))
@example(chunk(b"a") + chunk(b"b") + b"0\r\n\r\n", [])
@example(chunk(b"a") + chunk(b"b", end=b"\rx"), [])
@example(chunk(b"a") + b"5\r\nab", [7])
@example(chunk(b"x" * 20) * 4 + b"0\r\nx: y\r\n\r\n", [1, 2, 3, 30, 31, 53])
def test_any_bytes_in_any_pieces_are_read_as_h11_reads_them(body: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(places) if start < end]
    ours = answered()
    assert hand_on_all_chunks(response_over(ours))
    assert told(ours, pieces) == told(answered(), pieces)


def test_the_chunks_before_a_broken_one_are_read_and_then_it_is_an_error() -> None:
    connection = answered()
    hand_on_all_chunks(response_over(connection))
    connection.receive_data(chunk(b"one") + chunk(b"two") + b"no size\r\n")
    event = connection.next_event()
    assert isinstance(event, h11.Data)
    assert event.data == b"onetwo"
    with pytest.raises(h11.RemoteProtocolError, match="illegal chunk header"):
        connection.next_event()


@pytest.mark.parametrize("cut", range(1, 9))
def test_after_a_chunk_that_came_in_parts_all_others_are_read_together(cut: int) -> None:
    connection = answered()
    hand_on_all_chunks(response_over(connection))
    first = chunk(b"one")
    pieces: list[bytes] = []
    for arrived in (first[:cut], first[cut:] + chunk(b"two") + chunk(b"three") + chunk(b"four")):
        connection.receive_data(arrived)
        while isinstance(event := connection.next_event(), h11.Data):
            pieces.append(bytes(event.data))
    assert pieces[-1].endswith(b"twothreefour")
    assert b"".join(pieces) == b"onetwothreefour"


@pytest.mark.parametrize("package", [None, httpx, httpx2], ids=["own", "httpx", "httpx2"])
def test_chunks_that_arrive_together_are_read_together_with_the_pinned_versions(
    both: World, server: ReplayServer, package: Any
) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.start_stream("image/png")
        exchange.send(chunk(b"abc") + chunk(b"def") + chunk(b"ghi"))
        exchange.end_stream()

    own = None if package is None else both.http_client(package.__name__)
    client = both.client(base_url=server.handle(handler), http_client=own)
    with client.file_preview(RUN) as media:
        assert next(media) == b"abcdefghi"


@pytest.mark.parametrize("missing", ["_h11_state", "_reader", "_receive_buffer"])
def test_where_a_private_name_is_missing_the_reader_of_h11_stays(missing: str) -> None:
    connection = answered()
    response = response_over(connection)
    reader = connection._reader
    if missing == "_h11_state":
        del response.stream._stream._httpcore_stream._stream._connection._h11_state
    else:
        delattr(connection, missing)
    assert not hand_on_all_chunks(response)
    if missing != "_reader":
        assert connection._reader is reader


def test_a_body_with_a_length_is_left_to_h11() -> None:
    connection = h11.Connection(our_role=h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    connection.next_event()
    reader = connection._reader
    assert not hand_on_all_chunks(response_over(connection))
    assert connection._reader is reader
