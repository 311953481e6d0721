"""The rows that appear in the log, each once, and how long to wait between two looks."""

from __future__ import annotations

import logging
import math
import random
import time
from collections import deque

import attrs

from .._api.log_query import LATEST, LogQuery, Steps
from .._log_cursor import LogPosition, digest_of
from ..errors import DifyError, InvalidRequestError
from ..models import WorkflowLogs, WorkflowLogsRequest
from ..outcomes import is_outage
from .pager import LogMemory, scope_of, starting_bookmark
from .walk import LogWalk

_LONGEST_WAIT = 5.0
"""Longest wait between two looks while the server is away, in seconds."""

logger = logging.getLogger("dify_workflow")


class TailCore:
    """Finds the rows that appear, each once; a step that failed can be taken again.

    Args:
        request: Which rows, and after which one to begin.
        memory: Where rows that were returned are remembered.
    """

    def __init__(self, request: WorkflowLogsRequest, memory: LogMemory) -> None:
        if request.created_at_before is not None:
            raise InvalidRequestError(
                "tail_logs follows what comes, so created_at_before makes no sense; iter_logs has "
                "an end."
            )
        self._request = request
        self._memory = memory
        self._digest = digest_of(request)
        self._scope = scope_of(request)
        self._floor = self._scope.after
        self._seen: dict[str, int] = {}
        self._ready: deque[WorkflowLogs] = deque()
        self._interval = 0.0
        self._patience: float | None = None
        self._due = -math.inf
        self._away_since: float | None = None
        self.has_begun = False
        """Whether it is settled which rows are old."""

    def set_pace(self, interval: float, patience: float | None) -> None:
        """Say how often to look.

        Args:
            interval: Seconds between two looks.
            patience: Seconds for which an outage of the server is waited out; None for ever.

        Raises:
            InvalidRequestError: The interval is not above zero.
        """
        if not isinstance(interval, int | float) or not 0 < interval < math.inf:
            raise InvalidRequestError(
                f"poll_interval must be seconds above zero, not {interval!r}."
            )
        self._interval, self._patience = interval, patience

    def begin(self) -> Steps[None]:
        """Settle which rows are old: all that there are, or those up to the request's place.

        Raises:
            LogCursorError: The row after which to begin was not found.
            LogWindowUnstableError: A second has more rows than can be read.
        """
        bookmark = yield from starting_bookmark(self._request, self._memory)
        if bookmark is not None:
            place = bookmark.position
            rows = yield from self._rows_from(place.created_at - LATEST)
            self._raise_floor(place.created_at)
            self._note([row for row in rows if LogPosition.of(row) <= place])
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
        """Hand out a new row, the oldest first; None where there is none."""
        if not self._ready:
            return None
        row = self._ready.popleft()
        self._memory.note([row], self._digest)
        return row

    def pause(self) -> float:
        """Seconds to wait before the log is looked at again."""
        now = time.monotonic()
        pause = max(0.0, self._due - now)
        self._due = now + pause + self._interval
        return pause

    def looked(self) -> None:
        """Note that the server has answered."""
        self._away_since = None

    def wait_out(self, error: DifyError) -> None:
        """Look again later where the server is away, as during a restart.

        Raises:
            DifyError: It is not, or for too long (`lost_run_timeout`).
        """
        now, patience = time.monotonic(), self._patience
        if self._away_since is None:
            self._away_since = now
        away = now - self._away_since
        if not is_outage(error) or (patience is not None and away > patience):
            raise error
        logger.info("the log cannot be read, which is tried again: %s", error)
        # Full jitter: clients that lost a server together do not come back together.
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
        """Remember rows for as long as others of their time may appear."""
        self._seen.update((row.id, row.created_at) for row in rows)
        if rows:
            self._raise_floor(max(row.created_at for row in rows))

    def _raise_floor(self, newest: int) -> None:
        self._floor = max(newest - LATEST, newest - LATEST if self._floor is None else self._floor)
        self._seen = {id_: time for id_, time in self._seen.items() if time >= self._floor}
