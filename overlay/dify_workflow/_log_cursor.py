"""Places in the log: their order, and the text in which they travel between processes. Pure."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import orjson

from ._json import abridged
from .errors import LogCursorError

if TYPE_CHECKING:
    from .models import WorkflowLogs, WorkflowLogsRequest

_VERSION = "1."
"""Begins every cursor; a later format begins otherwise."""

_CHECKSUM_BYTES = 4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _SECOND
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _SECOND

MOST_TIMES = 10_000
"""Rows whose times a client remembers, some 2 MB; older ones are looked for in the log."""


class LogPosition(NamedTuple):
    """The place of a row in the log, whose order is that of these pairs, the greatest first.

    Args:
        created_at: Time of the row (Unix seconds).
        id: Id of the row, which decides between rows of the same second.
    """

    created_at: int
    id: str

    @classmethod
    def of(cls, row: WorkflowLogs) -> LogPosition:
        """The place of a row."""
        return cls(row.created_at, row.id)


def floor_second(moment: datetime) -> int:
    """The last whole second (Unix) that is not after a moment."""
    return min(max((moment - _EPOCH) // _SECOND, _FIRST), _LAST)


def ceil_second(moment: datetime) -> int:
    """The first whole second (Unix) that is not before a moment."""
    return min(max(-((_EPOCH - moment) // _SECOND), _FIRST), _LAST)


def moment_of(second: int) -> datetime:
    """The moment of a whole second (Unix), in UTC."""
    return _EPOCH + second * _SECOND


def digest_of(request: WorkflowLogsRequest) -> str:
    """A short text that differs where any of the six filters does."""
    before, after = request.created_at_before, request.created_at_after
    filters = [
        request.keyword or None,
        request.status,
        before and floor_second(before),
        after and ceil_second(after),
        request.created_by_end_user_session_id or None,
        request.created_by_account or None,
    ]
    return blake2b(orjson.dumps(filters), digest_size=6).hexdigest()


def encode(position: LogPosition, digest: str) -> str:
    """The cursor of a place: URL-safe text that nobody else needs to understand.

    Args:
        position: The place after which to go on.
        digest: What `digest_of` says of the request's filters.
    """
    data = orjson.dumps([position.created_at, position.id, digest])
    text = urlsafe_b64encode(data + _checksum(data)).rstrip(b"=")
    return _VERSION + text.decode()


def decode(cursor: str, digest: str) -> LogPosition:
    """The place of a cursor.

    Args:
        cursor: What `encode` made, here or elsewhere.
        digest: What `digest_of` says of the request's filters.

    Raises:
        LogCursorError: It is none, or of other filters.
    """
    if not isinstance(cursor, str) or not cursor.startswith(_VERSION):
        raise LogCursorError(
            f"The cursor {abridged(cursor)} is none that this version of the client knows."
        )
    data = _decoded(cursor.removeprefix(_VERSION))
    if data is None:
        raise LogCursorError(f"The cursor {abridged(cursor)} is damaged; was it copied whole?")
    created_at, row_id, own_digest = orjson.loads(data)
    if own_digest != digest:
        raise LogCursorError(
            "The cursor belongs to a request with other filters; give the same filters again, or "
            "begin anew without the cursor."
        )
    return LogPosition(created_at, row_id)


def _decoded(text: str) -> bytes | None:
    """The data of a cursor; None where something of it was lost or changed."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    data, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    return data if checksum == _checksum(data) else None


def _checksum(data: bytes) -> bytes:
    return crc32(data).to_bytes(_CHECKSUM_BYTES)


class LogTimes:
    """The times of the rows that a client returned last, by id.

    Threads share it: every step is a single operation of a dict or a deque.
    """

    def __init__(self) -> None:
        self._times: dict[str, int] = {}
        self._order: deque[str] = deque()

    def note(self, rows: Iterable[WorkflowLogs]) -> None:
        """Remember rows, and forget the oldest where there are too many."""
        for row in rows:
            if row.id not in self._times:
                self._times[row.id] = row.created_at
                self._order.append(row.id)
        while len(self._order) > MOST_TIMES:
            self._times.pop(self._order.popleft(), None)

    def position(self, row_id: str) -> LogPosition | None:
        """The place of a row; None where it is not remembered."""
        created_at = self._times.get(row_id)
        return None if created_at is None else LogPosition(created_at, row_id)
