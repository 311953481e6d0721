"""Finds the rows that appear in the log, and says how long to wait between two requests."""

from __future__ import annotations

import logging
import math
import random
import time
from collections import deque

import attrs

from .._api.log_query import LogQuery, Steps
from .._log_cursor import LogPosition, digest_of
from ..errors import DifyError, InvalidRequestError
from ..models import WorkflowLogs, WorkflowLogsRequest
from ..outcomes import is_outage
from .pager import LogMemory, scope_of, starting_bookmark
from .walk import LATEST, LogWalk

_LONGEST_WAIT = 5.0
"""The longest wait between two requests while the server does not answer, in seconds."""

logger = logging.getLogger("dify_workflow")


class TailCore:
    """Finds the rows that appear, each once. A step that failed can be repeated.

    Args:
        request: The filters, and where to begin.
        memory: Remembers the rows that were returned.
    """

    def __init__(self, request: WorkflowLogsRequest, memory: LogMemory) -> None:
        if request.created_at_before is not None:
            raise InvalidRequestError(
                "tail_logs waits for new rows, so it does not take created_at_before; use "
                "iter_logs for rows up to a time."
            )
        self._request = request
        self._memory = memory
        self._digest = digest_of(request)
        self._scope = scope_of(request)
        self._floor = self._scope.after
        self._seen: dict[str, int] = {}
        self._ready: deque[WorkflowLogs] = deque()
        self._interval = 0.0
        self._lost_run_timeout: float | None = None
        self._due = -math.inf
        self._away_since: float | None = None
        self.has_begun = False
        """Whether it is known which rows are old."""

    def set_pace(self, interval: float, lost_run_timeout: float | None) -> None:
        """Set how often to ask the server.

        Args:
            interval: Seconds between two requests.
            lost_run_timeout: Seconds to wait while the server does not answer; None for no limit.

        Raises:
            InvalidRequestError: The interval is not above zero.
        """
        if not isinstance(interval, int | float) or not 0 < interval < math.inf:
            raise InvalidRequestError(
                f"poll_interval must be a number of seconds above zero, not {interval!r}."
            )
        self._interval, self._lost_run_timeout = interval, lost_run_timeout

    def begin(self) -> Steps[None]:
        """Find out which rows are old: all present rows, or those up to the request's position.

        Raises:
            LogCursorError: The row `last_id` was not found.
            LogWindowUnstableError: A second has more rows than can be read.
        """
        bookmark = yield from starting_bookmark(self._request, self._memory)
        if bookmark is not None:
            position = bookmark.position
            rows = yield from self._rows_from(position.created_at - LATEST)
            self._raise_floor(position.created_at)
            self._note([row for row in rows if LogPosition.of(row) <= position])
            self._deliver(rows)
        else:
            newest = (yield LogQuery(self._scope.after, None, limit=1)).rows
            if newest:
                self._note((yield from self._rows_from(newest[0].created_at - LATEST)))
        self.has_begun = True

    def poll(self) -> Steps[None]:
        """Look for new rows.

        Raises:
            LogWindowUnstableError: A second has more rows than can be read.
        """
        self._deliver((yield from self._rows_from(self._floor)))

    def pop(self) -> WorkflowLogs | None:
        """Return the oldest new row; None if there is none."""
        if not self._ready:
            return None
        row = self._ready.popleft()
        self._memory.note([row], self._digest)
        return row

    def pause(self) -> float:
        """Seconds to wait before the next request."""
        now = time.monotonic()
        pause = max(0.0, self._due - now)
        self._due = now + pause + self._interval
        return pause

    def looked(self) -> None:
        """Remember that the server has answered."""
        self._away_since = None

    def wait_out(self, error: DifyError) -> None:
        """Try again later if the server does not answer, for example during a restart.

        Raises:
            DifyError: It is another error, or it lasted longer than `lost_run_timeout`.
        """
        now, lost_run_timeout = time.monotonic(), self._lost_run_timeout
        if self._away_since is None:
            self._away_since = now
        away = now - self._away_since
        if not is_outage(error) or (lost_run_timeout is not None and away > lost_run_timeout):
            raise error
        logger.info("cannot read the log, will try again: %s", error)
        # Full jitter: clients that lost a server together must not come back together.
        longest = max(self._interval, min(_LONGEST_WAIT, away))
        self._due = now + random.uniform(self._interval, longest)  # noqa: S311  # no secret

    def _rows_from(self, floor: int | None) -> Steps[list[WorkflowLogs]]:
        """All rows of this second and later."""
        bounds = [bound for bound in (floor, self._scope.after) if bound is not None]
        walk = LogWalk(attrs.evolve(self._scope, after=max(bounds, default=None)))
        rows: list[WorkflowLogs] = []
        while not walk.ended:
            rows += yield from walk.step()
        return rows

    def _deliver(self, rows: list[WorkflowLogs]) -> None:
        new = [row for row in rows if row.id not in self._seen]
        self._ready.extend(reversed(new))
        self._note(new)

    def _note(self, rows: list[WorkflowLogs]) -> None:
        """Remember rows for as long as other rows of their time may appear."""
        self._seen.update((row.id, row.created_at) for row in rows)
        if rows:
            self._raise_floor(max(row.created_at for row in rows))

    def _raise_floor(self, newest: int) -> None:
        self._floor = max(newest - LATEST, newest - LATEST if self._floor is None else self._floor)
        self._seen = {id_: time for id_, time in self._seen.items() if time >= self._floor}
