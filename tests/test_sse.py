"""The decoder of server-sent events follows the WHATWG rules for any split of the bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_workflow._streams.decoder import EventTooLargeError, Message, SSEDecoder


def message(data: bytes | None, name: str = "") -> Message:
    return data, name


def decoded(*chunks: bytes, most: int = 1024) -> list[Message]:
    decoder = SSEDecoder(most)
    return [each for chunk in chunks for each in fed(decoder, chunk)]


def fed(decoder: SSEDecoder, chunk: bytes) -> Iterator[Message]:
    """The messages of a chunk, those before an error first."""
    for data, event in decoder.feed(chunk):
        yield data.encode() if isinstance(data, str) else data and bytes(data), event


def byte_by_byte(stream: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in stream]


CASES: dict[str, tuple[bytes, list[Message]]] = {
    "one data line": (b"data: a\n\n", [message(b"a")]),
    "LF ends lines": (b"data: a\ndata: b\n\n", [message(b"a\nb")]),
    "CR ends lines": (b"data: a\rdata: b\r\r", [message(b"a\nb")]),
    "CRLF ends lines": (b"data: a\r\ndata: b\r\n\r\n", [message(b"a\nb")]),
    "line ends may be mixed": (b"data: a\r\n\ndata: b\r\r\n", [message(b"a"), message(b"b")]),
    "no space after the colon": (b"data:a\n\n", [message(b"a")]),
    "only one space is dropped": (b"data:  a\n\n", [message(b" a")]),
    "a field without a colon is empty": (b"data\n\n", [message(b"")]),
    "an empty data line is data": (b"data:\n\n", [message(b"")]),
    "two empty data lines are a line end": (b"data\ndata\n\n", [message(b"\n")]),
    "comments are nothing": (b": hi\n\n:\n\ndata: a\n: hi\n\n", [message(b"a")]),
    "an event without data, as Dify pings": (b"event: ping\n\n", [message(None, "ping")]),
    "an event with data": (b"event: x\ndata: a\n\n", [message(b"a", "x")]),
    "the last event field counts": (b"event: x\nevent: y\ndata: a\n\n", [message(b"a", "y")]),
    "unknown fields and retry are nothing": (b"foo: 1\nretry: 5\n\ndata: a\n\n", [message(b"a")]),
    "an id alone is nothing": (b"id: 7\n\ndata: a\n\n", [message(b"a")]),
    "a byte order mark at the start": (b"\xef\xbb\xbfdata: a\n\n", [message(b"a")]),
    "one later is text": (b"data: \xef\xbb\xbfa\n\n", [message(b"\xef\xbb\xbfa")]),
    "two at the start leave one": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
    "half a byte order mark is text": (b"\xef\xbbdata: a\n\n", []),
    "the unfinished end is dropped": (b"data: a\n\ndata: b\n", [message(b"a")]),
    "empty lines are nothing": (b"\n\n\n\r\n\rdata: a\n\n\n\n", [message(b"a")]),
    "U+2028, U+2029 and U+0085 are text": (
        "data: a\u2028b\u2029c\u0085d\n\n".encode(),
        [message("a\u2028b\u2029c\u0085d".encode())],
    ),
    "other separators of str.splitlines are text": (
        b"data: a\x0bb\x0cc\x1cd\x1de\x1ef\n\n",
        [message(b"a\x0bb\x0cc\x1cd\x1de\x1ef")],
    ),
    "names are case-sensitive": (b"Data: a\n\ndata: b\n\n", [message(b"b")]),
    "colons in values stay": (b"data: a: b\n\n", [message(b"a: b")]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize("name", CASES)
def test_table_in_one_piece_and_byte_by_byte(name: str) -> None:
    stream, messages = CASES[name]
    assert decoded(stream) == messages
    assert decoded(*byte_by_byte(stream)) == messages


@pytest.mark.parametrize("name", CASES)
def test_table_cut_in_two_at_every_place(name: str) -> None:
    stream, messages = CASES[name]
    for place in range(len(stream) + 1):
        assert decoded(stream[:place], stream[place:]) == messages


def test_the_last_id_is_remembered_and_one_with_a_zero_byte_is_not() -> None:
    decoder = SSEDecoder()
    list(fed(decoder, b"id: 7\ndata: a\n\nid: 8\n\nid: 9\0\n\n"))
    assert decoder.last_event_id == "8"


def test_what_came_after_the_last_empty_line_can_be_seen() -> None:
    decoder = SSEDecoder()
    list(fed(decoder, b"data: a\n\nda"))
    list(fed(decoder, b"ta: b"))
    assert decoder.unfinished == b"data: b"


def test_an_event_of_the_largest_size_is_taken() -> None:
    assert decoded(b"data: " + b"x" * 10 + b"\n\n", most=16) == [message(b"x" * 10)]


def test_a_larger_event_is_an_error_and_the_events_before_it_come_first() -> None:
    decoder = SSEDecoder(16)
    got: list[Message] = []
    with pytest.raises(EventTooLargeError, match=r"larger than max_event_bytes \(16 bytes\)"):
        got.extend(fed(decoder, b"data: a\n\ndata: " + b"x" * 11 + b"\n\n"))
    assert got == [message(b"a")]


def test_an_event_that_never_ends_is_an_error_as_soon_as_it_is_too_large() -> None:
    decoder = SSEDecoder(100)
    count = 0
    with pytest.raises(EventTooLargeError):
        for count in range(1, 1000):  # noqa: B007  # read below
            list(fed(decoder, b"x" * 10))
    assert count == 11


def test_a_large_event_in_small_pieces_takes_time_in_proportion_to_its_size() -> None:
    """Adding it up piece by piece would copy 2 GB here, which takes longer than the test may."""
    piece = b"x" * 1000
    stream = [b"data: ", *[piece] * 20_000, b"\n\n"]
    assert decoded(*stream, most=64_000_000) == [message(piece * 20_000)]


# ------------------------------------------------------------------------------- properties


def reference(stream: bytes) -> list[Message]:
    """The standard's own algorithm over the whole stream, as plainly as it can be written."""
    messages: list[Message] = []
    data: list[bytes] = []
    event = b""
    for line in re.split(rb"\r\n|\r|\n", stream.removeprefix(b"\xef\xbb\xbf"))[:-1]:
        if not line:
            if data or event:
                joined = b"\n".join(data) if data else None
                messages.append(message(joined, event.decode("utf-8", "replace")))
            data, event = [], b""
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            event = value
    return messages


TOKENS = st.sampled_from(
    [
        *(b"\n", b"\r", b"\r\n", b"\n\n", b"data: x", b"data:", b"data", b"event: ping", b": c"),
        *(b"id: 3", b"\xef\xbb\xbf", b"\xef", b"a", b":", b" ", "☃\u2028".encode(), b"\xe2\x80"),
    ]
)
STREAMS = st.lists(TOKENS, max_size=20).map(b"".join) | st.binary(max_size=60)


@settings(max_examples=500)
@given(STREAMS, st.lists(st.integers(0, 100), max_size=10))
def test_any_cutting_of_any_stream_gives_what_the_standard_gives(
    stream: bytes, places: list[int]
) -> None:
    assert decoded(*cut(stream, places)) == reference(stream)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """A stream in pieces."""
    cuts = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[start:end] for start, end in pairwise(cuts)]


@settings(max_examples=500)
@given(STREAMS, st.integers(1, 30))
def test_where_an_event_is_too_large_the_same_events_come_before_it_however_it_is_cut(
    stream: bytes, most: int
) -> None:
    def until_error(chunks: list[bytes]) -> tuple[list[Message], bool]:
        decoder, got = SSEDecoder(most), list[Message]()
        try:
            for chunk in chunks:
                got.extend(fed(decoder, chunk))
        except EventTooLargeError:
            return got, True
        return got, False

    assert until_error([stream]) == until_error(byte_by_byte(stream))
