"""The log of runs: what to list, its rows and its pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, get_args

import attrs

from .._json import JSONObject, is_text
from .._secret import ApiKey, wrap
from ..errors import InvalidRequestError

if TYPE_CHECKING:
    from dify_workflow_api.models import (
        Account,
        CreatedByRole,
        CreatedFrom,
        EndUserSummary,
        RunStatus,
        WorkflowLogRun,
    )

T_co = TypeVar("T_co", covariant=True)

LogStatus = Literal["succeeded", "failed", "stopped"]
"""Status that logs can be filtered for; the server refuses the others (DIFY.md section 1)."""

MAX_LIMIT = 100
"""Most rows a page (DIFY.md section 1)."""


@attrs.frozen(init=False)
class WorkflowLogsRequest:
    """Which runs to list (GET /workflows/logs), newest first.

    Args:
        api_key: Key of the app; by default the client's.
        last_id: Id of the row after which the page begins. Refused so far: Dify has no cursor over
            its logs, and this client not yet one of its own.
        limit: Most rows of the page, 1 to 100.
        keyword: Text to find in inputs, outputs or the user's name, or a run id. The server looks
            at the first 30 characters; from Dify 1.11.3 on it finds no text outside ASCII.
        status: Only runs that ended so.
        created_at_before: Only rows of this time or before (aware; the log counts whole seconds).
        created_at_after: Only rows of this time or after (aware; the log counts whole seconds).
        created_by_end_user_session_id: Only runs of this user (the ``user_id`` of the run). Dify
            before 1.5 ignores it.
        created_by_account: Only runs of the account with this e-mail address. Dify before 1.5
            ignores it.

    Raises:
        InvalidRequestError: The limit is out of range, a time is naive, the status is not one of
            the three, or `keyword` comes with `created_by_end_user_session_id`, which the server
            answers with 500 (DIFY.md section 1).
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
        )

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.limit, int) or not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidRequestError(f"limit must be 1 to {MAX_LIMIT}, not {self.limit!r}.")
        if self.status is not None and self.status not in get_args(LogStatus):
            raise InvalidRequestError(
                f"Logs can be filtered for the status {', '.join(get_args(LogStatus))}, "
                f"not {self.status!r}."
            )
        for name in ("created_at_before", "created_at_after"):
            time = getattr(self, name)
            if time is not None and (not isinstance(time, datetime) or time.utcoffset() is None):
                raise InvalidRequestError(
                    f"{name} must be a datetime with a time zone, not {time!r}; the server would "
                    "read it as UTC."
                )
        for name in ("keyword", "created_by_end_user_session_id", "created_by_account"):
            text = getattr(self, name)
            if text is not None and not (isinstance(text, str) and is_text(text)):
                raise InvalidRequestError(f"{name} must be a text, not {text!r}.")
        if self.keyword and self.created_by_end_user_session_id:
            raise InvalidRequestError(
                "keyword and created_by_end_user_session_id cannot be combined: the server fails."
            )


@attrs.frozen
class WorkflowLogs:
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
    status: RunStatus | None
    message: str | None
    created_at: int
    finished_at: int | None
    workflow_run: WorkflowLogRun | None
    created_from: CreatedFrom
    created_by_role: CreatedByRole
    created_by_account: Account | None
    created_by_end_user: EndUserSummary | None
    raw: JSONObject = attrs.field(repr=False)


@attrs.frozen
class DifyPageResult(Generic[T_co]):
    """One page of a list; iterating it gives its rows.

    Args:
        data: The rows.
        has_more: Whether rows follow.
        limit: Most rows of the page.
        total: Rows that matched when the page was read.
        last_id: Id of the last row; None where the page is empty.
    """

    data: tuple[T_co, ...]
    has_more: bool
    limit: int
    total: int
    last_id: str | None

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)
