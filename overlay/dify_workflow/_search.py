"""Looking for a run that was sent and whose id never came. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import attrs

from ._call import Call
from ._conversation import Ask, RunCalls, Steps
from ._deadline import Deadline
from ._json import JSONObject
from .errors import (
    APIConnectionError,
    APIStatusError,
    DifyError,
    RunDeadlineExceededError,
    RunOutcomeUnknownError,
)

if TYPE_CHECKING:
    from ._log_query import LogAnswer
    from .models import WorkflowLogs

T = TypeVar("T")

_CLOCK_SKEW = timedelta(seconds=60)
"""How far the server's clock may be behind when a run is looked for in the logs."""

_MOST_CANDIDATES = 20
"""Runs whose inputs are compared with those of a run whose id never came."""

_WITHOUT_ANSWER = frozenset({502, 504, 520, 522, 524})
"""Answers of proxies that do not say whether the server got the request."""


class Search:
    """Looks for a run whose id never came.

    Args:
        calls: The calls that do so.
        operation: Name of the method that was called.
        inputs: The inputs that were sent.
        sent_at: When they were.
        seconds: How long the search may take.
    """

    def __init__(
        self,
        calls: RunCalls,
        operation: str,
        inputs: JSONObject,
        sent_at: datetime,
        seconds: float,
    ) -> None:
        self._calls = calls
        self._operation = operation
        self._inputs = inputs
        self._sent_at = sent_at
        self._seconds = seconds

    def explain(self, failure: DifyError) -> Steps[DifyError]:
        """The exception that says what is known of the run.

        Args:
            failure: What happened.
        """
        candidates: list[str] = []
        try:
            yield from self._find(candidates)
        except RunDeadlineExceededError as late:
            return RunDeadlineExceededError(
                f"{late} Whether it has started is not known, and it is not sent again. {failure}",
                request_sent=True,
            )
        except DifyError as error:
            what = f"not all of the logs could be read ({error})"
        else:
            what = "no run with these inputs is in the logs"
        if candidates:
            what = f"the logs show {', '.join(candidates)} with these inputs"
        unknown = RunOutcomeUnknownError(
            f"{self._operation}: whether the run has started is not known, and it is not sent "
            f"again; {what}. {failure}",
            candidates=candidates,
        )
        unknown.__cause__ = failure
        return unknown

    def _find(self, found: list[str]) -> Steps[None]:
        """Note the ids of runs with the same user and inputs since the request."""
        until = Deadline(self._operation, self._seconds)
        since = int((self._sent_at - _CLOCK_SKEW).timestamp())
        answer: LogAnswer = yield from self._answer(self._calls.logs(since), until)
        # Servers before 1.5 show everybody's runs.
        own = [
            row.workflow_run.id for row in answer.rows if row.workflow_run and self._is_ours(row)
        ]
        for run_id in own[:_MOST_CANDIDATES]:
            run = yield from self._answer(self._calls.detail(run_id), until)
            if same_inputs(self._inputs, run.inputs or {}):
                found.append(run_id)

    def _answer(self, call: Call[T], until: Deadline) -> Steps[T]:
        """The answer to a call, within the time of the search and of who waits for it."""
        bounded = attrs.evolve(call, deadline=until) if until.left < call.deadline.left else call
        try:
            answer: T = yield Ask(bounded)
        except RunDeadlineExceededError:
            if bounded is call:
                raise
            raise DifyError(f"looking for it took longer than {until.seconds:g} s") from None
        return answer

    def _is_ours(self, row: WorkflowLogs) -> bool:
        user = row.created_by_end_user
        return user is not None and user.session_id == self._calls.user


def is_unknown(error: DifyError) -> bool:
    """Whether a failed request for a run leaves open whether there is one."""
    if isinstance(error, APIConnectionError):
        return error.request_sent
    return isinstance(error, APIStatusError) and error.status_code in _WITHOUT_ANSWER


def same_inputs(sent: JSONObject, found: JSONObject) -> bool:
    """Whether a run was started with these inputs, as far as one can tell.

    The server adds its own (``sys.…``), drops undeclared ones, and writes files in another way.
    """
    own = {name: value for name, value in found.items() if not name.startswith("sys.")}
    return all(_same(sent.get(name), value) for name, value in own.items() if not _is_file(value))


def _same(sent: object, found: object) -> bool:
    return sent == found or sent is None or str(sent) == str(found)


def _is_file(value: object) -> bool:
    first = value[0] if isinstance(value, list) and value else value  # pyright: ignore[reportUnknownVariableType]  # JSON
    return isinstance(first, dict) and "dify_model_identity" in first


def now() -> datetime:
    """The time at which a request is sent."""
    return datetime.now(UTC)
