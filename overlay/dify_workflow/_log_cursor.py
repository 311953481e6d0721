"""Positions in the log: their order, and the cursor text that holds one. Pure."""

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
"""The start of every cursor. Another format will have another start."""

_CHECKSUM_BYTES = 4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _SECOND
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _SECOND


class LogPosition(NamedTuple):
    """The position of a row in the log. The log is sorted by these pairs, greatest first.

    Args:
        created_at: Time of the row (Unix seconds).
        id: Id of the row. It orders rows of the same second.
    """

    created_at: int
    id: str

    @classmethod
    def of(cls, row: WorkflowLogs) -> LogPosition:
        """The position of a row."""
        return cls(row.created_at, row.id)


class LogHead(NamedTuple):
    """The state of the log when reading began. Later pages need not ask for it again.

    Args:
        newest: Time of the newest row (Unix seconds), or of an older row.
        total: How many rows matched; None if they were not counted.
    """

    newest: int
    total: int | None


class LogBookmark(NamedTuple):
    """Where reading continues.

    Args:
        position: Reading continues after the row at this position.
        head: The state of the log when reading began; None if it is not known.
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
    """A short hash of the six filters of a request."""
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
    """The cursor of a bookmark: URL-safe text whose format is private.

    Args:
        bookmark: Where reading continues.
        digest: What `digest_of` returns for the request.
    """
    position, head = bookmark
    data = orjson.dumps([position.created_at, position.id, digest, head and [*head]])
    text = urlsafe_b64encode(data + _checksum(data)).rstrip(b"=")
    return _VERSION + text.decode()


def decode(cursor: str, digest: str) -> LogBookmark:
    """The bookmark of a cursor.

    Args:
        cursor: What `encode` returned, in this or another process.
        digest: What `digest_of` returns for the request.

    Raises:
        LogCursorError: It is not a valid cursor, or it belongs to other filters.
    """
    if not isinstance(cursor, str) or not cursor.startswith(_VERSION):
        raise LogCursorError(
            f"The cursor {abridged(cursor)} is not one of this version of the client; pass a "
            "`cursor` unchanged."
        )
    data = _decoded(cursor.removeprefix(_VERSION))
    if data is None:
        raise LogCursorError(
            f"The cursor {abridged(cursor)} is damaged; check that it was copied completely."
        )
    try:
        created_at, row_id, own_digest, head = orjson.loads(data)
        bookmark = LogBookmark(_position(created_at, row_id), _head(head))
    except (OverflowError, TypeError, ValueError):
        raise LogCursorError(
            f"The cursor {abridged(cursor)} was not made by this client."
        ) from None
    if own_digest != digest:
        raise LogCursorError(
            "The cursor belongs to a request with other filters; pass the same filters again, or "
            "start again without the cursor."
        )
    return bookmark


def _position(created_at: JSON, row_id: JSON) -> LogPosition:
    if not isinstance(row_id, str):
        raise TypeError(row_id)
    return LogPosition(checked_second("created_at", created_at), row_id)


def _head(head: JSON) -> LogHead | None:
    if head is None:
        return None
    newest, total = head
    if total is not None and (not isinstance(total, int) or total < 0):
        raise TypeError(total)
    return LogHead(checked_second("newest", newest), total)


def checked_second(name: str, value: JSON) -> int:
    """Return a value if it is a whole second (Unix time), with which calculations are possible.

    Raises:
        TypeError: It is not a whole number.
        OverflowError: It lies outside the calendar.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name}: expected a time, got {abridged(value)}")
    moment_of(value)
    moment_of(value - 1)
    return value


def _decoded(text: str) -> bytes | None:
    """The data of a cursor; None if a part of it was lost or changed."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    data, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    return data if checksum == _checksum(data) else None


def _checksum(data: bytes) -> bytes:
    return crc32(data).to_bytes(_CHECKSUM_BYTES)
