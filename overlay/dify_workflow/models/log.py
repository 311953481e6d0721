"""The log of runs: the request for a page, its rows, and the page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, TypeVar, get_args

import attrs

from dify_workflow_api import models as wire

from .._json import JSON, JSONObject, abridged, is_object, is_text
from .._log_cursor import checked_second, decode, digest_of
from .._record import Columns, Record, columns, html_table, moment_of
from .._secret import ApiKey, wrap
from ..errors import InvalidRequestError

T_co = TypeVar("T_co", covariant=True)

LogStatus = Literal["succeeded", "failed", "stopped"]
"""A status that logs can be filtered by. The server refuses other statuses."""

MAX_LIMIT = 1000
"""The most rows of a page. The server sends at most 100 rows at once, so a page can take several
requests."""

MAX_SCAN = 10_000
"""How many rows are searched, by default, for a `last_id` whose time is not known."""


@attrs.frozen(init=False)
class WorkflowLogsRequest:
    """Which runs to list (GET /workflows/logs), newest first.

    Args:
        api_key: Key of the app; by default the client's.
        last_id: The page begins after the row with this id, or after the row of the run with this
            id. The client knows the last 10,000 rows that it returned in this process. It finds a
            run's id in one request (but not together with `keyword` or a session id). It searches
            for any other row, from the newest on. With `last_created_at` it must be the row's id.
        limit: The most rows of a page, 1 to 1000. The server sends at most 100 per request.
        keyword: Text to find in inputs, outputs or the user's name; or a run id. The server uses
            the first 30 characters. Dify 1.11.3 and newer find only ASCII text.
        status: Only runs that ended with this status.
        created_at_before: Only rows of this time or earlier (with time zone; the log has whole
            seconds).
        created_at_after: Only rows of this time or later (with time zone; the log has whole
            seconds).
        created_by_end_user_session_id: Only runs of this user (the ``user_id`` of the run). Dify
            before 1.5 ignores it.
        created_by_account: Only runs of the account with this e-mail address. Dify before 1.5
            ignores it.
        last_created_at: Time of the row `last_id` (Unix seconds). With it no search is needed, and
            the row may have been deleted.
        cursor: Where the page begins, instead of `last_id`: the `cursor` of a page or an iterator,
            from this or another process, with the same filters.
        max_scan: The most rows to search for a `last_id` whose time is not known. A search of up
            to 10,000 rows takes at most 5 s; a search of more has no time limit.

    Raises:
        InvalidRequestError: The limit is out of range, a time has no time zone, or the status is
            not one of the three. Or `cursor` is combined with `last_id`, or `keyword` with
            `created_by_end_user_session_id` (the server answers 500 to both).
        LogCursorError: The cursor is damaged, or belongs to other filters.

    Example::

        page = workflow.logs(WorkflowLogsRequest(limit=100, status="failed"))
        if page.has_more:
            page = workflow.logs(page.next_request())
    """

    api_key: ApiKey | None
    last_id: str | None
    limit: int
    keyword: str | None
    status: LogStatus | None
    created_at_before: datetime | None
    created_at_after: datetime | None
    created_by_end_user_session_id: str | None
    created_by_account: str | None
    last_created_at: int | None
    cursor: str | None
    max_scan: int

    if TYPE_CHECKING:

        def __attrs_init__(self, *fields: object) -> None: ...

    def __init__(
        self,
        api_key: str | ApiKey | None = None,
        last_id: str | None = None,
        limit: int = 20,
        *,
        keyword: str | None = None,
        status: LogStatus | None = None,
        created_at_before: datetime | None = None,
        created_at_after: datetime | None = None,
        created_by_end_user_session_id: str | None = None,
        created_by_account: str | None = None,
        last_created_at: int | None = None,
        cursor: str | None = None,
        max_scan: int = MAX_SCAN,
    ) -> None:
        # Not made by attrs, so that no frame of a traceback contains the plain key.
        api_key = wrap(api_key)
        self.__attrs_init__(
            api_key,
            last_id,
            limit,
            keyword,
            status,
            created_at_before,
            created_at_after,
            created_by_end_user_session_id,
            created_by_account,
            last_created_at,
            cursor,
            max_scan,
        )

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.limit, int) or not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidRequestError(f"limit must be 1 to {MAX_LIMIT}, not {self.limit!r}.")
        self._check_filters()
        self._check_position()

    def _check_filters(self) -> None:
        if self.status is not None and self.status not in get_args(LogStatus):
            raise InvalidRequestError(
                f"status must be one of {', '.join(get_args(LogStatus))}, not {self.status!r}."
            )
        for name in ("created_at_before", "created_at_after"):
            checked_moment(name, getattr(self, name))
        for name in ("keyword", "created_by_end_user_session_id", "created_by_account"):
            text = getattr(self, name)
            if text is not None and not (isinstance(text, str) and is_text(text)):
                raise InvalidRequestError(f"{name} must be a text, not {text!r}.")
        if self.keyword and self.created_by_end_user_session_id:
            raise InvalidRequestError(
                "keyword and created_by_end_user_session_id cannot be combined: the server answers "
                "500; pass only one of them."
            )

    def _check_position(self) -> None:
        last_id, time = self.last_id, self.last_created_at
        if last_id is not None and not (isinstance(last_id, str) and last_id and is_text(last_id)):
            raise InvalidRequestError(f"last_id must be the id of a row, not {last_id!r}.")
        if time is not None and (not isinstance(time, int) or last_id is None):
            raise InvalidRequestError(
                f"last_created_at must be Unix seconds, and come with last_id; it is {time!r}."
            )
        if self.cursor is not None and last_id is not None:
            raise InvalidRequestError(
                "cursor and last_id cannot be combined: both say where the page begins; pass one."
            )
        if not isinstance(self.max_scan, int) or self.max_scan < 0:
            raise InvalidRequestError(
                f"max_scan must be a whole number, 0 or more, not {self.max_scan!r}."
            )
        if self.cursor is not None:
            decode(self.cursor, digest_of(self))


def checked_moment(name: str, moment: datetime | None) -> datetime | None:
    """Return a time of a filter if it is valid.

    Raises:
        InvalidRequestError: It is not a datetime, or has no time zone.
    """
    if moment is not None and (not isinstance(moment, datetime) or moment.utcoffset() is None):
        raise InvalidRequestError(
            f"{name} must be a datetime with a time zone, such as datetime.now(UTC); it is "
            f"{moment!r}."
        )
    return moment


@attrs.frozen(repr=False)
class WorkflowLogs(Record):
    """A row of the log: one run.

    Args:
        id: Id of the row (UUID). The run's id is `run_id`.
        status: Status of the run; None if the run was deleted.
        message: The error text of the run; None if there is none.
        created_at: Time of the row (Unix seconds, rounded: up to 1 s after the start of the run).
        finished_at: End of the run (Unix seconds); None if it has not ended.
        workflow_run: The run; None if it was deleted.
        created_from: Where the run was started, such as ``"service-api"``.
        created_by_role: Who started the run, ``"end_user"`` or ``"account"``.
        created_by_account: The account that started the run; None if an end user did.
        created_by_end_user: The end user who started the run; None if an account did, or if the
            user was deleted.
        raw: The decoded row.

    Example::

        for row in workflow.logs().data:
            print(row.created_time, row.run_id, row.status)
    """

    id: str
    status: wire.RunStatus | None
    message: str | None
    created_at: int
    finished_at: int | None
    workflow_run: wire.WorkflowLogRun | None
    created_from: wire.CreatedFrom
    created_by_role: wire.CreatedByRole
    created_by_account: wire.Account | None
    created_by_end_user: wire.EndUserSummary | None
    raw: JSONObject = attrs.field(repr=False)

    __dataclass_fields__: ClassVar[Columns] = columns(
        "id",
        "run_id",
        "status",
        "error",
        "created_time",
        "finished_time",
        "elapsed_time",
        "total_tokens",
        "total_steps",
        "created_from",
        "user",
    )

    @property
    def error(self) -> str | None:
        """The error text; the same as `message`."""
        return self.message

    @property
    def created_time(self) -> datetime | None:
        """`created_at` as a datetime in UTC."""
        return moment_of(self.created_at)

    @property
    def finished_time(self) -> datetime | None:
        """`finished_at` as a datetime in UTC."""
        return moment_of(self.finished_at)

    @property
    def run_id(self) -> str | None:
        """Id of the run (UUID); None if it was deleted."""
        return self.workflow_run.id if self.workflow_run else None

    @property
    def elapsed_time(self) -> float | None:
        """Duration of the run in seconds; None if it was deleted."""
        return self.workflow_run.elapsed_time if self.workflow_run else None

    @property
    def total_tokens(self) -> int | None:
        """Tokens used by the run's model calls; None if it was deleted."""
        return self.workflow_run.total_tokens if self.workflow_run else None

    @property
    def total_steps(self) -> int | None:
        """How many nodes ran; None if the run was deleted."""
        return self.workflow_run.total_steps if self.workflow_run else None

    @property
    def user(self) -> str | None:
        """Who the run was for: the name of the end user, or the e-mail address of the account."""
        if self.created_by_end_user is not None:
            return self.created_by_end_user.session_id
        return self.created_by_account.email if self.created_by_account else None


def log_row(entry: wire.WorkflowLogEntry, raw: JSONObject) -> WorkflowLogs:
    """A row of the server's log.

    Args:
        entry: The row.
        raw: The same, only decoded.

    Raises:
        TypeError: Its id, time, user or run has the wrong type.
        OverflowError: Its time lies outside the calendar.
    """
    _check(raw)
    run = entry.workflow_run
    return WorkflowLogs(
        id=entry.id,
        status=run.status if run else None,
        message=(run.error or None) if run else None,
        created_at=entry.created_at,
        finished_at=run.finished_at if run else None,
        workflow_run=run,
        created_from=entry.created_from,
        created_by_role=entry.created_by_role,
        created_by_account=entry.created_by_account,
        created_by_end_user=entry.created_by_end_user,
        raw=raw,
    )


def _check(raw: JSONObject) -> None:
    """Raise an error for a row without a valid id, time, user or run."""
    if not isinstance(raw.get("id"), str):
        raise TypeError(f"id of a row: expected text, got {abridged(raw.get('id'))}")
    checked_second(f"created_at of row {raw['id']}", raw.get("created_at"))
    for name, key in (("created_by_end_user", "session_id"), ("workflow_run", "id")):
        part: JSON = raw.get(name)
        if part is None:
            continue
        value: JSON = part.get(key) if is_object(part) else part
        if not is_object(part) or not isinstance(value, str | None):
            raise TypeError(
                f"{name} of row {raw['id']}: expected an object with an id, got {abridged(part)}"
            )


@attrs.frozen(repr=False)
class DifyPageResult(Record, Generic[T_co]):
    """One page of a list. Iterate over it to get its rows.

    Args:
        data: The rows.
        has_more: Whether there are more rows after this page.
        limit: The most rows that the page could have.
        total: How many rows match the filters on all pages. The server counted them when the first
            page was read.
        last_id: Id of the last row. For an empty page, the `last_id` of its request, if any.
        cursor: Text to continue after this page, also in another process: pass it as
            `WorkflowLogsRequest.cursor`. None if there is no row yet.
        request: The request for this page.

    Example::

        page = workflow.logs(WorkflowLogsRequest(limit=5))
        print(f"{len(page)} of {page.total} rows")
        following = workflow.logs(page.next_request())
    """

    data: tuple[T_co, ...]
    has_more: bool
    limit: int
    total: int
    last_id: str | None
    cursor: str | None
    request: WorkflowLogsRequest = attrs.field(repr=False)

    def next_request(self) -> WorkflowLogsRequest:
        """The request for the next page.

        Returns:
            The same request with the id and the time of the last row, so no client has to search
            for that row. If no rows follow, the next page is empty.

        Example::

            page = workflow.logs(limit=5)
            older = workflow.logs(page.next_request())
            print(len(page), len(older))
        """
        if self.cursor is None:
            return self.request
        position = decode(self.cursor, digest_of(self.request)).position
        return attrs.evolve(
            self.request, last_id=position.id, last_created_at=position.created_at, cursor=None
        )

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def _repr_html_(self) -> str:
        """The page as an HTML table, for notebooks. All text is escaped."""
        return html_table(self.data)
