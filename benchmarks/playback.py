"""The client on bytes in memory: the cost of a stream without its transport."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import httpx

from dify_workflow import DifyWorkflow, TextChunk

from .scenes import finished, node, started, word

_BLOCK_SIZE = 65_536


class Stream(NamedTuple):
    """A fixed stream, and how it is read.

    Args:
        pieces: Its bytes, as they arrive.
        reads_text: Whether the text of each event is read.
        traced: Whether tracing is on, without an SDK.
    """

    pieces: Sequence[bytes]
    reads_text: bool = False
    traced: bool = False


def streams(events: int) -> dict[str, Stream]:
    """Return the streams to measure, by name.

    Args:
        events: Number of events of each, without start and end.
    """
    words = [started(), *[word()] * events, finished()]
    whole = b"".join(words)
    blocks = [whole[at : at + _BLOCK_SIZE] for at in range(0, len(whole), _BLOCK_SIZE)]
    return {
        "words": Stream(words),
        "text": Stream(words, reads_text=True),
        "traced": Stream(words, traced=True),
        "blocks": Stream(blocks),
        "nodes": Stream([started(), *[node()] * events, finished()]),
    }


def play(stream: Stream) -> int:
    """Read a stream with the client, and return the number of events."""
    with httpx.Client(transport=_Memory(stream.pieces)) as connections:
        client = DifyWorkflow(
            "app-key",
            base_url="http://memory/v1",
            check_inputs=False,
            http_client=connections,
            tracing=stream.traced,
        )
        count = 0
        with client.run_workflow_stream({}) as events:
            for event in events:
                count += 1
                if stream.reads_text and isinstance(event, TextChunk):
                    assert event.data.text
        return count


class _Memory(httpx.BaseTransport):
    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = {"Content-Type": "text/event-stream", "X-Version": "1.16.1"}
        return httpx.Response(200, headers=headers, stream=_Pieces(self._pieces), request=request)


class _Pieces(httpx.SyncByteStream):
    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
