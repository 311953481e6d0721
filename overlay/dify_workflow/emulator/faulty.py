"""Applies faults to the streams and connections of the emulator."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterable

from .._json import JSONObject
from .fault import Edit, Ending, Fault


class EndedEarlyError(Exception):
    """A stream must end too early.

    Args:
        fault: The fault that ends it.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


async def faulty(chunks: AsyncIterator[bytes], faults: Iterable[Fault]) -> AsyncIterator[bytes]:
    """Apply faults to a stream.

    Args:
        chunks: The stream, one message in each chunk.
        faults: The faults.

    Raises:
        EndedEarlyError: The stream must end here.
    """
    for fault in sorted(faults, key=lambda each: each.splits):  # whole events are counted first
        chunks = _with(chunks, fault)
    async for chunk in chunks:
        yield chunk


async def _with(chunks: AsyncIterator[bytes], fault: Fault) -> AsyncIterator[bytes]:
    events = pings = sent = 0
    if fault.ending and (fault.after_events == 0 or fault.after_pings == 0):
        raise EndedEarlyError(fault)
    async for chunk in chunks:
        is_event = chunk.startswith(b"data: ")
        events += is_event
        pings += not is_event
        if (is_event and events <= fault.drops) or (fault.without_pings and not is_event):
            continue
        edited = _edited(chunk, fault.edit) if fault.edit and is_event else chunk
        if fault.after_bytes is not None:
            edited = edited[: fault.after_bytes - sent]
        sent += len(edited)
        if fault.splits:
            for byte in edited:
                yield bytes([byte])
        elif edited:
            yield edited
        if fault.ending and (
            (fault.after_events is not None and events >= fault.after_events)
            or (fault.after_bytes is not None and sent >= fault.after_bytes)
            or (fault.after_pings is not None and pings >= fault.after_pings)
        ):
            raise EndedEarlyError(fault)


def _edited(chunk: bytes, edit: Edit) -> bytes:
    event: JSONObject = json.loads(chunk[len(b"data: ") :])
    instead = edit(event)
    if not isinstance(instead, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"edit must return the events to send, not {instead!r}.")
    return b"".join(
        f"data: {json.dumps(each, ensure_ascii=False)}\n\n".encode() for each in instead
    )


async def end_connection(transport: asyncio.Transport, ending: Ending) -> None:
    """Close or break a connection after everything was sent.

    Args:
        transport: The connection.
        ending: ``cut`` or ``reset``.
    """
    while transport.get_write_buffer_size():  # noqa: ASYNC110  # asyncio has no event for it
        await asyncio.sleep(0.001)
    if ending == "reset":
        raw: socket.socket = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
