"""The base class of both clients: it decides what to send, and they send it."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, Self, TypeVar

import attrs

from ._api import operations
from ._api.log_query import LogQuery
from ._api.preparation import InputForms, Preparation
from ._http.answer import Servers
from ._http.options import (
    NO_DEADLINE,
    NOT_GIVEN,
    Deadline,
    NotGiven,
    Options,
    Timeout,
    checked_headers,
    checked_timeout,
)
from ._http.request import Call, Operation
from ._json import JSON
from ._log_output import log_as_asked
from ._logs.pager import RETURNED, LogPager, LogSource
from ._logs.tail import TailCore
from ._secret import ApiKey
from ._streams.forms import AnsweredForms
from ._streams.protocol import Observer, RunCalls
from ._streams.recovery import Pace, Recovery, RecoveryPolicy
from ._streams.run_state import StoppedTasks
from ._streams.search import Search, SentRun
from ._streams.session import Rescue, StreamSession
from ._uncopied import Uncopied
from .errors import DifyError, InvalidRequestError, PreconditionFailedError
from .models import WorkflowLogsRequest, WorkflowRunRequest
from .outcomes import meaning

if TYPE_CHECKING:
    from dify_workflow_api.models import AppParameters

    from ._api.log_query import LogAnswer
    from .models import HumanInputForm, WorkflowRunResponse
    from .tracing import Tracing

T = TypeVar("T")
RequestT = TypeVar("RequestT", WorkflowRunRequest, WorkflowLogsRequest)


class AnyTransport(Protocol):
    """What both transports have."""

    servers: Servers

    @property
    def is_given(self) -> bool:
        """Whether it sends with the user's own httpx client."""
        ...


_MOST_RUNS = 10_000
"""How many ids of runs are remembered, so that no run is mistaken for another run."""

TransportT = TypeVar("TransportT", bound=AnyTransport)


class ClientBase(Uncopied, Generic[TransportT]):
    """The options, the connections, and what is remembered between calls.

    Args:
        options: The client's options.
        transport: What sends the calls; copies of the client share it.
    """

    _instead = "make one in each process, or use with_options() for other options"

    _pace = Pace()
    """How fast lost runs are searched for. Tests that must not wait set another value."""

    def __init__(self, options: Options, transport: TransportT) -> None:
        log_as_asked()
        self._options = options
        self._transport = transport
        self._owns_transport = True
        self._forms = InputForms()
        self._stops = StoppedTasks()
        self._answered = AnsweredForms()
        self._started: deque[str] = deque(maxlen=_MOST_RUNS)

    @property
    def base_url(self) -> str:
        """Base URL of the server, without a slash at the end."""
        return self._options.base_url

    @property
    def user_id(self) -> str:
        """The user of runs whose request does not name one."""
        return self._options.user_id

    @property
    def server_version(self) -> str | None:
        """Version of the server, such as ``"1.14.2"``; None until the server has answered.

        It is also None if a proxy removes the header X-Version from the answers.
        """
        return self._transport.servers.version(self._options.base_url)

    def __repr__(self) -> str:
        if not hasattr(self, "_options"):  # for debuggers, after a constructor that failed
            return f"<{type(self).__name__} without options>"
        return f"{type(self).__name__}(base_url={self.base_url!r}, user_id={self.user_id!r})"

    def _call_options(
        self,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        deadline: Deadline = NO_DEADLINE,
        *,
        extra_headers: Mapping[str, str] | None = None,
        api_key: ApiKey | None = None,
        user_id: str | None = None,
        **others: Any,
    ) -> Options:
        """The options of one call; those that are None or `NOT_GIVEN` are the client's.

        Raises:
            InvalidRequestError: The timeout, the headers or the user are invalid.
            ConfigurationError: The key or another option is invalid.
        """
        timeout = checked_timeout(timeout, InvalidRequestError)
        headers = checked_headers(extra_headers)
        options = self._options.changed(
            timeout=timeout, deadline=deadline, extra_headers=headers, **others
        )
        return options.for_app(api_key, user_id)

    def _copy(self, transport: TransportT | None, **changes: Any) -> Self:
        """A copy with other options. Closing it leaves the connections open."""
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        made._options = self._options.changed(**changes)
        made._transport = transport or self._transport
        made._owns_transport = False
        return made

    def _preparation(self, name: str, options: Options) -> Preparation:
        return Preparation(name, options, self._transport.servers, self._forms)

    def _run_calls(self, name: str, options: Options) -> RunCalls:
        """The calls that find a run again.

        They always ask for earlier events, to fill the gap, and for the events after a pause: this
        client decides whether the forms of the pause have been answered.
        """

        def call(operation: Operation[T]) -> Call[T]:
            named = attrs.evolve(operation, name=name)
            return Call(named, options.changed(max_retries=0, queue_timeout=0))

        def events(run_id: str, last_event_id: str | None) -> Call[Any]:
            return call(
                operations.stream_workflow_events(
                    run_id,
                    options.user_id,
                    include_state_snapshot=True,
                    continue_on_pause=True,
                    last_event_id=last_event_id,
                )
            )

        def newest_logs() -> Call[LogAnswer]:
            request = WorkflowLogsRequest(created_by_end_user_session_id=options.user_id)
            query = LogQuery(after=None, before=None)
            return call(operations.list_workflow_logs(name, request, query))

        return RunCalls(
            events=events,
            detail=lambda run_id: call(operations.get_workflow_run(run_id)),
            logs=newest_logs,
            form=lambda token: call(self._form_read(token)),
            server_version=lambda: self.server_version,
        )

    def _session(self, name: str, options: Options, **what: Any) -> StreamSession:
        """The state of a stream before it is opened."""
        return StreamSession(
            name,
            max_event_bytes=options.max_event_bytes,
            start_timeout=options.start_timeout,
            forms=self._answered,
            stops=self._stops,
            server_version=lambda: self.server_version,
            deadline=options.deadline,
            **what,
        )

    def _log_pager(
        self,
        name: str,
        request: WorkflowLogsRequest,
        options: Options,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        most: int | None = None,
    ) -> tuple[LogPager, LogSource]:
        source = LogSource(name, request, options, self._transport.servers)
        return LogPager(source.request, RETURNED, since=since, until=until, most=most), source

    def _tail_core(
        self, name: str, request: WorkflowLogsRequest, options: Options
    ) -> tuple[TailCore, LogSource]:
        source = LogSource(name, request, options, self._transport.servers)
        return TailCore(source.request, RETURNED), source

    def _events_session(
        self,
        call: Call[Any],
        run_id: str,
        *,
        snapshot: bool,
        continues: bool,
    ) -> StreamSession:
        """The state of the stream of a running run."""
        name, options = call.operation.name, call.options
        session = self._session(
            name,
            options,
            run_id=run_id,
            ends_at_pause=not continues,
            from_start=snapshot,
            observer=self._observer(name, run_id=run_id),
        )
        if options.recover:
            session.set_rescue(Rescue(partial(self._recovery, name, options)))
        return session

    def _follow_session(
        self,
        name: str,
        run_id: str,
        options: Options,
        *,
        continues: bool,
    ) -> StreamSession:
        """The state of a run whose stream is not open yet."""
        operations.checked_uuid("workflow_run_id", run_id)
        options.key()  # raises now if there is no key
        session = self._session(
            name,
            options,
            run_id=run_id,
            ends_at_pause=not continues,
            follows=True,
            observer=self._observer(name, run_id=run_id),
        )
        if session.observer is not None:
            session.observer.begin()
        session.set_rescue(Rescue(partial(self._recovery, name, options)))
        return session

    def _observer(
        self, name: str, *, request: WorkflowRunRequest | None = None, run_id: str | None = None
    ) -> Observer | None:
        """The observer of a run that is sent or followed; None without `tracing`."""
        if not self._options.tracing:
            return None
        from .tracing.observer import observer_of

        return observer_of(
            self._options.tracing,
            name,
            self._options.base_url,
            own_trace_id=request.trace_id if request else None,
            run_id=run_id,
        )

    def _recovery(self, name: str, options: Options) -> Recovery:
        """Finds a run by its id."""
        policy = RecoveryPolicy(options.max_reattach, options.lost_run_timeout, self._pace)
        return Recovery(self._run_calls(name, options), policy)

    def _search(self, name: str, sent: SentRun) -> Search:
        """Searches for a run whose id never arrived."""
        calls, pace = self._run_calls(name, sent.call.options), self._pace
        return Search(calls, name, sent, pace.search, pace.longest_search_wait)

    def _rescue(self, name: str, call: Call[Any]) -> Rescue | None:
        """Finds a run that is sent now if it is lost; None without `recover`."""
        if not call.options.recover:
            return None
        servers, url = self._transport.servers, call.base_url
        sent = SentRun(call, lambda moment: servers.time_at(url, moment), self._started)
        return Rescue(
            partial(self._recovery, name, call.options), partial(self._search, name, sent)
        )

    def _note_run(self, run: WorkflowRunResponse) -> None:
        """Remember a run that was answered in blocking mode, and its forms."""
        self._started.append(run.id)
        for form in run.paused.forms if run.paused else ():
            self._answered.see(run.id, form.id, form.token)

    def _refuse_run_id(self, task_id: str) -> None:
        """Refuse the id of a run instead of a task. The server would answer with success.

        Raises:
            InvalidRequestError: This client has started a run with that id.
        """
        if operations.checked_id("task_id", task_id) in self._started:
            refused = InvalidRequestError(
                f"stop_workflow_stream: {task_id} is the id of a run, which stops nothing; give "
                "the id of its task: task_id of the result, the stream or any event."
            )
            refused.run_id = task_id
            raise refused

    def _form_read(self, token: str) -> Operation[HumanInputForm]:
        """Reads a form. If the run that waits for it is known, log lines name the run."""
        return operations.get_human_input_form(token, self._answered.run_of(token))

    @contextmanager
    def _about_form(self, token: str) -> Generator[None, None, None]:
        """Add the run that waits for a form to the errors of a call for the form."""
        try:
            yield
        except DifyError as error:
            error.run_id = error.run_id or self._answered.run_of(token)
            raise

    def _note_form(self, found: AppParameters, options: Options) -> None:
        """Remember the inputs of an app, so that the next run does not ask again."""
        form: JSON = found.to_dict().get("user_input_form")
        self._forms.put(options.base_url, options.key(), form)

    def _note_refused_form(self, token: str, error: DifyError, options: Options) -> None:
        """Add to an error what it means for the form."""
        error.outcome = meaning(error, options.not_sent_statuses).outcome
        is_accepted = self._answered.is_accepted(token)
        if isinstance(error, PreconditionFailedError) and is_accepted is not None:
            did = (
                "submitted it"
                if is_accepted
                else "sent an answer before, which may have been accepted"
            )
            what = f"{error.operation}: the form was submitted already: this client {did}"
            error.args = (f"{what} ({error.status_code} {error.code}).",)
        elif error.outcome == "unknown":
            self._answered.submit(token, is_accepted=False)


@contextmanager
def about(*, run_id: str | None = None, task_id: str | None = None) -> Generator[None, None, None]:
    """Add the run's ids to the errors of a call for a run. They never say that nothing was run.

    Args:
        run_id: Id of the run as the user passed it. It may be invalid.
        task_id: Id of its task as the user passed it. It may be invalid.
    """
    try:
        yield
    except DifyError as error:
        error.run_id = error.run_id or operations.as_id(run_id)
        error.task_id = error.task_id or operations.as_id(task_id)
        if error.outcome == "not_run":
            error.outcome = None
        raise


@contextmanager
def naming(run: WorkflowRunResponse) -> Generator[None, None, None]:
    """Add the run to the errors of an answer to its form, and say that the run was started."""
    try:
        yield
    except DifyError as error:
        error.run_id, error.task_id, error.outcome = run.id, run.task_id, "running"
        raise


def checked_tracing(tracing: bool | Tracing | None) -> Tracing | Literal[False] | None:
    """What to report of runs; False for nothing, and None if the option was left out.

    Raises:
        ConfigurationError: The option has another type, or OpenTelemetry is not installed.
    """
    if tracing is None or tracing is False:
        return tracing
    from .tracing.settings import checked  # imported only by programs that use it

    return checked(tracing)


def checked_mode(response_mode: str, *, stop_on_deadline: bool) -> None:
    """Refuse a response mode that does not exist, or that cannot stop a run.

    Raises:
        InvalidRequestError: It is neither ``"streaming"`` nor ``"blocking"``, or it is
            ``"blocking"`` with `stop_on_deadline`.
    """
    if response_mode not in {"streaming", "blocking"}:
        raise InvalidRequestError(
            f"response_mode must be 'streaming' or 'blocking', not {response_mode!r}."
        )
    if stop_on_deadline and response_mode == "blocking":
        raise InvalidRequestError(
            "stop_on_deadline needs response_mode='streaming': a blocking call has no task_id, "
            "which a stop needs, until the run has ended."
        )


# ------------------------------------------------------- a request, or its keyword arguments


def run_request(
    name: str,
    request: WorkflowRunRequest | Mapping[str, JSON] | None,
    *,
    inputs: Mapping[str, JSON] | None,
    **keywords: Any,
) -> WorkflowRunRequest:
    """The request to run a workflow.

    Args:
        name: Name of the method that was called.
        request: The request, or its inputs alone.
        inputs: The inputs, if there is no request.
        keywords: The other keyword arguments of the method; None if not given.

    Raises:
        InvalidRequestError: There are a request and keyword arguments, or no inputs, or two.
    """
    if request is not None and not isinstance(request, WorkflowRunRequest):
        if inputs is not None:
            raise InvalidRequestError(
                f"{name}: got inputs as the first argument and as inputs=; pass them once."
            )
        request, inputs = None, request
    if request is None and inputs is None:
        raise InvalidRequestError(f"{name} needs inputs; pass {{}} if the app has none.")
    return _one_of(WorkflowRunRequest, name, request, {"inputs": inputs, **keywords})


def logs_request(
    name: str, request: WorkflowLogsRequest | None, **keywords: Any
) -> WorkflowLogsRequest:
    """The request to list runs.

    Args:
        name: Name of the method that was called.
        request: The request.
        keywords: The keyword arguments of the method; None if not given.

    Raises:
        InvalidRequestError: There are a request and keyword arguments, or a value is invalid.
    """
    if request is not None and not isinstance(request, WorkflowLogsRequest):
        kind = type(request).__name__
        raise InvalidRequestError(f"{name} takes a WorkflowLogsRequest, not {kind}.")
    return _one_of(WorkflowLogsRequest, name, request, keywords)


_FIELDS = {"user": "user_id"}
"""Names of request fields by keyword, where the two differ."""


def _one_of(
    kind: type[RequestT], name: str, request: RequestT | None, keywords: Mapping[str, Any]
) -> RequestT:
    given = {keyword: value for keyword, value in keywords.items() if value is not None}
    if request is None:
        return kind(**{_FIELDS.get(keyword, keyword): value for keyword, value in given.items()})
    if given:
        raise InvalidRequestError(
            f"{name}: pass {', '.join(given)} in the {kind.__name__}, or everything as keyword "
            "arguments, but not both."
        )
    return request
