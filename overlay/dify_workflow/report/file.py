"""Files of events as lines of JSON."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from .._event import StreamEvent, UnknownEvent, UnreadableEvent
from .._json import JSON, abridged, decode, is_object
from .._replay import StreamGap
from ..errors import InvalidRequestError
from ..events import EVENT_CLASSES

_CLASSES: dict[str, type[StreamEvent[object]]] = {
    **EVENT_CLASSES,
    "stream_gap": StreamGap,
    "unreadable": UnreadableEvent,
}
"""Those of the server, and the two that the client makes itself."""


def events_of(
    source: str | os.PathLike[str] | IO[str] | IO[bytes],
) -> Iterator[tuple[StreamEvent[object] | None, str]]:
    """The events of a file; None with the reason where its last line was cut off.

    Args:
        source: Where the file is, or the file.

    Raises:
        InvalidRequestError: It cannot be read, has no event, or has a line that is none.
    """
    name = os.fspath(source) if isinstance(source, str | os.PathLike) else "The file"
    try:
        if isinstance(source, str | os.PathLike):
            with Path(source).open("rb") as file:
                yield from _events(file, name)
        else:
            yield from _events(source, name)
    except OSError as error:
        raise InvalidRequestError(f"{name} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"{name} is no text in UTF-8: {error}.") from error


def _events(
    lines: Iterable[str | bytes], name: str
) -> Iterator[tuple[StreamEvent[object] | None, str]]:
    count = number = 0
    for number, line in enumerate(lines, 1):
        text = line.encode(errors="surrogatepass") if isinstance(line, str) else line
        if not text.strip():
            continue
        try:
            value: JSON = decode(text)
        except ValueError as error:
            if count and not text.endswith(b"\n"):
                yield None, f"The last line of the file is cut off (line {number})."
                return
            raise InvalidRequestError(f"{name}, line {number}, is not JSON: {error}.") from error
        kind: JSON = value.get("event") if is_object(value) else None
        if not isinstance(kind, str):
            raise InvalidRequestError(f"{name}, line {number}, is no event: {abridged(value, 80)}")
        count += 1
        yield _CLASSES.get(kind, UnknownEvent)(value), ""
    if not count:
        raise InvalidRequestError(f"{name} has no event.")
