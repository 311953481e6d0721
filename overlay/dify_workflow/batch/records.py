"""Rows as a journal stores them, and changes of them. Pure, except that odd values are logged."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import PurePath
from typing import ClassVar, Final, NamedTuple, TypeAlias, TypeVar

import attrs
import orjson

from .._json import JSON, JSONObject, abridged, check_depth, decode
from .._record import Columns, Record, columns, text_of
from ..models import UploadedFile, WorkflowFile, WorkflowRunResponse

T = TypeVar("T")

logger = logging.getLogger("dify_workflow")

PENDING: Final = "pending"
"""The row was not sent yet."""
SENDING: Final = "sending"
"""The row is about to be sent, or was sent: it is not known whether there is a run."""
RUNNING: Final = "running"
"""The run of the row is known, and is active or waits for people."""
DONE: Final = "done"
"""The row has its result."""
UNKNOWN: Final = "unknown"
"""The row was sent, and its outcome is unknown."""

STATES = frozenset({PENDING, SENDING, RUNNING, DONE, UNKNOWN})

_LARGEST = 2**63
"""Databases cannot store whole numbers from here on."""

SUCCESSES = frozenset({"succeeded", "partial-succeeded"})
"""Statuses of rows that need no attention."""


@attrs.frozen(repr=False)
class RowResult(Record):
    """A row and its result.

    Args:
        number: Number of the row, from 0, in the order in which rows were first read.
        key: The row's id, where rows have one.
        row: The row itself.
        status: ``"succeeded"``, ``"partial-succeeded"``, ``"failed"``, ``"stopped"``, ``"paused"``
            (its run waits for people), or ``"unknown"`` (it was sent, and its outcome is unknown);
            ``"pending"`` and ``"running"`` only while the batch is running.
        message: Why it failed, or why its outcome is unknown; None if there is no message.
        outputs: Value by name of the output. If a server sent another value than an object, that
            value.
        run_id: Id of its run; None if it is not known.
        elapsed_time: Duration of the run in seconds.
        total_tokens: Tokens that model calls used.
        attempts: How many times it was sent.
        prices: Price of its run, by currency; None if it is not known, for example if a run was
            followed without its events.
    """

    number: int
    key: str
    row: JSONObject
    status: str
    message: str | None = None
    outputs: JSONObject = attrs.field(factory=dict[str, JSON])
    run_id: str | None = None
    elapsed_time: float | None = None
    total_tokens: int | None = None
    attempts: int = 0
    prices: Mapping[str, Decimal] | None = None

    __dataclass_fields__: ClassVar[Columns] = columns(
        "number",
        "key",
        "status",
        "error",
        "run_id",
        "elapsed_time",
        "total_tokens",
        "prices",
        "attempts",
        "row",
        "outputs",
    )

    @property
    def error(self) -> str | None:
        """The error text, as `message`."""
        return self.message

    @property
    def succeeded(self) -> bool:
        """Whether it has its outputs."""
        return self.status in SUCCESSES


@attrs.frozen
class RowRecord:
    """A row in the journal that must be run or followed.

    `key` is its id, or a substitute for an id. `sent_at` is the time when it was last sent (Unix
    seconds, by the server's clock if that was known).
    """

    number: int
    key: str
    row: JSONObject
    state: str
    attempts: int = 0
    sent_at: float | None = None
    run_id: str | None = None

    def without_run(self, status: str, message: str | None) -> RowResult:
        """Its result if nothing is known about its run except, perhaps, the id."""
        return RowResult(
            number=self.number,
            key=self.key,
            row=self.row,
            status=status,
            message=message,
            run_id=self.run_id,
            attempts=self.attempts,
        )

    def with_run(self, run: WorkflowRunResponse) -> RowResult:
        """Its result if its run has ended or waits for people; the server may send any JSON."""
        message: JSON = run.message
        outputs: JSON = run.outputs
        return attrs.evolve(
            self.without_run(
                str(run.status),
                message if message is None or isinstance(message, str) else json.dumps(message),
            ),
            outputs={} if outputs is None else outputs,
            run_id=str(run.id),
            elapsed_time=_kept("elapsed_time", run.elapsed_time, _as_seconds),
            total_tokens=_kept("total_tokens", run.total_tokens, _as_count),
            prices=run.usage.prices,
        )


class KnownRow(NamedTuple):  # there may be a million of these
    """The parts of a row in the journal that are compared."""

    number: int
    digest: str
    state: str


@attrs.frozen
class Claim:
    """A row is about to be sent at this time; the claim fails if another process has sent it."""

    number: int
    at: float


@attrs.frozen
class Release:
    """A row must be sent again: it was refused before anything ran, or gets another attempt.

    Args:
        number: Number of the row.
        was_sent: Whether the last attempt is counted.
        run_id: Run of the last attempt, if there is one.
        was_shut_down: Whether the server stopped that run because its worker was shut down.
    """

    number: int
    was_sent: bool
    run_id: str | None = None
    was_shut_down: bool = False


@attrs.frozen
class Began:
    """The run of a row is known."""

    number: int
    run_id: str
    task_id: str | None


@attrs.frozen
class Ended:
    """A row is `DONE`, `UNKNOWN`, or `RUNNING` (if its run waits for people)."""

    state: str
    result: RowResult

    @property
    def number(self) -> int:
        """Number of the row."""
        return self.result.number


def _kept(name: str, value: JSON, read: Callable[[JSON], T | None]) -> T | None:
    """A number of a run; None, with a warning, if the server sent something else."""
    kept = None if value is None else read(value)
    if kept is None and value is not None:
        logger.warning("run_batch: %s cannot be stored as a number: %s", name, abridged(value))
    return kept


def _as_seconds(value: JSON) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
    except OverflowError:
        return None


def _as_count(value: JSON) -> int | None:
    return value if isinstance(value, int) and abs(value) < _LARGEST else None


Change: TypeAlias = Claim | Release | Began | Ended


def status_of(state: str, status: str | None) -> str:
    """The status of a row for people, from its state and status in the journal."""
    if state == SENDING:  # a batch was interrupted before its outcome was looked for
        return UNKNOWN
    return status or state


@attrs.frozen
class JournalHeader:
    """The app, user and columns of a journal.

    Args:
        base_url: Base URL of the server.
        key_digest: Digest of the app's key; the key cannot be computed from it.
        user_id: User of the runs.
        has_ids: Whether rows have ids; None before the first row.
        columns: Names of the first row's columns.
    """

    base_url: str
    key_digest: str
    user_id: str
    has_ids: bool | None = None
    columns: tuple[str, ...] = ()


def json_text(value: JSON) -> str:
    """A value as JSON text.

    NaN and infinities are written as Python's json writes and reads them; half of a surrogate pair
    is written as an escape.

    Raises:
        RecursionError: It is nested too deeply.
    """
    text = text_of(value)
    try:
        check_depth(value)
    except ValueError as error:  # Python 3.12 and newer write JSON that nothing can read again
        raise RecursionError(str(error)) from None
    return text


def prices_text(prices: Mapping[str, Decimal]) -> str:
    """Prices by currency as JSON text, with exact numbers."""
    return json.dumps({currency: str(price) for currency, price in prices.items()})


def prices_from(text: str) -> dict[str, Decimal]:
    """Prices by currency from their JSON text.

    Raises:
        ValueError: The text is invalid.
    """
    try:
        return {str(currency): Decimal(price) for currency, price in json.loads(text).items()}
    except InvalidOperation as error:
        raise ValueError(f"{text} is not a table of prices") from error


def from_json(text: str) -> JSON:
    """The value of a JSON text.

    Raises:
        ValueError: The text is invalid.
    """
    return decode(text.encode())


KEY_COLUMN = "id"
"""Name of the column that identifies rows, in any case."""


def plain(row: Mapping[str, JSON]) -> bytes:
    """A row as JSON: files as paths or in the form for the server, times as ISO 8601.

    Raises:
        TypeError: A value cannot be written as JSON.
    """
    return _dumped(row, 0)


def folded(name: str) -> str:
    """The name of a column in lower case and without outer spaces."""
    return name.strip().casefold()


def key_column(names: Iterable[str]) -> str | None:
    """The column that identifies rows; None if there is no such column."""
    names = tuple(names)
    if KEY_COLUMN in names:
        return KEY_COLUMN
    return next((name for name in names if folded(name) == KEY_COLUMN), None)


def key_of(row: Mapping[str, JSON]) -> str | None:
    """The id of a row; None if it has no id."""
    column = KEY_COLUMN if KEY_COLUMN in row else key_column(row)
    key = None if column is None else row[column]
    return None if key is None or key == "" else str(key)


def digest(row: Mapping[str, JSON]) -> str:
    """The digest of a row, which does not depend on the order of columns: 32 hexadecimal digits.

    Raises:
        TypeError: A value cannot be written as JSON.
    """
    return hashlib.blake2b(_dumped(row, orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _dumped(row: Mapping[str, JSON], option: int) -> bytes:
    if any(map(_is_infinite, row.values())):  # orjson would write null
        raise TypeError("it has an infinite number")
    try:
        return orjson.dumps(row, default=_plain_value, option=option)
    except TypeError as error:  # orjson's own message does not say which type is wrong
        raise TypeError(str(error.__cause__ or error)) from None


def _is_infinite(value: object) -> bool:
    """Whether a value is an infinite number or contains one; NaN is an empty cell."""
    if isinstance(value, float):
        return math.isinf(value)
    if isinstance(value, Mapping):
        return any(map(_is_infinite, value.values()))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]  # JSON
    return isinstance(value, list | tuple) and any(map(_is_infinite, value))  # pyright: ignore[reportUnknownArgumentType]  # JSON


def _plain_value(value: object) -> object:
    if isinstance(value, PurePath | Decimal):
        return str(value)
    if isinstance(value, UploadedFile):
        value = value.as_input()
    if isinstance(value, WorkflowFile):
        return value.to_wire()
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # JSON
    raise TypeError(f"it has a {type(value).__name__}, which is not JSON, a path or a file")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size` (`itertools.batched` of Python 3.12)."""
    left = iter(items)
    while some := list(islice(left, size)):
        yield some
