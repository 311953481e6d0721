"""What both clients decide; they themselves only send."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Protocol, Self, TypeVar

from ._call import Call, call_for
from ._deadline import NO_DEADLINE, Deadline
from ._log_cursor import LogTimes
from ._log_pager import LogPager
from ._log_source import LogSource
from ._log_tail import TailCore
from ._operations import Operation
from ._options import NOT_GIVEN, NotGiven, Options
from ._preparation import InputForms, Preparation
from ._secret import ApiKey
from ._stream_core import StreamCore
from ._transport import Timeout, Versions
from .errors import InvalidRequestError
from .models import WorkflowLogsRequest

T = TypeVar("T")


class AnyTransport(Protocol):
    """What both transports have."""

    versions: Versions


TransportT = TypeVar("TransportT", bound=AnyTransport)


class ClientBase(Generic[TransportT]):
    """Options, connections and what is remembered between calls.

    Args:
        options: How the client is set up.
        transport: What it sends with; copies share it.
    """

    def __init__(self, options: Options, transport: TransportT) -> None:
        self._options = options
        self._transport = transport
        self._owns_transport = True
        self._forms = InputForms()
        self._log_times = LogTimes()

    @property
    def base_url(self) -> str:
        """Base URL of the server, without a slash at its end."""
        return self._options.base_url

    @property
    def user_id(self) -> str:
        """Who runs are for, where a request does not say."""
        return self._options.user_id

    @property
    def server_version(self) -> str | None:
        """Version of the server, such as ``"1.14.2"``; None until it has answered.

        Proxies may drop the header that says it (X-Version).
        """
        return self._transport.versions[self._options.base_url]

    def __repr__(self) -> str:
        if not hasattr(self, "_options"):  # a debugger looks at a constructor that failed
            return f"<{type(self).__name__} without options>"
        return f"{type(self).__name__}(base_url={self.base_url!r}, user_id={self.user_id!r})"

    def _call(
        self,
        operation: Operation[T],
        key: ApiKey | None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        deadline: Deadline = NO_DEADLINE,
    ) -> Call[T]:
        options = self._options.within(timeout)
        return call_for(options, operation, options.key(key), deadline)

    def _preparation(
        self, name: str, timeout: Timeout | NotGiven, deadline: Deadline = NO_DEADLINE
    ) -> Preparation:
        options = self._options.within(timeout)
        return Preparation(name, options, self._transport.versions, self._forms, deadline)

    def _core(
        self,
        name: str,
        *,
        run_id: str | None = None,
        ends_at_pause: bool = True,
        deadline: Deadline = NO_DEADLINE,
    ) -> StreamCore:
        return StreamCore(
            name,
            max_event_bytes=self._options.max_event_bytes,
            ends_at_pause=ends_at_pause,
            run_id=run_id,
            deadline=deadline,
        )

    def _log_pager(
        self,
        name: str,
        request: WorkflowLogsRequest | None,
        timeout: Timeout | NotGiven,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        most: int | None = None,
    ) -> tuple[LogPager, LogSource]:
        source = self._log_source(name, request, timeout)
        times = self._log_times
        return LogPager(source.request, times, since=since, until=until, most=most), source

    def _tail_core(
        self, name: str, request: WorkflowLogsRequest | None, timeout: Timeout | NotGiven
    ) -> tuple[TailCore, LogSource]:
        source = self._log_source(name, request, timeout)
        return TailCore(source.request, self._log_times), source

    def _log_source(
        self, name: str, request: WorkflowLogsRequest | None, timeout: Timeout | NotGiven
    ) -> LogSource:
        if request is not None and not isinstance(request, WorkflowLogsRequest):
            raise InvalidRequestError(
                f"{name} takes a WorkflowLogsRequest, not {type(request).__name__}."
            )
        request = WorkflowLogsRequest() if request is None else request
        return LogSource(name, request, self._options.within(timeout), self._transport.versions)

    def _copy(self, transport: TransportT | None, **changes: Any) -> Self:
        """A copy with other options, whose closing leaves the connections open."""
        copy = object.__new__(type(self))
        copy._options = self._options.changed(**changes)
        copy._transport = transport or self._transport
        copy._owns_transport = False
        copy._forms = self._forms
        copy._log_times = self._log_times
        return copy


def checked_mode(response_mode: str, *, stop_on_deadline: bool) -> None:
    """Refuse a response mode that there is not, or that cannot do what is asked for.

    Raises:
        InvalidRequestError: It is neither of the two, or names no task that could be stopped.
    """
    if response_mode not in {"streaming", "blocking"}:
        raise InvalidRequestError(
            f"response_mode must be 'streaming' or 'blocking', not {response_mode!r}."
        )
    if stop_on_deadline and response_mode == "blocking":
        raise InvalidRequestError(
            "stop_on_deadline needs response_mode='streaming': a blocking call learns the task, "
            "which stops a run, only when the run has ended."
        )
