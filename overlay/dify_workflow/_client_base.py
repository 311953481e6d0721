"""What both clients decide; they themselves only send."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

import attrs

from . import _operations as operations
from ._call import Call, call_for
from ._conversation import RunCalls
from ._deadline import Deadline
from ._json import JSONObject
from ._observer import Observer
from ._operations import Operation
from ._options import NotGiven, Options, checked_timeout
from ._patience import Pace, Patience
from ._preparation import InputForms, Preparation
from ._request import Timeout
from ._run_state import StoppedTasks
from ._search import Search, now
from ._secret import ApiKey
from ._stream_core import StreamCore
from ._transport import Versions
from .errors import InvalidRequestError

if TYPE_CHECKING:
    from ._log_pager import LogPager
    from ._log_query import LogAnswer
    from ._log_source import LogSource
    from ._log_tail import TailCore
    from ._recovery import Recovery
    from ._stream_core import Means
    from .models import WorkflowLogsRequest, WorkflowRunRequest

T = TypeVar("T")


class AnyTransport(Protocol):
    """What both transports have."""

    versions: Versions

    @property
    def is_given(self) -> bool:
        """Whether it sends with an httpx client of the user's own."""
        ...


TransportT = TypeVar("TransportT", bound=AnyTransport)
ClientT = TypeVar("ClientT", bound="ClientBase[Any]")


class ClientBase(Generic[TransportT]):
    """Options, connections and what is remembered between calls.

    Args:
        options: How the client is set up.
        transport: What it sends with; copies share it.
    """

    _pace = Pace()
    """How fast lost runs are looked for; set another one on a client whose tests shall not wait."""

    def __init__(self, options: Options, transport: TransportT) -> None:
        self._options = options
        self._transport = transport
        self._owns_transport = True
        self._forms = InputForms()
        self._stops = StoppedTasks()

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

    def _within(self, timeout: Timeout | NotGiven, deadline: Deadline | None = None) -> Self:
        """This client with bounds for one call.

        Args:
            timeout: Bounds of each request; `NOT_GIVEN` for the client's.
            deadline: When all of the call has to be over; None for when it has to anyway.

        Raises:
            InvalidRequestError: The bounds cannot be right.
        """
        if isinstance(timeout, NotGiven) and (
            deadline is None or deadline is self._options.deadline
        ):
            return self
        checked = checked_timeout(timeout, InvalidRequestError)
        return self._copy(None, timeout=checked, deadline=deadline)

    def _call(self, operation: Operation[T], key: ApiKey | None) -> Call[T]:
        return call_for(self._options, operation, self._options.key(key))

    def _preparation(self, name: str) -> Preparation:
        return Preparation(name, self._options, self._transport.versions, self._forms)

    def _run_calls(self, name: str, key: ApiKey, user: str, *, continues: bool = False) -> RunCalls:
        """The calls that find a run again.

        They always ask for what has been: what the gap swallowed is told so, and a pause is.
        """

        def call(operation: Operation[T]) -> Call[T]:
            named = attrs.evolve(operation, name=name)
            made = call_for(self._options, named, key)
            return attrs.evolve(made, max_retries=0, queue_timeout=0)

        def events(run_id: str, last_event_id: str | None) -> Call[Any]:
            return call(
                operations.stream_workflow_events(
                    run_id,
                    user,
                    include_state_snapshot=True,
                    continue_on_pause=continues,
                    last_event_id=last_event_id,
                )
            )

        def newest_logs(since: int) -> Call[LogAnswer]:
            from ._log_query import LogQuery
            from .models import WorkflowLogsRequest

            request = WorkflowLogsRequest(created_by_end_user_session_id=user)
            query = LogQuery(after=since, before=None)
            return call(operations.list_workflow_logs(name, request, query))

        return RunCalls(
            events=events,
            detail=lambda run_id: call(operations.get_workflow_run(run_id)),
            logs=newest_logs,
            user=user,
            server_version=lambda: self.server_version,
        )

    def _core(self, name: str, **what: Any) -> StreamCore:
        """What is known of a stream before it is opened."""
        return StreamCore(
            name,
            max_event_bytes=self._options.max_event_bytes,
            stops=self._stops,
            server_version=lambda: self.server_version,
            deadline=self._options.deadline,
            **what,
        )

    def _log_pager(
        self,
        name: str,
        request: WorkflowLogsRequest | None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        most: int | None = None,
    ) -> tuple[LogPager, LogSource]:
        from ._log_memory import RETURNED  # most programs read no logs
        from ._log_pager import LogPager

        source = self._log_source(name, request)
        return LogPager(source.request, RETURNED, since=since, until=until, most=most), source

    def _tail_core(
        self, name: str, request: WorkflowLogsRequest | None
    ) -> tuple[TailCore, LogSource]:
        from ._log_memory import RETURNED
        from ._log_tail import TailCore

        source = self._log_source(name, request)
        return TailCore(source.request, RETURNED), source

    def _log_source(self, name: str, request: WorkflowLogsRequest | None) -> LogSource:
        from ._log_source import LogSource
        from .models import WorkflowLogsRequest

        if request is not None and not isinstance(request, WorkflowLogsRequest):
            raise InvalidRequestError(
                f"{name} takes a WorkflowLogsRequest, not {type(request).__name__}."
            )
        request = WorkflowLogsRequest() if request is None else request
        return LogSource(name, request, self._options, self._transport.versions)

    def _equip(self, core: StreamCore, name: str, call: Call[Any]) -> StreamCore:
        """Let a stream find its run again, now that it is known what is sent."""
        if self._options.recover:
            sent_at = now()

            def means() -> Means:
                user: str = call.operation.request["json"]["user"]
                calls = self._run_calls(name, call.key, user)
                return self._recovery(calls), self._search(name, call, sent_at)

            core.equip(means)
        return core

    def _events_core(
        self,
        name: str,
        run_id: str,
        key: ApiKey,
        user_id: str | None,
        *,
        snapshot: bool,
        continues: bool,
    ) -> StreamCore:
        """What is known of the stream of a run that is going on."""
        core = self._core(
            name,
            run_id=run_id,
            ends_at_pause=not continues,
            tells_all=snapshot,
            observer=self._observer(name, run_id=run_id),
        )
        if self._options.recover:
            calls = self._run_calls(name, key, self._options.user(user_id), continues=continues)
            core.equip(lambda: (self._recovery(calls), None))
        return core

    def _follow_core(
        self,
        name: str,
        run_id: str,
        key: ApiKey,
        user_id: str | None,
        *,
        continues: bool,
        settled: frozenset[str],
    ) -> StreamCore:
        """What is known of a run of which no stream is open yet."""
        operations.checked_uuid("workflow_run_id", run_id)
        core = self._core(
            name,
            run_id=run_id,
            ends_at_pause=not continues,
            follows=True,
            settled=settled,
            observer=self._observer(name, run_id=run_id),
        )
        if core.observer is not None:
            core.observer.begin()
        through = continues or bool(settled)
        calls = self._run_calls(name, key, self._options.user(user_id), continues=through)
        core.equip(lambda: (self._recovery(calls), None))
        return core

    def _observer(
        self, name: str, *, request: WorkflowRunRequest | None = None, run_id: str | None = None
    ) -> Observer | None:
        """Who is told of a run that is sent, or followed; nobody without `tracing`."""
        if self._options.tracing is None:
            return None
        from .tracing._run_observer import observer_of

        return observer_of(
            self._options.tracing,
            name,
            self._options.base_url,
            own_trace_id=request.trace_id if request else None,
            run_id=run_id,
        )

    def _recovery(self, calls: RunCalls) -> Recovery:
        from ._recovery import Recovery  # few streams are lost

        options = self._options
        return Recovery(calls, Patience(options.max_reattach, options.lost_run_timeout, self._pace))

    def _search(self, name: str, call: Call[Any], sent_at: datetime) -> Search | None:
        """What looks for a run whose id never comes; None where it shall not be looked for."""
        if not self._options.recover:
            return None
        body: JSONObject = call.operation.request["json"]
        calls = self._run_calls(name, call.key, body["user"])
        return Search(calls, name, body["inputs"], sent_at, self._pace.search)

    def _copy(self, transport: TransportT | None, **changes: Any) -> Self:
        """A copy with other options, whose closing leaves the connections open."""
        copy = object.__new__(type(self))
        copy._options = self._options.changed(**changes)
        copy._transport = transport or self._transport
        copy._owns_transport = False
        copy._forms = self._forms
        copy._stops = self._stops
        copy._pace = self._pace
        return copy


def setup_of(client: ClientBase[Any]) -> tuple[Options, Pace, bool]:
    """What another client like this one is made of.

    Returns:
        Its options, how fast it looks for lost runs, and whether it sends with an httpx client of
        the user's own, which cannot be had twice.
    """
    transport = client._transport  # pyright: ignore[reportPrivateUsage]  # of the class above
    options, pace = client._options, client._pace  # pyright: ignore[reportPrivateUsage]  # likewise
    return options, pace, transport.is_given


def with_pace(client: ClientT, pace: Pace) -> ClientT:
    """The client, which from now on looks for lost runs this fast."""
    client._pace = pace  # pyright: ignore[reportPrivateUsage]  # likewise
    return client


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
