"""What stands between a walk and the server: queries become calls, and answers are looked at."""

from __future__ import annotations

import logging
import math
import random
import re
import time
from collections.abc import Generator
from typing import Any, TypeVar

import attrs

from .._api import operations
from .._api.log_query import LogAnswer, LogQuery, Steps
from .._http.options import Options
from .._http.request import Call
from .._http.servers import Servers
from ..errors import DifyError, InvalidRequestError, InvalidResponseError, UnsupportedServerError
from ..models import WorkflowLogs, WorkflowLogsRequest
from ..outcomes import is_outage
from .pager import LogPager, TailCore

T = TypeVar("T")

_IGNORES_USERS = re.compile(r"(0|1\.[0-4])(\.|$)")
"""Versions that ignore `created_by_…` and list everybody's runs."""


@attrs.frozen
class LogSource:
    """The log of one app, as a request filters it.

    Args:
        name: Name of the method that was called.
        request: What is asked for.
        options: The client's options.
        servers: What is known of the servers that answered.
    """

    name: str
    request: WorkflowLogsRequest
    options: Options
    servers: Servers

    def calls(self, steps: Steps[T]) -> Generator[Call[Any], Any, T]:
        """The conversation with its queries as calls.

        Raises:
            UnsupportedServerError: The server is too old for the request's filters.
            InvalidResponseError: The server answered something else.
        """
        options = self.options.changed(api_key=self.request.api_key)
        try:
            query = next(steps)
            while True:
                self._check_version()
                operation = operations.list_workflow_logs(self.name, self.request, query)
                answer: LogAnswer = yield Call(operation, options)
                self._check_version()
                for row in answer.rows:
                    self._check_row(query, row)
                query = steps.send(answer)
        except StopIteration as end:
            outcome: T = end.value
            return outcome

    def _check_version(self) -> None:
        version = self.servers.version(self.options.base_url)
        request = self.request
        asks_users = request.created_by_end_user_session_id or request.created_by_account
        if asks_users and version is not None and _IGNORES_USERS.match(version):
            raise UnsupportedServerError(
                f"{self.name}: this server (Dify {version}) cannot filter by user or account and "
                "would list everybody's runs; that takes Dify 1.5 or newer."
            )

    def _check_row(self, query: LogQuery, row: WorkflowLogs) -> None:
        """Refuse an answer that was not asked for, on which no walk could rely."""
        lower, upper = query.after, query.before
        if (lower is not None and row.created_at < lower) or (
            upper is not None and row.created_at > upper
        ):
            raise InvalidResponseError(
                f"{self.name}: the server answered with a row of another time than asked for "
                f"(row {row.id}, {row.created_at})."
            )
        wanted = self.request.created_by_end_user_session_id
        user = row.created_by_end_user and row.created_by_end_user.session_id
        # Databases may compare without regard to case (MySQL's collations).
        if wanted and user and user.casefold() != wanted.casefold():
            raise UnsupportedServerError(
                f"{self.name}: the server answered with a run of {user!r}, though only those of "
                f"{wanted!r} were asked for; that takes Dify 1.5 or newer."
            )


_LONGEST_WAIT = 5.0
"""Longest wait between two looks while the server is away, in seconds."""

logger = logging.getLogger("dify_workflow")


class LogView:
    """What the iterators of sync and async code show of their walk."""

    def __init__(self, pager: LogPager, source: LogSource) -> None:
        self._pager = pager
        self._source = source

    @property
    def cursor(self) -> str | None:
        """Text with which to go on behind the last row (`WorkflowLogsRequest.cursor`).

        Before the first row it is where the iteration begins; None for the newest row, or one that
        has to be looked for.
        """
        return self._pager.cursor

    def __repr__(self) -> str:
        return f"<{type(self).__name__} cursor={self.cursor!r}>"


class TailView:
    """What the tails of sync and async code know."""

    def __init__(self, core: TailCore, source: LogSource, interval: float) -> None:
        if not isinstance(interval, int | float) or not 0 < interval < math.inf:
            raise InvalidRequestError(
                f"poll_interval must be seconds above zero, not {interval!r}."
            )
        self._core = core
        self._source = source
        self._interval = interval
        self._due = -math.inf
        self._away_since: float | None = None

    def _pause(self) -> float:
        """Seconds to wait before the log is looked at again."""
        now = time.monotonic()
        pause = max(0.0, self._due - now)
        self._due = now + pause + self._interval
        return pause

    def _looked(self) -> None:
        """Note that the server has answered."""
        self._away_since = None

    def _wait_out(self, error: DifyError) -> None:
        """Look again later where the server is away, as during a restart.

        Raises:
            DifyError: It is not, or for too long (`lost_run_timeout`).
        """
        now, patience = time.monotonic(), self._source.options.lost_run_timeout
        if self._away_since is None:
            self._away_since = now
        away = now - self._away_since
        if not is_outage(error) or (patience is not None and away > patience):
            raise error
        logger.info("the log cannot be read, which is tried again: %s", error)
        # Full jitter: clients that lost a server together do not come back together.
        longest = max(self._interval, min(_LONGEST_WAIT, away))
        self._due = now + random.uniform(self._interval, longest)  # noqa: S311  # no secret
