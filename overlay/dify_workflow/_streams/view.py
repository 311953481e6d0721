"""What the event streams of sync and async code show of their run; they themselves only read."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from .._http.failures import BodyClosedError
from .._json import JSONObject
from ..errors import APIConnectionError

if TYPE_CHECKING:
    from .session import StreamSession

STOP_SECONDS = 5.0
"""Seconds that the stop of a run may take whose deadline has passed."""


class StreamView:
    """What both streams show of their run."""

    def __init__(self, session: StreamSession) -> None:
        self._session = session
        self._closed = False

    @property
    def run_id(self) -> str | None:
        """Id of the run (UUID), from whichever event first brought it; None before that."""
        return self._session.run.run_id

    @property
    def task_id(self) -> str | None:
        """Id of the task, from whichever event first brought it; None before that."""
        return self._session.run.task_id

    @property
    def request_sent(self) -> bool:
        """Whether the server may have got the request for the run.

        It is False where sending it was cancelled, or failed, while it was checked or still
        connecting: nothing was run then. Of a run that is only followed it is False, too.
        """
        return self._session.is_sent

    @property
    def last_activity(self) -> datetime | None:
        """When the server last sent anything (UTC), its pings included; None before that."""
        heard_at = self._session.feed.last_activity
        if heard_at is None:
            return None
        return datetime.now(UTC) - timedelta(seconds=time.monotonic() - heard_at)

    def node_outputs(self) -> dict[str, JSONObject]:
        """Outputs by node id, of the nodes that have ended so far.

        A node that ran several times, in an iteration or a loop, has its last outputs.

        Raises:
            StreamDecodeError: An event of a node cannot be read.
        """
        return self._session.run.nodes.outputs()

    def __repr__(self) -> str:
        state = "ended" if self._session.ended else "closed" if self._closed else "open"
        return f"<{type(self).__name__} run_id={self.run_id!r} {state}>"

    def _lose(self, error: APIConnectionError) -> None:
        """Take that the connection broke; where that was wanted, nothing is recovered."""
        error.__traceback__ = None  # its frames hold what came, in which the key may stand
        if isinstance(error, BodyClosedError):
            self._session.fail(self._session.interrupted(error))
        else:
            self._session.finish(error)

    def _at_end(self) -> None:
        """Return where the stream has ended as it should.

        Raises:
            StreamError: It has not.
        """
        if self._session.failure is not None:
            raise self._session.failure
        if not self._session.ended:
            raise self._session.errors.left_early()
