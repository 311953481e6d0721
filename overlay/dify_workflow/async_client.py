"""The client for async code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Generator, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs
from anyio import Event

from ._api import operations
from ._api.files import opened
from ._api.forms import as_seen, forms_to_answer
from ._api.operations import ResponseMode
from ._api.requests import logs_request, run_request
from ._base_client import ClientBase, about, checked_mode, checked_tracing, naming
from ._http.async_network import resolved
from ._http.async_transport import AsyncTransport
from ._http.deadline import Deadline, deadline_in
from ._http.libraries import AsyncHTTPClient, base_url_of, checked_client
from ._http.options import MAX_ANSWER_BYTES, NOT_GIVEN, NotGiven, Options, Timeout
from ._http.request import Call, Operation
from ._http.servers import may_lose_records
from ._json import JSON
from ._logs.async_iterators import AsyncLogIterator, AsyncLogTail
from ._secret import ApiKey, wrap
from ._streams.async_media import AsyncMediaStream
from ._streams.async_stream import AsyncWorkflowStream
from ._streams.decoder import MAX_EVENT_BYTES
from ._streams.protocol import SendCall, Step, Wait, marked, sending
from ._streams.recovery import LOST_RUN_TIMEOUT, MAX_REATTACH
from ._streams.session import START_TIMEOUT
from .errors import DifyError, PreconditionFailedError, RunDeadlineExceededError
from .events.base import StreamEvent
from .outcomes import meaning

if TYPE_CHECKING:
    from pathlib import Path

    from ._api.files import FileSource
    from ._api.forms import AsyncFormCallback
    from ._http.answer import ResponseInfo
    from ._http.async_transport import AsyncByteStream
    from ._streams.search import Search
    from .inputs.parameters import WorkflowParameters
    from .models import (
        DifyPageResult,
        HumanInputForm,
        UploadedFile,
        WorkflowFile,
        WorkflowLogs,
        WorkflowLogsRequest,
        WorkflowRunRequest,
        WorkflowRunResponse,
        WorkflowStopResponse,
    )
    from .models.app import AppInfo, AppMeta, AppSite, EndUser, Transcript
    from .models.log import LogStatus
    from .tracing import Tracing

T = TypeVar("T")


class AsyncDifyWorkflow(ClientBase[AsyncTransport]):
    """Runs the workflows of a Dify server.

    A context manager; without it, `close` ends its connections.
    Tasks may share one client, and so may several event loops.

    Args:
        api_key: Key of a workflow app; by default DIFY_API_KEY. A key given in a request or to a
            method goes before it, so that one client serves many apps.
        base_url: Base URL of the server, with its ``/v1``; by default DIFY_BASE_URL, else
            ``https://api.dify.ai/v1``.
        user_id: Who runs are for, a name of your own of at most 255 characters; by default
            DIFY_USER, else ``"dify-workflow"``.
        timeout: Seconds that connecting, reading, writing or waiting for a connection may each take
            without progress, or an `httpx.Timeout` with bounds of their own, or None for no bound.
            By default 5 to connect, 30 to write and to wait, 60 to read; on streams, which the
            server keeps alive with a ping every 10 s, 35 to read. Methods take one of their own.
        max_retries: How often a call is sent again where that is safe: when the connection could
            not be made, when Dify refused before running anything, and, for calls that change
            nothing, when it failed. A run that may have reached the server is never sent again.
            Where the server asks for a wait of more than 60 s, the error is raised. 0 means one
            attempt.
        queue_timeout: Seconds to wait in total for other runs to end where the app's concurrency
            limit refuses one; 0 for not waiting. By default 60, or 0 where `max_retries` is 0.
        start_timeout: Seconds to wait for the first event of a run that the server has accepted:
            it may wait in the server's queue until a worker is free, and nothing comes meanwhile.
            Servers end such a stream after 300. None for no bound.
        not_sent_statuses: HTTP statuses from 400 to 599 with which your gateway answers before Dify
            gets the request, such as ``{429, 503}``: a run is then sent again, up to `max_retries`
            times. Without it, any 5xx may mean that the run goes on.
        at_least_once: Whether a run whose outcome is unknown is sent again, up to `max_retries`
            times, when the log was read and does not show it. It may then run twice. Needs
            `recover`.
        check_inputs: Whether inputs are checked before a run is streamed, where the server would
            answer bad ones with silence (Dify 1.13 and 1.14).
        recover: Whether the run of a stream that breaks is found again: its stream is taken up
            (Dify 1.14 and newer), or the run is looked up until it has ended. Otherwise
            `StreamInterruptedError` is raised.
        max_reattach: How often a stream is opened again without anything new, where the server
            answers. Attempts during an outage do not count.
        lost_run_timeout: Seconds without a sign of life after which a run whose stream broke is
            given up, and seconds for which an outage of the server is waited out; None for ever.
        max_event_bytes: Largest stream event in bytes.
        max_answer_bytes: Longest answer in bytes, but for events and downloads, after inflating.
        tracing: Whether OpenTelemetry is told of runs, as spans and metrics, and what: True for
            what `dify_workflow.tracing.Tracing` has by default. Needs
            ``pip install dify-workflow[otel]``.
        on_response: Called with the status and headers of each answer, retries and uploads
            included, before its body is read. What it raises is logged, and ends no call.
        http_client: An `httpx.AsyncClient` or `httpx2.AsyncClient` of your own, for proxies, TLS
            or other transports. It is never closed here. Its base_url is used if you pass none, and
            its timeout if you changed it.

    Raises:
        ConfigurationError: An option is invalid, or OpenTelemetry is not installed.
    """

    def __init__(
        self,
        api_key: str | ApiKey | None = None,
        *,
        base_url: str | None = None,
        user_id: str | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        max_retries: int = 2,
        queue_timeout: float | NotGiven = NOT_GIVEN,
        start_timeout: float | None = START_TIMEOUT,
        not_sent_statuses: Collection[int] = (),
        at_least_once: bool = False,
        check_inputs: bool = True,
        recover: bool = True,
        max_reattach: int = MAX_REATTACH,
        lost_run_timeout: float | None = LOST_RUN_TIMEOUT,
        max_event_bytes: int = MAX_EVENT_BYTES,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        tracing: bool | Tracing = False,
        on_response: Callable[[ResponseInfo], object] | None = None,
        http_client: AsyncHTTPClient | None = None,
    ) -> None:
        api_key = wrap(api_key)  # no frame of a traceback may hold the bare key
        options = Options.with_environment(
            api_key=api_key,
            base_url=base_url_of(http_client) if base_url is None else base_url,
            user_id=user_id,
            timeout=timeout,
            max_retries=max_retries,
            queue_timeout=queue_timeout,
            start_timeout=start_timeout,
            not_sent_statuses=not_sent_statuses,
            at_least_once=at_least_once,
            check_inputs=check_inputs,
            recover=recover,
            max_reattach=max_reattach,
            lost_run_timeout=lost_run_timeout,
            max_event_bytes=max_event_bytes,
            max_answer_bytes=max_answer_bytes,
            tracing=checked_tracing(tracing),
            on_response=on_response,
        )
        super().__init__(options, AsyncTransport(checked_client(http_client, "AsyncClient")))

    def with_options(
        self,
        *,
        api_key: str | ApiKey | None = None,
        base_url: str | None = None,
        user_id: str | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        max_retries: int | None = None,
        queue_timeout: float | NotGiven = NOT_GIVEN,
        start_timeout: float | NotGiven | None = NOT_GIVEN,
        not_sent_statuses: Collection[int] | None = None,
        at_least_once: bool | None = None,
        check_inputs: bool | None = None,
        recover: bool | None = None,
        max_reattach: int | None = None,
        lost_run_timeout: float | NotGiven | None = NOT_GIVEN,
        max_event_bytes: int | None = None,
        max_answer_bytes: int | None = None,
        tracing: bool | Tracing | None = None,
        on_response: Callable[[ResponseInfo], object] | None = None,
        http_client: AsyncHTTPClient | None = None,
    ) -> Self:
        """A cheap copy with other options, which shares the connections of this client.

        Closing the copy leaves them open; closing this client closes them for the copy as well.

        Args:
            api_key: As for the client; what is left out stays as it is.
            base_url: As for the client.
            user_id: As for the client.
            timeout: As for the client.
            max_retries: As for the client.
            queue_timeout: As for the client.
            start_timeout: As for the client.
            not_sent_statuses: As for the client.
            at_least_once: As for the client.
            check_inputs: As for the client.
            recover: As for the client.
            max_reattach: As for the client.
            lost_run_timeout: As for the client.
            max_event_bytes: As for the client.
            max_answer_bytes: As for the client.
            tracing: As for the client.
            on_response: As for the client.
            http_client: As for the client; the copy then shares no connections.

        Raises:
            ConfigurationError: An option is invalid.
        """
        api_key = wrap(api_key)
        own = checked_client(http_client, "AsyncClient")
        return self._copy(
            None if own is None else AsyncTransport(own),
            api_key=api_key,
            base_url=base_url,
            user_id=user_id,
            timeout=timeout,
            max_retries=max_retries,
            queue_timeout=queue_timeout,
            start_timeout=start_timeout,
            not_sent_statuses=not_sent_statuses,
            at_least_once=at_least_once,
            check_inputs=check_inputs,
            recover=recover,
            max_reattach=max_reattach,
            lost_run_timeout=lost_run_timeout,
            max_event_bytes=max_event_bytes,
            max_answer_bytes=max_answer_bytes,
            tracing=checked_tracing(tracing),
            on_response=on_response,
        )

    async def close(self) -> None:
        """Close the connections; calls afterwards raise `ConfigurationError`."""
        if self._owns_transport:
            await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # ------------------------------------------------------------------------------------ runs

    async def run_workflow(
        self,
        request: WorkflowRunRequest | Mapping[str, JSON] | None = None,
        *,
        inputs: Mapping[str, JSON] | None = None,
        user: str | None = None,
        files: Sequence[WorkflowFile | Path] | None = None,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        trace_session_id: str | None = None,
        api_key: str | ApiKey | None = None,
        response_mode: ResponseMode = "streaming",
        on_human_input: AsyncFormCallback | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
        stop_on_deadline: bool = False,
        not_sent_statuses: Collection[int] | None = None,
        at_least_once: bool | None = None,
    ) -> WorkflowRunResponse:
        """Run the app's workflow and wait for its outcome (POST /workflows/run).

        A run that failed, was stopped or paused is a result and no exception; see
        `WorkflowRunResponse.raise_for_status`. A run is sent once; where its stream breaks, it is
        found again.

        Args:
            request: What to run, or its inputs alone. Instead of a request, its fields may be given
                as keywords; `WorkflowRunRequest` says what each means.
            inputs: Value by name of the input.
            user: Who the run is for; by default the client's user.
            files: Files for ``sys.files``.
            workflow_id: Id (UUID) of the published version to run; by default the latest.
            trace_id: Id under which the server's tracing files the run.
            trace_session_id: Id that joins several runs in the server's tracing.
            api_key: Key of the app; by default the client's.
            response_mode: ``"streaming"`` listens to the run's events, so that no proxy cuts a long
                run; ``"blocking"`` sends one plain call, which proxies cut at 60 to 100 s.
            on_human_input: Called with each form that the run waits at, as people see it; returns
                the id of an action and the value of each field. The run then goes on, through any
                number of forms; one that somebody else has answered meanwhile is passed over.
                Without it, or where a form has no token for this key, a paused run is returned.
                Since Dify 1.14.
            timeout: Bounds of each call that this takes; by default the client's.
            extra_headers: Further headers of each call that this takes, by name; none that the
                client sets itself, such as Authorization.
            deadline: Seconds within which all of this has to be over: waiting for the concurrency
                limit, checks, uploads, every attempt, the run itself and finding it again. None for
                as long as it takes.
            stop_on_deadline: Whether the run is stopped when the deadline has passed; otherwise it
                goes on.
            not_sent_statuses: As for the client, for this call.
            at_least_once: As for the client, for this call.

        Raises:
            InvalidRequestError: The request was refused before anything was sent.
            InvalidInputsError: The app does not take these inputs.
            APIConnectionError: The request did not reach the server.
            APIStatusError: The server refused the run, or an answer to a form, or failed; its
                `outcome` says whether the run may have started.
            InvalidResponseError: An answer cannot be read, or is of another run.
            RunOutcomeUnknownError: No answer came, so whether there is a run is not known. Its
                `candidates` are certain where the request had a `user_id` of its own.
            RunLostError: The run's outcome cannot be known any more.
            StreamError: The stream failed before the run's end; it has the ids, where known.
            RunDeadlineExceededError: The deadline passed; it has the ids, where known.
        """
        api_key = wrap(api_key)
        checked_mode(response_mode, stop_on_deadline=stop_on_deadline)
        name = "run_workflow"
        wanted = run_request(
            name,
            request,
            inputs=inputs,
            user=user,
            files=files,
            workflow_id=workflow_id,
            trace_id=trace_id,
            trace_session_id=trace_session_id,
            api_key=api_key,
        )
        options = self._call_options(
            timeout,
            deadline_in(deadline, name, stops=stop_on_deadline),
            extra_headers=extra_headers,
            not_sent_statuses=not_sent_statuses,
            at_least_once=at_least_once,
        )
        if response_mode == "blocking":
            run = await self._run_blocking(wanted, options)
        else:
            async with self._run_stream(name, wanted, options) as stream:
                run = await stream.result()
        if on_human_input is None:
            return run
        app = options.changed(api_key=wanted.api_key, user_id=wanted.user_id)
        return await self._ask_people(run, on_human_input, app)

    def run_workflow_stream(
        self,
        request: WorkflowRunRequest | Mapping[str, JSON] | None = None,
        *,
        inputs: Mapping[str, JSON] | None = None,
        user: str | None = None,
        files: Sequence[WorkflowFile | Path] | None = None,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        trace_session_id: str | None = None,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
        stop_on_deadline: bool = False,
        not_sent_statuses: Collection[int] | None = None,
        at_least_once: bool | None = None,
    ) -> AsyncWorkflowStream:
        """Run the app's workflow and return its events as they come (POST /workflows/run).

        Args:
            request: What to run, or its inputs alone. Instead of a request, its fields may be given
                as keywords; `WorkflowRunRequest` says what each means.
            inputs: Value by name of the input.
            user: Who the run is for; by default the client's user.
            files: Files for ``sys.files``.
            workflow_id: Id (UUID) of the published version to run; by default the latest.
            trace_id: Id under which the server's tracing files the run.
            trace_session_id: Id that joins several runs in the server's tracing.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of each call that this takes; by default the client's.
            extra_headers: Further headers of each call that this takes, by name; none that the
                client sets itself, such as Authorization.
            deadline: Seconds, from this call on, within which all of it has to be over, as for
                `run_workflow`; None for as long as it takes.
            stop_on_deadline: Whether the run is stopped when the deadline has passed; otherwise it
                goes on.
            not_sent_statuses: As for the client, for this call.
            at_least_once: As for the client, for this call.

        Raises:
            InvalidRequestError: The request was refused before anything was sent.
            InvalidInputsError: The app does not take these inputs.
            APIConnectionError: The request did not reach the server.
            APIStatusError: The server refused the run, or failed; its `outcome` says whether the
                run may have started.
            InvalidResponseError: The answer cannot be read.
            RunOutcomeUnknownError: No answer came, so whether there is a run is not known.
            RunDeadlineExceededError: The deadline passed before the server answered.
        """
        api_key = wrap(api_key)
        name = "run_workflow_stream"
        wanted = run_request(
            name,
            request,
            inputs=inputs,
            user=user,
            files=files,
            workflow_id=workflow_id,
            trace_id=trace_id,
            trace_session_id=trace_session_id,
            api_key=api_key,
        )
        options = self._call_options(
            timeout,
            deadline_in(deadline, name, stops=stop_on_deadline),
            extra_headers=extra_headers,
            not_sent_statuses=not_sent_statuses,
            at_least_once=at_least_once,
        )
        return self._run_stream(name, wanted, options)

    def resume_workflow_stream(
        self,
        workflow_run_id: str,
        *,
        include_state_snapshot: bool = True,
        continue_on_pause: bool = False,
        user_id: str | None = None,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> AsyncWorkflowStream:
        """Return the events of a run that is going on (GET /workflow/{workflow_run_id}/events).

        Since Dify 1.14. Of a finished run there is one event, `WorkflowFinished`; runs that were
        started in blocking mode publish none.

        Args:
            workflow_run_id: Id of the run (UUID).
            include_state_snapshot: Whether to begin with `WorkflowStarted` and the events of the
                nodes so far, without their inputs, outputs and text; otherwise the stream begins
                with what happens next.
            continue_on_pause: Whether to go on listening when the run pauses.
            user_id: Who the run is for; another user's run is not found.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of this call; by default the client's.
            extra_headers: Further headers of this call, by name; none that the client sets itself,
                such as Authorization.

        Raises:
            InvalidRequestError: The id is no UUID.
            NotFoundError: There is no such run of this user, or the server is older than 1.14.
            APIConnectionError: No answer came.
            APIStatusError: The server refused.
        """
        api_key = wrap(api_key)
        with about(run_id=workflow_run_id):
            options = self._call_options(
                timeout, extra_headers=extra_headers, api_key=api_key, user_id=user_id
            )
            operation = operations.stream_workflow_events(
                workflow_run_id,
                options.user_id,
                include_state_snapshot=include_state_snapshot,
                continue_on_pause=continue_on_pause,
            )
            call = Call(operation, options)
        session = self._events_session(
            call,
            workflow_run_id,
            snapshot=include_state_snapshot,
            continues=continue_on_pause,
        )
        stop = partial(
            self._stop,
            options=self._call_options(
                extra_headers=extra_headers, api_key=call.key, user_id=user_id
            ),
        )

        async def opening() -> AsyncByteStream:
            with sending(session.observer):
                try:
                    return await self._transport.open(call)
                except DifyError as error:
                    session.errors.name_run(error)
                    raise

        return AsyncWorkflowStream(session, opening, stop, self._transport)

    async def submit_workflow(
        self,
        request: WorkflowRunRequest | Mapping[str, JSON] | None = None,
        *,
        inputs: Mapping[str, JSON] | None = None,
        user: str | None = None,
        files: Sequence[WorkflowFile | Path] | None = None,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        trace_session_id: str | None = None,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
        not_sent_statuses: Collection[int] | None = None,
        at_least_once: bool | None = None,
    ) -> WorkflowRunResponse:
        """Start the app's workflow and return as soon as its ids are known (POST /workflows/run).

        `wait_for_run` fetches the outcome later, in another process if need be. Leaving a run's
        stream never stops it, but up to Dify 1.9.1 it ruins its record: there the stream is read
        to its end in the background, for which process, event loop and client have to live as long.

        Args:
            request: What to run, or its inputs alone. Instead of a request, its fields may be given
                as keywords; `WorkflowRunRequest` says what each means.
            inputs: Value by name of the input.
            user: Who the run is for; by default the client's user.
            files: Files for ``sys.files``.
            workflow_id: Id (UUID) of the published version to run; by default the latest.
            trace_id: Id under which the server's tracing files the run.
            trace_session_id: Id that joins several runs in the server's tracing.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of each call that this takes; by default the client's.
            extra_headers: Further headers of each call that this takes, by name; none that the
                client sets itself, such as Authorization.
            not_sent_statuses: As for the client, for this call.
            at_least_once: As for the client, for this call.

        Returns:
            The run with its `id` and `task_id`; its status is ``"running"`` unless it has ended
            already.

        Raises:
            InvalidRequestError: The request was refused before anything was sent.
            InvalidInputsError: The app does not take these inputs.
            APIConnectionError: The request did not reach the server.
            APIStatusError: The server refused the run, or failed; its `outcome` says whether the
                run may have started.
            InvalidResponseError: The answer cannot be read.
            RunOutcomeUnknownError: No answer or event came, so whether there is a run is not known.
            StreamError: The stream failed before the ids came.
        """
        api_key = wrap(api_key)
        name = "submit_workflow"
        wanted = run_request(
            name,
            request,
            inputs=inputs,
            user=user,
            files=files,
            workflow_id=workflow_id,
            trace_id=trace_id,
            trace_session_id=trace_session_id,
            api_key=api_key,
        )
        options = self._call_options(
            timeout,
            extra_headers=extra_headers,
            not_sent_statuses=not_sent_statuses,
            at_least_once=at_least_once,
        )
        stream = self._run_stream(name, wanted, options)
        try:
            run = await stream.started()
        except BaseException:
            await stream.close()
            raise
        if run.status == "running" and may_lose_records(self.server_version):
            stream.read_in_background()
        else:
            await stream.close()
        return run

    async def wait_for_run(
        self,
        workflow_run_id: str,
        *,
        user_id: str | None = None,
        on_event: Callable[[StreamEvent[object]], object] | None = None,
        wait_through_pause: bool = False,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
        stop_on_deadline: bool = False,
    ) -> WorkflowRunResponse:
        """Wait for the outcome of a run that was started before, here or elsewhere.

        Its events are followed (GET /workflow/{workflow_run_id}/events) where the server has them,
        else it is looked up every 1 to 10 s (GET /workflows/run/{workflow_run_id}). A pause whose
        forms have been answered is waited through.

        Args:
            workflow_run_id: Id of the run (UUID).
            user_id: Who the run is for; by default the client's user. Events of another user's run
                cannot be had, so that one is looked up.
            on_event: Called with each event; what has been is told first, without text.
            wait_through_pause: Whether to wait on where the run waits for a person; otherwise it is
                returned with its forms.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of each call that this takes; by default the client's.
            extra_headers: Further headers of each call that this takes, by name; none that the
                client sets itself, such as Authorization.
            deadline: Seconds, from this call on, within which all of it has to be over, as for
                `run_workflow`; None for as long as it takes.
            stop_on_deadline: Whether the run is stopped when the deadline has passed; otherwise it
                goes on.

        Raises:
            InvalidRequestError: The id is no UUID.
            RunLostError: There is no such run, its outcome cannot be known any more, or it does not
                go on though its forms were answered.
            StreamInterruptedError: The server was away for longer than `lost_run_timeout`, or
                failed again and again.
            InvalidResponseError: An answer or event is of another run, or cannot be read.
            APIStatusError: The server refused.
            RunDeadlineExceededError: The deadline passed; it has the ids, where known.
        """
        api_key = wrap(api_key)
        name = "wait_for_run"
        with about(run_id=workflow_run_id):
            options = self._call_options(
                timeout,
                deadline_in(deadline, name, stops=stop_on_deadline),
                extra_headers=extra_headers,
                api_key=api_key,
                user_id=user_id,
            )
            async with self._follow(
                name, workflow_run_id, options, continues=wait_through_pause
            ) as stream:
                async for event in stream:
                    if on_event is not None:
                        on_event(event)
                return await stream.result()

    async def stop_workflow_stream(
        self,
        task_id: str,
        user_id: str | None = None,
        *,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> WorkflowStopResponse:
        """Stop a run (POST /workflows/tasks/{task_id}/stop).

        The server answers ``"success"`` to any id; the run's stream ends within a second. Up to
        Dify 1.8 only the user who started a run can stop it.

        Args:
            task_id: Id of the task (UUID), not of the run.
            user_id: Who stops; by default the client's user.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of this call; by default the client's.
            extra_headers: Further headers of this call, by name; none that the client sets itself,
                such as Authorization.

        Raises:
            InvalidRequestError: The id cannot be one, or is that of a run which this client has
                started.
            APIConnectionError: No answer came.
            APIStatusError: The server refused.
        """
        api_key = wrap(api_key)
        with about(task_id=task_id):
            self._refuse_run_id(task_id)
            options = self._call_options(
                timeout, extra_headers=extra_headers, api_key=api_key, user_id=user_id
            )
            return await self._stop_task(task_id, options)

    async def info(
        self,
        workflow_run_id: str,
        api_key: str | ApiKey | None = None,
        *,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> WorkflowRunResponse:
        """Look a run up (GET /workflows/run/{workflow_run_id}).

        From Dify 1.10.1 to 1.14 a run that was stopped stays ``"running"`` here.

        Args:
            workflow_run_id: Id of the run (UUID).
            api_key: Key of the app; by default the client's.
            timeout: Bounds of this call; by default the client's.
            extra_headers: Further headers of this call, by name; none that the client sets itself,
                such as Authorization.

        Raises:
            InvalidRequestError: The id is no UUID.
            NotFoundError: The app has no such run.
            InvalidResponseError: The answer cannot be read, or is of another run.
            APIConnectionError: No answer came.
            APIStatusError: The server refused.
        """
        api_key = wrap(api_key)
        with about(run_id=workflow_run_id):
            options = self._call_options(timeout, extra_headers=extra_headers, api_key=api_key)
            return await self._send(operations.get_workflow_run(workflow_run_id), options)

    async def logs(
        self,
        request: WorkflowLogsRequest | None = None,
        *,
        limit: int | None = None,
        status: LogStatus | None = None,
        keyword: str | None = None,
        created_by_end_user_session_id: str | None = None,
        created_by_account: str | None = None,
        created_at_before: datetime | None = None,
        created_at_after: datetime | None = None,
        last_id: str | None = None,
        cursor: str | None = None,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> DifyPageResult[WorkflowLogs]:
        """List the app's runs, newest first (GET /workflows/logs).

        Pages follow each other without losing or repeating a row, whatever is added and deleted
        meanwhile. Up to Dify 1.10.1 a run is listed only when it has ended.

        Args:
            request: Which runs to list, and after which one to begin; by default the newest 20.
                Instead of a request, its fields may be given as keywords; `WorkflowLogsRequest`
                says what each means.
            limit: Most rows of the page, 1 to 1000; by default 20.
            status: Only runs that ended so.
            keyword: Only runs with this text, or of this run id.
            created_by_end_user_session_id: Only runs of this user.
            created_by_account: Only runs of the account with this e-mail address.
            created_at_before: Only rows of this time or before (aware).
            created_at_after: Only rows of this time or after (aware).
            last_id: Id of the row after which to begin.
            cursor: Where to begin: text that a page or an iterator gave as its `cursor`.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of each call that this takes; by default the client's.
            extra_headers: Further headers of each call that this takes, by name; none that the
                client sets itself, such as Authorization.

        Raises:
            InvalidRequestError: The request was refused before anything was sent.
            LogCursorError: The row after which to begin was not found.
            LogWindowUnstableError: A second has more rows than can be read.
            UnsupportedServerError: The server ignores a filter.
            APIConnectionError: No answer came.
            APIStatusError: The server refused.
        """
        api_key = wrap(api_key)
        name = "logs"
        wanted = logs_request(
            name,
            request,
            limit=limit,
            status=status,
            keyword=keyword,
            created_by_end_user_session_id=created_by_end_user_session_id,
            created_by_account=created_by_account,
            created_at_before=created_at_before,
            created_at_after=created_at_after,
            last_id=last_id,
            cursor=cursor,
            api_key=api_key,
        )
        options = self._call_options(timeout, extra_headers=extra_headers)
        pager, source = self._log_pager(name, wanted, options)
        return await self._transport.drive(source.calls(pager.page()))

    def iter_logs(
        self,
        request: WorkflowLogsRequest | None = None,
        *,
        limit: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        status: LogStatus | None = None,
        keyword: str | None = None,
        created_by_end_user_session_id: str | None = None,
        created_by_account: str | None = None,
        last_id: str | None = None,
        cursor: str | None = None,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> AsyncLogIterator:
        """Iterate over the app's runs, newest first (GET /workflows/logs).

        All rows that are there throughout come, each once and in order, whatever is added and
        deleted meanwhile. At most one answer of 100 rows is read ahead.

        Args:
            request: Which runs, and after which one to begin; its `limit` is that of `pages` alone.
                Instead of a request, its filters may be given as keywords; `WorkflowLogsRequest`
                says what each means.
            limit: Most rows; by default all. Goes with a request, too.
            since: No rows before this moment (aware). Goes with a request, too.
            until: No rows after this moment (aware). Goes with a request, too.
            status: Only runs that ended so.
            keyword: Only runs with this text, or of this run id.
            created_by_end_user_session_id: Only runs of this user.
            created_by_account: Only runs of the account with this e-mail address.
            last_id: Id of the row after which to begin.
            cursor: Where to begin: text that a page or an iterator gave as its `cursor`.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of each call that this takes; by default the client's.
            extra_headers: Further headers of each call that this takes, by name; none that the
                client sets itself, such as Authorization.

        Raises:
            InvalidRequestError: The request was refused before anything was sent.
            LogCursorError: While iterating: the row after which to begin was not found.
            LogWindowUnstableError: While iterating: a second has more rows than can be read.
            UnsupportedServerError: While iterating: the server ignores a filter.
            APIConnectionError: While iterating: no answer came.
            APIStatusError: While iterating: the server refused.
        """
        api_key = wrap(api_key)
        name = "iter_logs"
        wanted = logs_request(
            name,
            request,
            status=status,
            keyword=keyword,
            created_by_end_user_session_id=created_by_end_user_session_id,
            created_by_account=created_by_account,
            last_id=last_id,
            cursor=cursor,
            api_key=api_key,
        )
        options = self._call_options(timeout, extra_headers=extra_headers)
        pager, source = self._log_pager(name, wanted, options, since=since, until=until, most=limit)
        return AsyncLogIterator(pager, source, self._transport)

    def tail_logs(
        self,
        request: WorkflowLogsRequest | None = None,
        *,
        poll_interval: float = 2.0,
        status: LogStatus | None = None,
        keyword: str | None = None,
        created_by_end_user_session_id: str | None = None,
        created_by_account: str | None = None,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> AsyncLogTail:
        """Wait for new runs, the oldest first, and without an end (GET /workflows/logs).

        Each comes once, also where it appears up to 3 s behind the newest one. They come in the
        order in which they appear, the older one first where several do; up to Dify 1.10 a run
        appears when it has ended. An outage of the server is waited out, for `lost_run_timeout`.

        Args:
            request: Which runs, and after which one to begin; by default all that appear from now
                on. Its `limit` does not matter. Instead of a request, its filters may be given as
                keywords; `WorkflowLogsRequest` says what each means.
            poll_interval: Seconds between two looks at the log.
            status: Only runs that ended so.
            keyword: Only runs with this text, or of this run id.
            created_by_end_user_session_id: Only runs of this user.
            created_by_account: Only runs of the account with this e-mail address.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of each call that this takes; by default the client's.
            extra_headers: Further headers of each call that this takes, by name; none that the
                client sets itself, such as Authorization.

        Raises:
            InvalidRequestError: The request was refused before anything was sent.
            LogCursorError: The row after which to begin was not found.
            LogWindowUnstableError: A second has more rows than can be read.
            UnsupportedServerError: The server ignores a filter.
            APIConnectionError: No answer came for longer than `lost_run_timeout`.
            APIStatusError: The server refused, or was away for as long.
        """
        api_key = wrap(api_key)
        name = "tail_logs"
        wanted = logs_request(
            name,
            request,
            status=status,
            keyword=keyword,
            created_by_end_user_session_id=created_by_end_user_session_id,
            created_by_account=created_by_account,
            api_key=api_key,
        )
        options = self._call_options(timeout, extra_headers=extra_headers)
        core, source = self._tail_core(name, wanted, options)
        return AsyncLogTail(core, source, poll_interval, self._transport)

    # ----------------------------------------------------------------------------- human input

    async def human_input_form(
        self,
        form_token: str,
        *,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> HumanInputForm:
        """Read a form that a run waits at (GET /form/human_input/{form_token}).

        Since Dify 1.14.

        Args:
            form_token: Token of the form, as `HumanInputForm.token` of a paused run.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of this call; by default the client's.
            extra_headers: Further headers of this call, by name; none that the client sets itself,
                such as Authorization.

        Raises:
            InvalidRequestError: The token cannot be one.
            NotFoundError: There is no such form.
            PreconditionFailedError: The form was submitted, or has expired.
            APIConnectionError: No answer came.
            APIStatusError: The server refused.
        """
        api_key = wrap(api_key)
        with self._about_form(form_token):
            options = self._call_options(timeout, extra_headers=extra_headers, api_key=api_key)
            return await self._send(self._form_read(form_token), options)

    async def submit_human_input_form(
        self,
        form_token: str,
        action: str,
        inputs: Mapping[str, JSON],
        *,
        user_id: str | None = None,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> None:
        """Fill a form in and let the run go on (POST /form/human_input/{form_token}).

        Since Dify 1.14.

        Args:
            form_token: Token of the form, as `HumanInputForm.token` of a paused run.
            action: Id of the action, as ``id`` in `HumanInputForm.actions`.
            inputs: Value by name of the field: any JSON, `WorkflowFile`, or `pathlib.Path` for a
                file that is uploaded first.
            user_id: Who submits; any user of the app may.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of this call; by default the client's.
            extra_headers: Further headers of this call, by name; none that the client sets itself,
                such as Authorization.

        Raises:
            InvalidRequestError: The request was refused before anything was sent.
            BadRequestError: A field is missing, or there is no such action.
            NotFoundError: There is no such form.
            PreconditionFailedError: The form was submitted already, or has expired.
            APIConnectionError: No answer came; its `outcome` says whether the server may have got
                the form.
            APIStatusError: The server refused or failed; likewise.
        """
        api_key = wrap(api_key)
        with self._about_form(form_token):
            options = self._call_options(
                timeout, extra_headers=extra_headers, api_key=api_key, user_id=user_id
            )
            await self._submit_form(form_token, action, inputs, options)

    # ----------------------------------------------------------------------------------- files

    async def upload_file(
        self,
        file: FileSource,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        user_id: str | None = None,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> UploadedFile:
        """Upload a file for the inputs of runs of the same user (POST /files/upload).

        The file is sent piece by piece and never read whole.

        Args:
            file: A path, bytes, a file opened in binary mode, which is sent from its beginning, or
                an `UploadFile` of FastAPI or Starlette.
            filename: Name of the file; by default the path's or the open file's.
            content_type: Media type; by default guessed from the name.
            user_id: Who may use the file; by default the client's user.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of this call; by default the client's.
            extra_headers: Further headers of this call, by name; none that the client sets itself,
                such as Authorization.

        Raises:
            InvalidRequestError: There is no such file, or the server would not take its name.
            PayloadTooLargeError: The file is larger than the server allows.
            UnsupportedMediaTypeError: The server does not take files of this type.
            APIConnectionError: No answer came.
            APIStatusError: The server refused.
        """
        api_key = wrap(api_key)
        with opened(file, filename=filename, content_type=content_type) as ready:
            options = self._call_options(
                timeout, extra_headers=extra_headers, api_key=api_key, user_id=user_id
            )
            return await self._send(operations.upload_file(ready, options.user_id), options)

    def file_preview(
        self,
        file_id: str,
        *,
        as_attachment: bool = False,
        user_id: str | None = None,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> AsyncMediaStream:
        """Download a file (GET /files/{file_id}/preview).

        The server gives away files of chat messages alone; files that workflows made have an
        address of their own in the outputs.

        Args:
            file_id: Id of the file (UUID).
            as_attachment: Whether to ask for the headers with which browsers save a file.
            user_id: Who downloads; by default the client's user.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of this call; by default the client's.
            extra_headers: Further headers of this call, by name; none that the client sets itself,
                such as Authorization.

        Raises:
            InvalidRequestError: The id is no UUID.
            NotFoundError: There is no such file.
            APIConnectionError: No answer came.
            APIStatusError: The server refused.
        """
        api_key = wrap(api_key)
        options = self._call_options(
            timeout, extra_headers=extra_headers, api_key=api_key, user_id=user_id
        )
        operation = operations.preview_file(file_id, options.user_id, as_attachment=as_attachment)
        call = Call(operation, options)

        return AsyncMediaStream(partial(self._transport.open, call), call)

    # ------------------------------------------------------------------------------------- app

    async def app_info(
        self,
        *,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> AppInfo:
        """Name and kind of the app (GET /info).

        Args:
            api_key: Key of the app; by default the client's.
            timeout: Bounds of this call; by default the client's.
            extra_headers: Further headers of this call, by name; none that the client sets itself,
                such as Authorization.

        Raises:
            APIConnectionError: No answer came.
            APIStatusError: The server refused.
        """
        api_key = wrap(api_key)
        options = self._call_options(timeout, extra_headers=extra_headers, api_key=api_key)
        return await self._send(operations.get_app_info(), options)

    async def parameters(
        self,
        *,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> WorkflowParameters:
        """Inputs and features of the app (GET /parameters); `fields` has the inputs.

        Args:
            api_key: Key of the app; by default the client's.
            timeout: Bounds of this call; by default the client's.
            extra_headers: Further headers of this call, by name; none that the client sets itself,
                such as Authorization.

        Raises:
            BadRequestError: The app was never published.
            APIConnectionError: No answer came.
            APIStatusError: The server refused.
        """
        api_key = wrap(api_key)
        options = self._call_options(timeout, extra_headers=extra_headers, api_key=api_key)
        found = await self._send(operations.get_app_parameters(), options)
        self._note_form(found, options)
        return found

    async def meta(
        self,
        *,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> AppMeta:
        """Icons of the tools that the app uses (GET /meta).

        Args:
            api_key: Key of the app; by default the client's.
            timeout: Bounds of this call; by default the client's.
            extra_headers: Further headers of this call, by name; none that the client sets itself,
                such as Authorization.

        Raises:
            APIConnectionError: No answer came.
            APIStatusError: The server refused.
        """
        api_key = wrap(api_key)
        options = self._call_options(timeout, extra_headers=extra_headers, api_key=api_key)
        return await self._send(operations.get_app_meta(), options)

    async def site(
        self,
        *,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> AppSite:
        """Look of the app's web page (GET /site).

        Since Dify 1.4.

        Args:
            api_key: Key of the app; by default the client's.
            timeout: Bounds of this call; by default the client's.
            extra_headers: Further headers of this call, by name; none that the client sets itself,
                such as Authorization.

        Raises:
            NotFoundError: The server is older than 1.4.
            APIConnectionError: No answer came.
            APIStatusError: The server refused.
        """
        api_key = wrap(api_key)
        options = self._call_options(timeout, extra_headers=extra_headers, api_key=api_key)
        return await self._send(operations.get_app_site(), options)

    async def end_user(
        self,
        end_user_id: str,
        *,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> EndUser:
        """Look an end user up (GET /end-users/{end_user_id}).

        Since Dify 1.13.

        Args:
            end_user_id: Id of the end user (UUID), as ``created_by_end_user.id`` of a log row.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of this call; by default the client's.
            extra_headers: Further headers of this call, by name; none that the client sets itself,
                such as Authorization.

        Raises:
            InvalidRequestError: The id is no UUID.
            NotFoundError: The app has no such end user.
            APIConnectionError: No answer came.
            APIStatusError: The server refused.
        """
        api_key = wrap(api_key)
        options = self._call_options(timeout, extra_headers=extra_headers, api_key=api_key)
        return await self._send(operations.get_end_user(end_user_id), options)

    # ----------------------------------------------------------------------------------- audio

    async def audio_to_text(
        self,
        file: FileSource,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        user_id: str | None = None,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Transcript:
        """Turn speech into text (POST /audio-to-text), where the app has that switched on.

        Args:
            file: A path, bytes, or a file opened in binary mode; 30 MB at most.
            filename: Name of the file; by default the path's or the open file's.
            content_type: Media type; by default guessed from the name.
            user_id: Who speaks; by default the client's user.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of this call; by default the client's.
            extra_headers: Further headers of this call, by name; none that the client sets itself,
                such as Authorization.

        Raises:
            InvalidRequestError: There is no such file, or the server would not take its name.
            APIConnectionError: No answer came.
            APIStatusError: The server refused.
        """
        api_key = wrap(api_key)
        with opened(file, filename=filename, content_type=content_type) as ready:
            options = self._call_options(
                timeout, extra_headers=extra_headers, api_key=api_key, user_id=user_id
            )
            return await self._send(operations.audio_to_text(ready, options.user_id), options)

    def text_to_audio(
        self,
        text: str,
        *,
        voice: str | None = None,
        user_id: str | None = None,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> AsyncMediaStream:
        """Turn text into speech (POST /text-to-audio), where the app has that switched on.

        Args:
            text: What to say.
            voice: Name of the voice; by default the app's.
            user_id: Who listens; by default the client's user.
            api_key: Key of the app; by default the client's.
            timeout: Bounds of this call; by default the client's.
            extra_headers: Further headers of this call, by name; none that the client sets itself,
                such as Authorization.

        Raises:
            InvalidRequestError: The text is empty.
            APIConnectionError: No answer came.
            APIStatusError: The server refused.
        """
        api_key = wrap(api_key)
        options = self._call_options(
            timeout, extra_headers=extra_headers, api_key=api_key, user_id=user_id
        )
        operation = operations.text_to_audio(text, options.user_id, voice=voice)
        call = Call(operation, options)

        return AsyncMediaStream(partial(self._transport.open, call), call)

    # --------------------------------------------------------------------------------- sending

    async def _send(self, operation: Operation[T], options: Options) -> T:
        return await self._transport.send(Call(operation, options))

    async def _stop(
        self,
        task_id: str,
        deadline: Deadline,
        *,
        options: Options,
        api_key: ApiKey | None = None,
        user_id: str | None = None,
    ) -> WorkflowStopResponse:
        """Stop the task of a stream, also when the deadline of its run has passed."""
        others = options.changed(deadline=deadline, api_key=api_key, user_id=user_id)
        return await self._stop_task(task_id, others)

    async def _stop_task(self, task_id: str, options: Options) -> WorkflowStopResponse:
        operation = operations.stop_workflow_task(task_id, options.user_id)
        self._stops.add(task_id)  # before the stream can end with it
        try:
            return await self._send(operation, options)
        except DifyError:
            self._stops.discard(task_id)
            raise

    def _run_stream(
        self, name: str, request: WorkflowRunRequest, options: Options
    ) -> AsyncWorkflowStream:
        stop = partial(
            self._stop, options=options, api_key=request.api_key, user_id=request.user_id
        )
        observer = self._observer(name, request=request)
        session = self._session(name, options, observer=observer, started=self._started)

        async def opening() -> AsyncByteStream:
            with sending(observer):
                steps = self._preparation(name, options).run(request, "streaming")
                prepared = marked(observer, await self._prepared(steps))
                call = attrs.evolve(prepared, on_sent=session.note_sent)
                search = self._search(name, call)
                if search is not None:
                    session.set_recovery(self._recovery(search.calls, options), search)
                return await self._sent(call, self._transport.open, search)

        return AsyncWorkflowStream(session, opening, stop, self._transport)

    async def _run_blocking(
        self, request: WorkflowRunRequest, options: Options
    ) -> WorkflowRunResponse:
        name = "run_workflow"
        observer = self._observer(name, request=request)
        with sending(observer):
            steps = self._preparation(name, options).run(request, "blocking")
            call = marked(observer, await self._prepared(steps))
            search = self._search(name, call)
            run: WorkflowRunResponse = await self._sent(call, self._transport.send, search)
        self._note_run(run)
        if observer is not None:
            observer.answered(run)
        return run

    async def _prepared(self, steps: Generator[Call[Any], Any, Call[T]]) -> Call[T]:
        """The call at the end of a preparation, of which nothing has been sent."""
        try:
            return await self._transport.drive(steps)
        except DifyError as error:
            error.outcome = "not_run"
            raise

    async def _sent(
        self, call: Call[Any], send: Callable[[Call[Any]], Awaitable[T]], search: Search | None
    ) -> T:
        """What came of sending a run; where that is unknown, what the log shows of it."""

        async def do(step: Step) -> Any:
            match step:
                case SendCall(call=asked):
                    return await self._transport.send(asked)
                case Wait(seconds=seconds):
                    return await self._transport.wait(call.deadline.bound(seconds) or 0.0, Event())
                case _:
                    raise TypeError(step)

        while True:
            try:
                return await send(call)
            except DifyError as error:
                error.outcome = meaning(error, call.options.not_sent_statuses).outcome
                if error.outcome == "not_run" or search is None:
                    raise
                explained = await self._transport.carry_out(search.explain(error), do)
                if search.to_repeat() is None:
                    if explained is error:
                        raise
                    raise explained from error

    def _follow(
        self,
        name: str,
        run_id: str,
        options: Options,
        *,
        continues: bool,
        task_id: str | None = None,
    ) -> AsyncWorkflowStream:
        session = self._follow_session(name, run_id, options, continues=continues)
        session.run.task_id = task_id
        stop = partial(self._stop, options=options)
        return AsyncWorkflowStream(session, None, stop, self._transport)

    async def _ask_people(
        self, run: WorkflowRunResponse, callback: AsyncFormCallback, options: Options
    ) -> WorkflowRunResponse:
        """Let people answer the forms of a run until it has ended."""
        while (forms := forms_to_answer(run)) and run.id is not None:
            for form, token in forms:
                with naming(run):
                    shown = await self._form_to_answer(token, options)
                if shown is None:
                    continue
                action, inputs = await resolved(callback(as_seen(form, shown)))
                with naming(run):
                    await self._answer_form(token, action, inputs, options)
            async with self._follow(
                "run_workflow", run.id, options, continues=False, task_id=run.task_id
            ) as stream:
                run = await stream.result()
        return run

    async def _form_to_answer(self, token: str, options: Options) -> HumanInputForm | None:
        """A form as people see it; None where it was submitted, or has expired, or time is up."""
        try:
            return await self._send(self._form_read(token), options)
        except PreconditionFailedError:
            self._answered.answer(token)
        except RunDeadlineExceededError:
            pass  # who follows the run says what becomes of it
        return None

    async def _answer_form(
        self, token: str, action: str, inputs: Mapping[str, JSON], options: Options
    ) -> None:
        """Submit a form, unless somebody else has; where the answer is lost, look at the form."""
        try:
            await self._submit_form(token, action, inputs, options)
        except PreconditionFailedError:
            self._answered.answer(token)
        except RunDeadlineExceededError:
            pass  # likewise
        except DifyError as error:
            is_lost = error.outcome == "unknown"
            if not is_lost or await self._form_to_answer(token, options) is not None:
                raise

    async def _submit_form(
        self, token: str, action: str, inputs: Mapping[str, JSON], options: Options
    ) -> None:
        preparation = self._preparation("submit_human_input_form", options)
        run_id = self._answered.run_of(token)
        call = await self._prepared(preparation.form(token, action, inputs, run_id))
        try:
            await self._transport.send(call)
        except DifyError as error:
            self._note_refused_form(token, error, options)
            raise
        self._answered.submit(token, is_accepted=True)
