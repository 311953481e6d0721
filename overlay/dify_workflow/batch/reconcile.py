"""Find the runs of rows that were sent and whose run ids did not arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import attrs
from anyio import sleep, to_thread

from .._json import JSONObject
from ..async_client import AsyncDifyWorkflow
from ..errors import DifyError, InvalidRequestError, UnsupportedServerError
from ..inputs import planned_inputs
from ..internals import same_inputs, server_time
from ..models import WorkflowLogs, WorkflowLogsRequest, WorkflowRunResponse
from .records import (
    PENDING,
    RUNNING,
    SENDING,
    UNKNOWN,
    Began,
    Ended,
    Release,
    RowRecord,
    RowResult,
    digest,
)
from .worker import OnResult, Source, Worker
from .writer import JournalWriter, time_of

if TYPE_CHECKING:
    from .columns import Columns
    from .journal import Journal
    from .limiter import ServerMonitor

SETTLING = 5.0
"""Seconds until a run must be in the logs. A row that was sent earlier and is not there is reported
as unknown."""

_SKEW = 60.0
"""Seconds that the server's clock may be behind, if it is not known."""

_ROUNDED = 2.0
"""Seconds by which a run may seem older than its row if the server's clock is known, because that
clock has whole seconds."""

_HORIZON = 3600.0
"""Seconds after sending in which a run may still begin: it may wait in a queue, and the server's
clock may be ahead."""

_MOST = 10_000
"""Maximum number of rows that are looked for at a time."""

_UNDECIDED = frozenset({"running", "scheduled"})

_PAGE = 100
"""Rows of the log that are compared with the journal at a time."""


@attrs.frozen
class Unknown:
    """A row whose outcome is unknown, and the result that says so."""

    record: RowRecord
    result: RowResult
    is_absent: bool
    """Whether all of the logs were read, and no run there can belong to the row."""


@attrs.define
class _Group:
    """Rows that were sent with the same inputs: a run can be given to any of them."""

    inputs: JSONObject | None
    records: list[RowRecord] = attrs.field(factory=list[RowRecord])
    runs: list[str] = attrs.field(factory=list[str])

    def may_have(self, run: WorkflowRunResponse, skew: float) -> bool:
        """Whether a run, which may seem older by `skew` seconds, may belong to one of the rows."""
        since = min(record.sent_at or 0.0 for record in self.records) - skew
        if self.inputs is None or (run.created_at is not None and run.created_at < since):
            return False
        return same_inputs(self.inputs, run.inputs)

    def shared_out(self) -> list[str | None]:
        """A run or None for each row; only None if there are more runs than rows."""
        if len(self.runs) > len(self.records):
            return [None] * len(self.records)
        return [*self.runs, *[None] * (len(self.records) - len(self.runs))]

    def explanation(self) -> str:
        """Why its rows have no run."""
        if self.inputs is None:
            return "it was sent, but its run cannot be found: its inputs can no longer be made"
        if self.runs:
            return (
                f"it was sent, but it is not known which run is its own: the logs show "
                f"{', '.join(self.runs[:5])} with these inputs"
            )
        return "it was sent, and no run with its inputs is in the logs"


class Reconciler:
    """Looks in the logs for runs that belong to rows: same user, time and inputs."""

    def __init__(
        self,
        client: AsyncDifyWorkflow,
        columns: Columns,
        journal: Journal,
        writer: JournalWriter,
        monitor: ServerMonitor,
    ) -> None:
        self._client = client
        self._columns = columns
        self._journal = journal
        self._writer = writer
        self._monitor = monitor

    async def look(self, *, is_final: bool) -> tuple[list[RowRecord], list[Unknown]]:
        """Look for runs and note the ones that are found, which can then be followed.

        Args:
            is_final: Whether rows without a run are noted as unknown, because all runs must be in
                the logs by now. If False, these rows are not changed.

        Returns:
            The rows whose runs were found, and the rows that are now unknown.
        """
        found: list[RowRecord] = []
        unknown: list[Unknown] = []
        async for records in self._some(SENDING, UNKNOWN):
            lost = [record for record in records if record.run_id is not None]
            known = [record for record in lost if await self._has_ended(record)]
            missing = [record for record in records if record.run_id is None]
            assigned, left = await self._assigned(missing, is_final=is_final)
            known = [attrs.evolve(record, state=RUNNING) for record in [*known, *assigned]]
            for record in known:
                self._writer.note(Began(record.number, str(record.run_id), None))
            for each in left:
                self._writer.note(Ended(UNKNOWN, each.result))
            await self._writer.flush()
            found += known
            unknown += left
        return found, unknown

    async def settle(self, worker: Worker, slots: int, repeats: int, on_result: OnResult) -> None:
        """Follow the runs of rows whose outcome was not known, and report the other rows.

        Before that, rows that have no run are sent again, up to `repeats` times.
        """
        for left in range(repeats, -1, -1):
            found, unknown = await self.look(is_final=True)
            again = [each.record for each in unknown if each.is_absent] if left else []
            await self.release(again)
            for each in unknown if not again else ():
                await on_result(each.result)
            pending = [attrs.evolve(record, state=PENDING) for record in again]
            await worker.work(Source([[*found, *pending]]), slots)
            if not again:
                return

    async def give_up(self) -> None:
        """Release all rows that are unknown, so that they are sent again."""
        async for records in self._some(UNKNOWN):
            await self.release(records)

    async def release(self, records: Iterable[RowRecord]) -> None:
        """Release rows, so that they are sent again."""
        for record in records:
            self._writer.note(Release(record.number, was_sent=True, run_id=record.run_id))
        await self._writer.flush()

    async def _some(self, *states: str) -> AsyncIterator[list[RowRecord]]:
        """The rows in these states, in blocks."""
        blocks = self._journal.blocks(*states, limit=_MOST)
        while records := await to_thread.run_sync(next, blocks, None):
            yield records

    async def _assigned(
        self, missing: Sequence[RowRecord], *, is_final: bool
    ) -> tuple[list[RowRecord], list[Unknown]]:
        """The rows whose runs are in the logs, with these runs, and the rows that are unknown."""
        found: list[RowRecord] = []
        unknown: list[Unknown] = []
        if not missing:
            return found, unknown
        if is_final:
            last = max(record.sent_at or 0.0 for record in missing)
            await sleep(max(0.0, min(SETTLING, last + SETTLING - time_of(self._client))))
        groups = self._grouped(missing)
        reason = await self._fill(groups, missing)
        for group in groups:
            for record, run_id in zip(group.records, group.shared_out(), strict=True):
                if run_id is not None:
                    found.append(attrs.evolve(record, run_id=run_id))
                elif is_final:
                    result = record.without_run(UNKNOWN, reason or group.explanation())
                    is_absent = reason is None and group.inputs is not None and not group.runs
                    unknown.append(Unknown(record, result, is_absent))
        return found, unknown

    async def _has_ended(self, record: RowRecord) -> bool:
        """Whether the server now knows how a run ended that could not be followed."""
        try:
            run = await self._monitor.answer(partial(self._client.info, str(record.run_id)))
        except DifyError:
            return False
        return run.status not in _UNDECIDED

    def _grouped(self, records: Sequence[RowRecord]) -> list[_Group]:
        groups: dict[str, _Group] = {}
        for record in records:
            try:
                inputs = planned_inputs(self._columns.inputs(record.row))
            except InvalidRequestError:  # a file is gone, or the app has other inputs now
                groups[record.key] = _Group(None, [record])
                continue
            groups.setdefault(f"= {digest(inputs)}", _Group(inputs)).records.append(record)
        return list(groups.values())

    async def _fill(self, groups: Sequence[_Group], records: Sequence[RowRecord]) -> str | None:
        """Add each run that does not belong to another row to the groups it may belong to.

        Returns:
            Why the logs could not be read completely; None if they were.
        """
        times = [record.sent_at or 0.0 for record in records]
        skew = _SKEW if server_time(self._client) is None else _ROUNDED

        async def fill() -> None:
            for group in groups:
                group.runs.clear()
            async for run_id in self._unclaimed(min(times) - skew, max(times) + _HORIZON):
                run = await self._client.info(run_id)
                for group in groups:
                    if group.may_have(run, skew):
                        group.runs.append(run_id)

        try:
            await self._monitor.answer(fill)
        except DifyError as error:
            return f"it is not known whether it has a run: the logs could not be read ({error})"
        return None

    async def _unclaimed(self, since: float, until: float) -> AsyncIterator[str]:
        """Ids of runs of the batch's user in this time that do not belong to a row yet."""
        page: list[str] = []
        moments = datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC)
        async for row in self._logs(*moments):
            user = row.created_by_end_user
            if row.workflow_run and user is not None and user.session_id == self._client.user_id:
                page.append(row.workflow_run.id)
            if len(page) >= _PAGE:
                for run_id in await self._without_row(page):
                    yield run_id
                page = []
        for run_id in await self._without_row(page):
            yield run_id

    async def _logs(self, since: datetime, until: datetime) -> AsyncIterator[WorkflowLogs]:
        of_user = WorkflowLogsRequest(created_by_end_user_session_id=self._client.user_id)
        try:
            async for row in self._client.iter_logs(of_user, since=since, until=until):
                yield row
        except UnsupportedServerError:  # before Dify 1.5 the log cannot be filtered by user
            async for row in self._client.iter_logs(since=since, until=until):
                yield row

    async def _without_row(self, run_ids: list[str]) -> list[str]:
        claimed = await to_thread.run_sync(self._journal.claimed_runs, run_ids)
        return [run_id for run_id in run_ids if run_id not in claimed]
