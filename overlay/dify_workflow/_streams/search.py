"""Searches the log for a run that was sent but whose id is not known. Pure."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from .._http.failures import add_to_message
from .._http.options import Deadline
from .._http.request import Call
from .._json import JSON, JSONObject, is_list, is_object
from ..errors import (
    APIStatusError,
    DifyError,
    InvalidResponseError,
    RunDeadlineExceededError,
    RunOutcomeUnknownError,
)
from ..inputs.values import UNSENT_ID
from .protocol import OpenStream, RunCalls, SendCall, Steps, Wait

if TYPE_CHECKING:
    from .._api.log_query import LogAnswer
    from ..models import WorkflowLogs, WorkflowRunResponse

T = TypeVar("T")

_ROUNDED = 2.0
"""A row of the log may seem older than the request by this many seconds. The reason: its time is
rounded to seconds, and the Date header of an answer is cut to seconds."""

_CLOCK_SKEW = 60.0
"""How far a server's clock may be behind, if it is not known (seconds)."""

_LOOKS = 4
"""How often the log is read."""

_MOST_COMPARED = 20
"""At most this many runs are compared with the inputs that were sent."""


@attrs.frozen(eq=False, repr=False)
class SentRun:
    """A run that is sent now.

    Args:
        call: The call that sends it.
        time_at: Converts a time of the monotonic clock to the server's clock; None if that is not
            known.
        known: Ids of the runs that other calls of this client have started.
        moment: When it was sent, by the monotonic clock.
        at: The same by the clock of this machine (Unix seconds).
    """

    call: Call[Any]
    time_at: Callable[[float], float | None]
    known: Collection[str]
    moment: float = attrs.field(factory=time.monotonic)
    at: float = attrs.field(factory=time.time)

    @property
    def body(self) -> JSONObject:
        """The body of its request."""
        body: JSONObject = self.call.operation.request["json"]
        return body


class Search:
    """Searches for a run whose id is not known.

    Args:
        calls: Makes the calls of the search.
        operation: Name of the method that was called.
        sent: The run.
        seconds: How long the search may take.
        longest_wait: The longest wait between two reads of the log (seconds).
    """

    def __init__(
        self,
        calls: RunCalls,
        operation: str,
        sent: SentRun,
        seconds: float,
        longest_wait: float,
    ) -> None:
        self._calls = calls
        self._operation = operation
        self._sent = sent
        self._seconds = seconds
        self._longest_wait = longest_wait
        self._compared: dict[str, bool] = {}
        options = sent.call.options
        self._left = options.max_retries if options.at_least_once else 0
        self._is_absent = False

    def find_or_explain(self, failure: DifyError) -> Steps[None]:
        """Send the run again if that is allowed; otherwise raise an error.

        Raises:
            DifyError: The run was not sent again. The error says what is known about it.
        """
        while True:
            explained = yield from self.explain(failure)
            again = self.to_repeat()
            if again is None:
                raise explained
            try:
                yield OpenStream(again)
            except DifyError as error:
                failure = error
            else:
                return

    def to_repeat(self) -> Call[object] | None:
        """The call, if it may be sent again: the log was read and does not show the run."""
        if not self._is_absent or self._left <= 0:
            return None
        self._left -= 1
        return self._sent.call

    def explain(self, failure: DifyError) -> Steps[DifyError]:
        """The exception that says what is known about the run.

        An error from the server's answer is returned with more text. If there was no answer, the
        exception is a `RunOutcomeUnknownError`.
        """
        self._is_absent = False
        try:
            found, what = yield from self._searched()
        except RunDeadlineExceededError as late:
            return RunDeadlineExceededError(
                f"{late} Whether the run has started is not known, and it is not sent again. "
                f"{failure}",
                request_sent=True,
            )
        is_clocked = self._since is not None
        candidates = tuple(found or ()) if is_clocked else ()
        possible = () if is_clocked else tuple(found or ())
        unknown: DifyError
        if isinstance(failure, APIStatusError | InvalidResponseError):
            unknown = failure
            add_to_message(unknown, f"Whether the run has started is not known: {what}")
        else:
            unknown = RunOutcomeUnknownError(
                f"{self._operation}: whether the run has started is not known, and it is not sent "
                f"again: {what} {failure}"
            )
            unknown.__cause__ = failure
        unknown.outcome = "unknown"
        unknown.candidates, unknown.possible_runs = candidates, possible
        self._is_absent = found is not None and not found
        return unknown

    @property
    def _since(self) -> float | None:
        """The time of the request by the server's clock; None if it is not known."""
        return self._sent.time_at(self._sent.moment)

    def _searched(self) -> Steps[tuple[list[str] | None, str]]:
        """The runs that may be this run (None if the log could not be read), and a sentence."""
        until = Deadline(self._operation, self._seconds)
        found: list[str] | None = None
        problem: DifyError | None = None
        for look in range(_LOOKS):
            if look:
                wait = min(self._longest_wait, 2.0**look) * random.uniform(0.75, 1.25)  # noqa: S311  # no secret
                if wait > until.left:
                    break
                yield Wait(wait)
            try:
                found = yield from self._look(until)
            except RunDeadlineExceededError:
                raise
            except DifyError as error:
                if not look and _is_foreign(error):
                    return None, f"the server is not Dify; check the base URL ({error})."
                problem = error
            if found:
                break
        if found:
            doubt = "" if self._since is not None else ", but some may be older than the request"
            return found, f"the log shows {', '.join(found)} with these inputs{doubt}."
        if found is None:
            return None, f"the log could not be read ({problem})."
        return found, "no run of this user with these inputs is in the log."

    def _look(self, until: Deadline) -> Steps[list[str]]:
        """The runs in the log that may be this run."""
        answer: LogAnswer = yield from self._answer(self._calls.logs(), until)
        since = self._since
        earliest = self._sent.at - _CLOCK_SKEW if since is None else since - _ROUNDED
        found: list[str] = []
        for row in answer.rows:
            # Servers before 1.5 ignore the filter and show the runs of all users.
            if row.workflow_run is None or row.created_at < earliest or not self._is_ours(row):
                continue
            run_id = row.workflow_run.id
            if run_id not in self._sent.known and (yield from self._has_same_inputs(run_id, until)):
                found.append(run_id)
        return found

    def _has_same_inputs(self, run_id: str, until: Deadline) -> Steps[bool]:
        if run_id not in self._compared:
            if len(self._compared) >= _MOST_COMPARED:
                return False
            body = self._sent.body
            files: list[JSON] = body.get("files") or []
            run: WorkflowRunResponse = yield from self._answer(self._calls.detail(run_id), until)
            self._compared[run_id] = same_inputs(body["inputs"], run.inputs, files)
        return self._compared[run_id]

    def _answer(self, call: Call[T], until: Deadline) -> Steps[T]:
        """The answer to a call, within the time of the search and the deadline of the caller."""
        bounded = call.changed(deadline=until) if until.left < call.deadline.left else call
        try:
            answer: T = yield SendCall(bounded)
        except RunDeadlineExceededError:
            if bounded is call:
                raise
            raise DifyError(f"the search took longer than {until.seconds:g} s") from None
        return answer

    def _is_ours(self, row: WorkflowLogs) -> bool:
        user = row.created_by_end_user
        return user is not None and user.session_id == self._sent.body["user"]


def _is_foreign(error: DifyError) -> bool:
    """Whether an answer to the search did not come from Dify."""
    if isinstance(error, APIStatusError):
        is_gateway = error.status_code in {502, 503, 504}
        return error.code is None and "x-version" not in error.headers and not is_gateway
    return isinstance(error, InvalidResponseError)


def same_inputs(
    inputs: JSONObject, found: JSONObject | None, files: list[JSON] | None = None
) -> bool:
    """Whether a run may have been started with these inputs and files.

    The server adds its own inputs (``sys.…``) and defaults, removes undeclared inputs, and changes
    the form of files.
    """
    known = found or {}
    own = {name: value for name, value in known.items() if not name.startswith("sys.")}
    return _same(files, known.get("sys.files") or []) and all(
        name not in inputs or _same(inputs[name], value) for name, value in own.items()
    )


def _same(sent: JSON, found: JSON) -> bool:
    if sent is None or sent == found:
        return True
    if is_list(sent) and is_list(found):
        return len(sent) == len(found) and all(map(_same, sent, found))
    if is_object(found) and "dify_model_identity" in found:
        return is_object(sent) and _same_file(sent, found)
    return str(sent) == str(found)


def _same_file(sent: JSONObject, found: JSONObject) -> bool:
    upload, url = sent.get("upload_file_id"), sent.get("url")
    if upload is not None:
        return upload == UNSENT_ID or found.get("related_id") in {None, upload}
    return url is None or found.get("remote_url") in {None, "", url}
