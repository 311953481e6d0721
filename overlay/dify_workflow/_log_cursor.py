"""Places in the log: their order, and the text in which they travel between processes. Pure."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import orjson

from ._json import JSON, abridged
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


class LogHead(NamedTuple):
    """What the log was when its reading began, which whoever goes on need not ask again.

    Args:
        newest: Time of the newest row (Unix seconds), or of one that is older.
        total: How many rows matched; None where nobody counted them.
    """

    newest: int
    total: int | None


class LogBookmark(NamedTuple):
    """Where to go on reading.

    Args:
        position: The place of the row after which to go on.
        head: What the log was when its reading began; None where that is not known.
    """

    position: LogPosition
    head: LogHead | None = None


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


def encode(bookmark: LogBookmark, digest: str) -> str:
    """The cursor of a bookmark: URL-safe text that nobody else needs to understand.

    Args:
        bookmark: Where to go on.
        digest: What `digest_of` says of the request's filters.
    """
    position, head = bookmark
    data = orjson.dumps([position.created_at, position.id, digest, head and [*head]])
    text = urlsafe_b64encode(data + _checksum(data)).rstrip(b"=")
    return _VERSION + text.decode()


def decode(cursor: str, digest: str) -> LogBookmark:
    """The bookmark of a cursor.

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
    try:
        created_at, row_id, own_digest, head = orjson.loads(data)
        bookmark = LogBookmark(_position(created_at, row_id), _head(head))
    except (OverflowError, TypeError, ValueError):
        raise LogCursorError(
            f"The cursor {abridged(cursor)} was not made by this client."
        ) from None
    if own_digest != digest:
        raise LogCursorError(
            "The cursor belongs to a request with other filters; give the same filters again, or "
            "start again without the cursor."
        )
    return bookmark


def _position(created_at: JSON, row_id: JSON) -> LogPosition:
    if not isinstance(row_id, str):
        raise TypeError(row_id)
    return LogPosition(_second(created_at), row_id)


def _head(head: JSON) -> LogHead | None:
    if head is None:
        return None
    newest, total = head
    if total is not None and (not isinstance(total, int) or total < 0):
        raise TypeError(total)
    return LogHead(_second(newest), total)


def _second(value: JSON) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(value)
    moment_of(value)  # it is calculated with, so it must be a time
    moment_of(value - 1)
    return value


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
