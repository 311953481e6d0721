"""Rows of the log, a log that changes while it is read, and logs of the emulator."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import attrs

from dify_workflow import WorkflowLogs
from dify_workflow._api.log_query import LogAnswer, LogQuery, Steps
from dify_workflow.emulator import Emulator, PastRun
from dify_workflow_api.models import EndUserSummary
from support.worlds import World

T = TypeVar("T")

BASE = 1_795_343_000
"""The second from which tests count (Unix)."""

MOMENT = datetime.fromtimestamp(BASE, UTC)
KEY = "app-echo"


def row(
    second: int, chance: random.Random, status: str = "succeeded", user: str = "ann"
) -> WorkflowLogs:
    """A row of the log, so many seconds after `BASE`."""
    owner = EndUserSummary(id="u", type_="service-api", is_anonymous=False, session_id=user)
    nothing: dict[str, Any] = dict.fromkeys(
        ("message", "finished_at", "workflow_run", "created_by_account")
    )
    return WorkflowLogs(
        id=str(UUID(int=chance.getrandbits(128))),
        status=status,
        created_at=BASE + second,
        created_from="service-api",
        created_by_role="end_user",
        created_by_end_user=owner,
        raw={},
        **nothing,
    )


def places(rows: Iterable[WorkflowLogs]) -> list[tuple[int, str]]:
    """Time and id of each row."""
    return [(row.created_at, row.id) for row in rows]


class ListedLog:
    """Answers queries as the server does: ORDER BY created_at DESC, OFFSET and LIMIT.

    Args:
        rows: What is in it.
        seed: Decides the order of ties.
        change: Called before each query.
        stubborn: Whether the same query always has the same order of ties, as a quiet Postgres.
    """

    def __init__(
        self,
        rows: Iterable[WorkflowLogs],
        *,
        seed: int = 0,
        change: Callable[[ListedLog], None] | None = None,
        stubborn: bool = False,
    ) -> None:
        self.rows = {row.id: row for row in rows}
        self.queries: list[LogQuery] = []
        self.answers: list[LogAnswer] = []
        self._chance = random.Random(seed)
        self._change = change
        self._stubborn = stubborn

    def add(self, *rows: WorkflowLogs) -> None:
        self.rows.update((row.id, row) for row in rows)

    def answer(self, query: LogQuery) -> LogAnswer:
        if self._change is not None:
            self._change(self)
        rows = [row for row in self.rows.values() if _matches(row, query)]
        chance = random.Random(repr(attrs.asdict(query))) if self._stubborn else self._chance
        rows.sort(key=lambda row: (-row.created_at, chance.random()))
        start = (query.page - 1) * query.limit
        answer = LogAnswer(tuple(rows[start : start + query.limit]), len(rows))
        self.queries.append(query)
        self.answers.append(answer)
        return answer

    def drive(self, steps: Steps[T]) -> T:
        """Answer the queries of a conversation, and return its outcome."""
        try:
            query = next(steps)
            while True:
                query = steps.send(self.answer(query))
        except StopIteration as end:
            outcome: T = end.value
            return outcome


def _matches(row: WorkflowLogs, query: LogQuery) -> bool:
    user = row.created_by_end_user and row.created_by_end_user.session_id
    own = {"status": row.status, "created_by_end_user_session_id": user}
    return (
        (query.after is None or row.created_at >= query.after)
        and (query.before is None or row.created_at <= query.before)
        and all(own[name] == value for name, value in query.narrowed.items())
    )


def client_of(both: World, emulator: Emulator, **options: Any) -> Any:
    return both.client(base_url=emulator.base_url, api_key=KEY, **options)


def fill(emulator: Emulator, *seconds: int, **fields: Any) -> list[tuple[int, str]]:
    """Put a row into each of the seconds after `BASE`; their places, in order."""
    runs = [PastRun(BASE + second, **fields) for second in seconds]
    emulator.add_runs(runs, "echo")
    return sorted(((int(run.created_at), run.log_id) for run in runs), reverse=True)


def calls(emulator: Emulator) -> int:
    return len([seen for seen in emulator.requests if "/workflows/logs" in seen.path])
