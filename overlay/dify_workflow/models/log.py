"""The log of runs: what to list, its rows and its pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, TypeVar, get_args

import attrs

from dify_workflow_api import models as wire

from .._json import JSONObject, is_text
from .._log_cursor import decode, digest_of
from .._record import Columns, Record, columns, html_table, moment_of
from .._secret import ApiKey, wrap
from ..errors import InvalidRequestError

T_co = TypeVar("T_co", covariant=True)

LogStatus = Literal["succeeded", "failed", "stopped"]
"""Status that logs can be filtered for; the server refuses the others."""

MAX_LIMIT = 1000
"""Most rows a page; the server gives at most 100 at once, so a page may take several calls."""

MAX_SCAN = 10_000
"""How many rows to look through by default for a `last_id` of which the time is not known."""


@attrs.frozen(init=False)
class WorkflowLogsRequest:
    """Which runs to list (GET /workflows/logs), newest first.

    Args:
        api_key: Key of the app; by default the client's.
        last_id: Id of the row after which to begin, or of its run. The 10,000 rows that were
            returned last in this process are known, and a run's id finds its row in one call (not
            beside `keyword` or a session id). Any other row is looked for from the newest one on.
            Beside `last_created_at` it is the row's own id.
        limit: Most rows of a page, 1 to 1000; the server gives at most 100 a call.
        keyword: Text to find in inputs, outputs or the user's name, or a run id. The server looks
            at the first 30 characters; from Dify 1.11.3 on it finds no text outside ASCII.
        status: Only runs that ended so.
        created_at_before: Only rows of this time or before (aware; the log counts whole seconds).
        created_at_after: Only rows of this time or after (aware; the log counts whole seconds).
        created_by_end_user_session_id: Only runs of this user (the ``user_id`` of the run). Dify
            before 1.5 ignores it.
        created_by_account: Only runs of the account with this e-mail address. Dify before 1.5
            ignores it.
        last_created_at: Time of the row `last_id` (Unix seconds), so that it need not be looked
            for, and need not be there any more.
        cursor: Where to begin, instead of `last_id`: text that a page or an iterator gave as its
            `cursor`, in this process or another one, for the same filters.
        max_scan: Most rows to look through for a `last_id` of which the time is not known. Up to
            10,000 are looked through for 5 s at most, more for as long as that takes.

    Raises:
        InvalidRequestError: The limit is out of range, a time is naive, the status is not one of
            the three, `cursor` comes with `last_id`, or `keyword` comes with
            `created_by_end_user_session_id`, which the server answers with 500.
        LogCursorError: The cursor is damaged, or belongs to other filters.
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
        # Written by hand, so that no frame of a traceback holds the bare key.
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
        self._check_place()

    def _check_filters(self) -> None:
        if self.status is not None and self.status not in get_args(LogStatus):
            raise InvalidRequestError(
                f"Logs can be filtered for the status {', '.join(get_args(LogStatus))}, "
                f"not {self.status!r}."
            )
        for name in ("created_at_before", "created_at_after"):
            checked_moment(name, getattr(self, name))
        for name in ("keyword", "created_by_end_user_session_id", "created_by_account"):
            text = getattr(self, name)
            if text is not None and not (isinstance(text, str) and is_text(text)):
                raise InvalidRequestError(f"{name} must be a text, not {text!r}.")
        if self.keyword and self.created_by_end_user_session_id:
            raise InvalidRequestError(
                "keyword and created_by_end_user_session_id cannot be combined: the server fails."
            )

    def _check_place(self) -> None:
        last_id, time = self.last_id, self.last_created_at
        if last_id is not None and not (isinstance(last_id, str) and last_id and is_text(last_id)):
            raise InvalidRequestError(f"last_id must be the id of a row, not {last_id!r}.")
        if time is not None and (not isinstance(time, int) or last_id is None):
            raise InvalidRequestError(
                f"last_created_at must be Unix seconds, and come with last_id; it is {time!r}."
            )
        if self.cursor is not None and last_id is not None:
            raise InvalidRequestError("cursor and last_id both say where to begin; give one.")
        if not isinstance(self.max_scan, int) or self.max_scan < 0:
            raise InvalidRequestError(
                f"max_scan must be a whole number from 0 on, not {self.max_scan!r}."
            )
        if self.cursor is not None:
            decode(self.cursor, digest_of(self))


def checked_moment(name: str, moment: datetime | None) -> datetime | None:
    """A bound of time as it was given.

    Raises:
        InvalidRequestError: It is no datetime, or has no time zone.
    """
    if moment is not None and (not isinstance(moment, datetime) or moment.utcoffset() is None):
        raise InvalidRequestError(
            f"{name} must be a datetime with a time zone, not {moment!r}; the server would read it "
            "as UTC."
        )
    return moment


@attrs.frozen(repr=False)
class WorkflowLogs(Record):
    """A row of the log: one run.

    Args:
        id: Id of the row (UUID); the run's id is ``workflow_run.id``.
        status: State of the run; None where the run was deleted.
        message: The error text of the run; None where there is none.
        created_at: Time of the row (Unix seconds, rounded: up to 1 s later than the run's start).
        finished_at: End of the run (Unix seconds); None where it has not ended.
        workflow_run: The run; None where it was deleted.
        created_from: From where the run was started, such as ``"service-api"``.
        created_by_role: Who started the run, ``"end_user"`` or ``"account"``.
        created_by_account: The account that started the run, if one did.
        created_by_end_user: The end user who started the run; None where deleted.
        raw: The row as it was decoded.
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
        """The error text, as `message`."""
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
        """Id of the run (UUID); None where it was deleted."""
        return self.workflow_run.id if self.workflow_run else None

    @property
    def elapsed_time(self) -> float | None:
        """Duration of the run in seconds; None where it was deleted."""
        return self.workflow_run.elapsed_time if self.workflow_run else None

    @property
    def total_tokens(self) -> int | None:
        """Tokens that model calls of the run used; None where it was deleted."""
        return self.workflow_run.total_tokens if self.workflow_run else None

    @property
    def total_steps(self) -> int | None:
        """Nodes of the run that ran; None where it was deleted."""
        return self.workflow_run.total_steps if self.workflow_run else None

    @property
    def user(self) -> str | None:
        """Who the run was for: the user's name, or the e-mail address of the account."""
        if self.created_by_end_user is not None:
            return self.created_by_end_user.session_id
        return self.created_by_account.email if self.created_by_account else None


@attrs.frozen(repr=False)
class DifyPageResult(Record, Generic[T_co]):
    """One page of a list; iterating it gives its rows.

    Args:
        data: The rows.
        has_more: Whether rows follow.
        limit: Most rows of the page.
        total: Rows that match the request's filters, wherever the page begins, as the server
            counted them when the first of the pages that follow each other was read.
        last_id: Id of the last row, or of the one after which an empty page begins; None where
            there is neither.
        cursor: Text with which to go on behind this page (`WorkflowLogsRequest.cursor`), also in
            another process; None where there is no row yet.
        request: The request that was answered.
    """

    data: tuple[T_co, ...]
    has_more: bool
    limit: int
    total: int
    last_id: str | None
    cursor: str | None
    request: WorkflowLogsRequest = attrs.field(repr=False)

    def next_request(self) -> WorkflowLogsRequest:
        """The request for the page that follows; where no row does, that page is empty.

        It has the time of the last row beside its id, so any client finds the place at once.
        """
        if self.cursor is None:
            return self.request
        place = decode(self.cursor, digest_of(self.request)).position
        return attrs.evolve(
            self.request, last_id=place.id, last_created_at=place.created_at, cursor=None
        )

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def _repr_html_(self) -> str:
        """The page as a table, for notebooks; all text is escaped."""
        return html_table(self.data)
