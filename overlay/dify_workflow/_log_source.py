"""What stands between a walk and the server: queries become calls, and answers are looked at."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any, TypeVar

import attrs

from . import _operations as operations
from ._call import Call, call_for
from ._log_query import LogAnswer, LogQuery, Steps
from ._options import Options
from ._servers import Servers
from .errors import InvalidResponseError, UnsupportedServerError
from .models import WorkflowLogs, WorkflowLogsRequest

T = TypeVar("T")

_IGNORES_USERS = re.compile(r"(0|1\.[0-4])(\.|$)")
"""Versions that ignore `created_by_…` and list everybody's runs (DIFY-VERSIONS.md)."""


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
        key = self.options.key(self.request.api_key)
        try:
            query = next(steps)
            while True:
                self._check_version()
                operation = operations.list_workflow_logs(self.name, self.request, query)
                answer: LogAnswer = yield call_for(self.options, operation, key)
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
