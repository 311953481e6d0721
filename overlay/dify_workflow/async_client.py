"""The client for async code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Generator, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs
from anyio import Event

from ._api import operations
from ._api.files import opened
from ._api.forms import as_seen, checked_reply, forms_to_answer
from ._api.operations import ResponseMode
from ._base_client import (
    ClientBase,
    about,
    checked_mode,
    checked_tracing,
    logs_request,
    naming,
    run_request,
)
from ._http.async_network import resolved
from ._http.async_transport import AsyncTransport
from ._http.libraries import AsyncHTTPClient, base_url_of, checked_client
from ._http.options import (
    MAX_ANSWER_BYTES,
    NOT_GIVEN,
    Deadline,
    NotGiven,
    Options,
    Timeout,
    deadline_in,
)
from ._http.request import Call, Operation
from ._http.versions import may_lose_records
from ._json import JSON
from ._logs.async_iterators import AsyncLogIterator, AsyncLogTail
from ._secret import ApiKey, wrap
from ._streams.async_media import AsyncMediaStream
from ._streams.async_stream import AsyncWorkflowStream
from ._streams.decoder import MAX_EVENT_BYTES
from ._streams.protocol import SendCall, Step, Wait
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
    from ._streams.session import Rescue
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
    """Runs workflows on a Dify server.

    Use it as a context manager, or call `close` when you no longer need it.
    Tasks may share one client, and so may several event loops.

    Args:
        api_key: API key of a workflow app; by default DIFY_API_KEY. A key in a request or in the
            arguments of a method takes precedence, so one client can serve many apps.
        base_url: Base URL of the server, including ``/v1``; by default DIFY_BASE_URL, or else
            ``https://api.dify.ai/v1``.
        user_id: Who the runs are for: a name that you choose, 1 to 255 characters; by default
            DIFY_USER, or else ``"dify-workflow"``.
        timeout: Seconds that connecting, reading, writing, or waiting for a free connection may
            each take without progress. An `httpx.Timeout` sets each of them; None means no limit.
            By default 5 to connect, 30 to write and to wait, 60 to read. Streams have 35 to read,
            because the server sends a ping every 10 s. Each method takes its own `timeout`, too.
        max_retries: How often a call is sent again if that is safe; 0 means one attempt. It is safe
            if the connection could not be made, or if Dify refused before it ran anything. After
            other failures, only calls that change nothing are sent again. A run that may have
            reached the server is never sent again. If the server asks to wait for more than 60 s,
            the error is raised.
        queue_timeout: Seconds to wait in total for other runs to end if the app's concurrency limit
            refuses a run; 0 means no wait. By default 60, or 0 if `max_retries` is 0.
        start_timeout: Seconds to wait for the first event of a run that the server has accepted;
            None for no limit. The run may be in the server's queue until a worker is free, and no
            event arrives meanwhile. Servers end such a stream after 300 s.
        not_sent_statuses: HTTP statuses (400 to 599) that your gateway sends only if it has not
            passed the request to Dify, such as ``{429, 503}``. A run is then sent again, up to
            `max_retries` times. Otherwise any 5xx may mean that the run is still running.
        at_least_once: Whether to send a run again, up to `max_retries` times, if its outcome is
            unknown, and the log was read and does not show it. The run may then run twice. Needs
            `recover`.
        check_inputs: Whether to check the inputs before a run is streamed, if the server does not
            answer invalid ones (Dify 1.13 and 1.14).
        recover: Whether to find a run again after its stream breaks. The stream is opened again
            (Dify 1.14 and newer), or the run is looked up until it has ended. Without it,
            `StreamInterruptedError` is raised.
        max_reattach: How often a stream is opened again without a new event, if the server answers.
            Attempts during an outage do not count.
        lost_run_timeout: Seconds without any sign of life after which a run whose stream broke
            counts as lost; None for no limit. The client also waits this long for a server that is
            down.
        max_event_bytes: Largest stream event (bytes).
        max_answer_bytes: Largest answer (bytes, after decompression). It does not apply to events
            and downloads.
        tracing: Whether to report runs to OpenTelemetry, as spans and metrics. True means the
            defaults of `dify_workflow.tracing.Tracing`; pass a `Tracing` to change them. Needs
            ``pip install dify-workflow[otel]``.
        on_response: A function that is called with the status and headers of each answer, before
            the body is read. Retries and uploads are included. If it raises, that is logged and the
            call continues.
        http_client: Your own `httpx.AsyncClient` or `httpx2.AsyncClient`, for proxies, TLS or other
            transports. This client never closes it. Its base_url is used if you pass none, and its
            timeout if you changed it.

    Raises:
        ConfigurationError: An option is invalid, or OpenTelemetry is not installed.

    Example::

        async with AsyncDifyWorkflow() as workflow:  # with the key in DIFY_API_KEY
            run = await workflow.run_workflow({"name": "Ann"})
            print(run.outputs)
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
        api_key = wrap(api_key)  # so that no frame of a traceback contains the plain key
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
        """Return a copy of this client with other options, which shares its connections.

        Making a copy is cheap. Closing the copy leaves the connections open. Closing this client
        closes them for the copy, too.

        Args:
            api_key: As for the client. Options that you leave out do not change.
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
            http_client: As for the client. The copy then shares no connections.

        Returns:
            The copy.

        Raises:
            ConfigurationError: An option is invalid.

        Example::

            patient = workflow.with_options(timeout=300, max_retries=5)
            run = await patient.run_workflow({"name": "Ann"})
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
        """Close the connections. Later calls raise `ConfigurationError`.

        A copy that `with_options` made leaves the connections open.

        Example::

            workflow = AsyncDifyWorkflow()
            try:
                print((await workflow.app_info()).name)
            finally:
                await workflow.close()
        """
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

        A run that failed, was stopped or is paused is a result, not an exception; see
        `WorkflowRunResponse.raise_for_status`. A run is sent once. If its stream breaks, the client
        finds the run again.

        Args:
            request: The run as a `WorkflowRunRequest`, or only its inputs by name. You can also
                leave it out and pass its fields as keywords.
            inputs: Values of the inputs, by name.
            user: Who the run is for; by default the client's user. It is the same as `user_id` of a
                request, of the client and of other methods.
            files: Files for ``sys.files``; a `pathlib.Path` is uploaded first.
            workflow_id: Id (UUID) of the published version to run; by default the latest.
            trace_id: Id of the run in the server's tracing.
            trace_session_id: Id that groups several runs in the server's tracing.
            api_key: API key of the app; by default the client's.
            response_mode: ``"streaming"`` reads the run's events, so no proxy cuts off a long run.
                ``"blocking"`` sends one plain request, which proxies cut off after 60 to 100 s.
            on_human_input: A function that is called with each form that the run waits for, as
                people see it. It returns the id of an action and the value of each field. The run
                then continues, through any number of forms. A form that somebody else has answered
                meanwhile is skipped. Without this function, or if a form has no token for this key,
                the paused run is returned. Since Dify 1.14.
            timeout: Timeout of each request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of each request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.
            deadline: Seconds from now in which the whole call must end: waiting for the concurrency
                limit, checks, uploads, every attempt, the run itself and finding it again. None for
                no limit.
            stop_on_deadline: Whether to stop the run if the deadline passes. Otherwise it
                continues.
            not_sent_statuses: The client's option of this name, for this call.
            at_least_once: The client's option of this name, for this call.

        Returns:
            The run with its status, outputs and ids.

        Raises:
            InvalidRequestError: The request is invalid. Nothing was sent.
            InvalidInputsError: The app does not accept these inputs.
            APIConnectionError: The request did not reach the server.
            APIStatusError: The server refused the run or the answer to a form, or it failed. The
                error's `outcome` says whether the run may have started.
            InvalidResponseError: An answer cannot be read, or belongs to another run.
            RunOutcomeUnknownError: No answer arrived, so it is not known whether the run exists.
                The error's `candidates` are certain if the request had a `user` that no other
                request has.
            RunLostError: The run's outcome cannot be found out any more.
            StreamError: The stream failed before the run ended. The error has the ids, if known.
            RunDeadlineExceededError: The deadline passed. The error has the ids, if known.

        Example::

            run = await workflow.run_workflow({"name": "Ann"}, user="ann@example.com", deadline=60)
            print(run.status, run.outputs)
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
        """Run the app's workflow and return its events as they arrive (POST /workflows/run).

        Args:
            request: The run as a `WorkflowRunRequest`, or only its inputs by name. You can also
                leave it out and pass its fields as keywords.
            inputs: Values of the inputs, by name.
            user: Who the run is for; by default the client's user. It is the same as `user_id` of a
                request, of the client and of other methods.
            files: Files for ``sys.files``; a `pathlib.Path` is uploaded first.
            workflow_id: Id (UUID) of the published version to run; by default the latest.
            trace_id: Id of the run in the server's tracing.
            trace_session_id: Id that groups several runs in the server's tracing.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of each request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of each request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.
            deadline: Seconds from now in which the whole call must end, as for `run_workflow`; None
                for no limit.
            stop_on_deadline: Whether to stop the run if the deadline passes. Otherwise it
                continues.
            not_sent_statuses: The client's option of this name, for this call.
            at_least_once: The client's option of this name, for this call.

        Returns:
            The events to iterate over. Its `result` gives the outcome, and its `stop` stops the
            run.

        Raises:
            InvalidRequestError: The request is invalid. Nothing was sent.
            InvalidInputsError: The app does not accept these inputs.
            APIConnectionError: The request did not reach the server.
            APIStatusError: The server refused the run or failed. The error's `outcome` says whether
                the run may have started.
            InvalidResponseError: The answer cannot be read.
            RunOutcomeUnknownError: No answer arrived, so it is not known whether the run exists.
            RunDeadlineExceededError: The deadline passed before the server answered.

        Example::

            async with workflow.run_workflow_stream({"name": "Ann"}) as stream:
                async for event in stream:
                    print(event.event, event.node_title)
                run = await stream.result()
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
        """Return the events of a running run (GET /workflow/{workflow_run_id}/events).

        Since Dify 1.14. A finished run has one event, `WorkflowFinished`. Runs that were started in
        blocking mode have no events.

        Args:
            workflow_run_id: Id of the run (UUID).
            include_state_snapshot: Whether to begin with `WorkflowStarted` and the events of the
                nodes so far, without their inputs, outputs and text. Otherwise the stream begins
                with the next event.
            continue_on_pause: Whether to keep listening if the run pauses.
            user_id: Who the run is for; by default the client's user. A run of another user is not
                found.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of the request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of the request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The events to iterate over. Its `result` gives the outcome, and its `stop` stops the
            run.

        Raises:
            InvalidRequestError: The id is not a UUID.
            NotFoundError: The user has no such run, or the server is older than Dify 1.14.
            APIConnectionError: The server did not answer.
            APIStatusError: The server refused the request or failed.

        Example::

            submitted = await workflow.submit_workflow({"name": "Ann"})
            async with workflow.resume_workflow_stream(submitted.id) as stream:
                async for event in stream:
                    print(event.event, event.node_title)
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
            observer = session.observer
            with observer.sending() if observer else nullcontext():
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

        `wait_for_run` gets the outcome later, also in another process. The run continues after its
        stream is closed. Up to Dify 1.9.1, however, that damages the run's record. With these
        versions the client keeps reading in the background: keep the process, event loop and client
        alive until the run ends.

        Args:
            request: The run as a `WorkflowRunRequest`, or only its inputs by name. You can also
                leave it out and pass its fields as keywords.
            inputs: Values of the inputs, by name.
            user: Who the run is for; by default the client's user. It is the same as `user_id` of a
                request, of the client and of other methods.
            files: Files for ``sys.files``; a `pathlib.Path` is uploaded first.
            workflow_id: Id (UUID) of the published version to run; by default the latest.
            trace_id: Id of the run in the server's tracing.
            trace_session_id: Id that groups several runs in the server's tracing.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of each request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of each request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.
            not_sent_statuses: The client's option of this name, for this call.
            at_least_once: The client's option of this name, for this call.

        Returns:
            The run with its `id` and `task_id`. Its status is ``"running"``, unless it has already
            ended.

        Raises:
            InvalidRequestError: The request is invalid. Nothing was sent.
            InvalidInputsError: The app does not accept these inputs.
            APIConnectionError: The request did not reach the server.
            APIStatusError: The server refused the run or failed. The error's `outcome` says whether
                the run may have started.
            InvalidResponseError: The answer cannot be read.
            RunOutcomeUnknownError: No answer or event arrived, so it is not known whether the run
                exists.
            StreamError: The stream failed before the ids arrived.

        Example::

            submitted = await workflow.submit_workflow({"name": "Ann"})
            print(submitted.id, submitted.task_id)  # save them, for example in your database
            run = await workflow.wait_for_run(submitted.id)
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

        The client follows the run's events if the server has them (GET
        /workflow/{workflow_run_id}/events). Otherwise it looks up the run every 1 to 10 s (GET
        /workflows/run/{workflow_run_id}). After a pause whose forms have been answered, it keeps
        waiting.

        Args:
            workflow_run_id: Id of the run (UUID).
            user_id: Who the run is for; by default the client's user. The events of another user's
                run are not available, so that run is looked up.
            on_event: A function that is called with each event. Earlier events come first, without
                text.
            wait_through_pause: Whether to keep waiting while the run waits for human input.
                Otherwise the paused run is returned with its forms.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of each request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of each request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.
            deadline: Seconds from now in which the whole call must end, as for `run_workflow`; None
                for no limit.
            stop_on_deadline: Whether to stop the run if the deadline passes. Otherwise it
                continues.

        Returns:
            The run with its status, outputs and ids.

        Raises:
            InvalidRequestError: The id is not a UUID.
            RunLostError: There is no such run, its outcome cannot be found out any more, or it does
                not continue although its forms were answered.
            StreamInterruptedError: The server did not answer for longer than `lost_run_timeout`, or
                it failed repeatedly.
            InvalidResponseError: An answer or event cannot be read, or belongs to another run.
            APIStatusError: The server refused the request or failed.
            RunDeadlineExceededError: The deadline passed. The error has the ids, if known.

        Example::

            submitted = await workflow.submit_workflow({"name": "Ann"})
            run = await workflow.wait_for_run(submitted.id, deadline=600)
            print(run.status, run.outputs)
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

        The server answers ``"success"`` to any id. The run's stream ends within a second. Up to
        Dify 1.8 only the user who started a run can stop it.

        Args:
            task_id: Id of the task (UUID), not of the run: the `task_id` of the run, its stream or
                any event.
            user_id: Who stops the run; by default the client's user.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of the request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of the request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The server's answer. It does not say whether there was a run to stop.

        Raises:
            InvalidRequestError: The id is invalid, or is the id of a run that this client started.
            APIConnectionError: The server did not answer.
            APIStatusError: The server refused the request or failed.

        Example::

            submitted = await workflow.submit_workflow({"name": "Ann"})
            await workflow.stop_workflow_stream(submitted.task_id)
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
        """Look up a run (GET /workflows/run/{workflow_run_id}).

        From Dify 1.10.1 to 1.14, a run that was stopped stays ``"running"`` here.

        Args:
            workflow_run_id: Id of the run (UUID).
            api_key: API key of the app; by default the client's.
            timeout: Timeout of the request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of the request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The run with its status, and its outputs if it has ended.

        Raises:
            InvalidRequestError: The id is not a UUID.
            NotFoundError: The app has no such run.
            InvalidResponseError: The answer cannot be read, or belongs to another run.
            APIConnectionError: The server did not answer.
            APIStatusError: The server refused the request or failed.

        Example::

            submitted = await workflow.submit_workflow({"name": "Ann"})
            run = await workflow.info(submitted.id)
            print(run.status, run.elapsed_time)
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
        """Read one page of the log of runs, newest first (GET /workflows/logs).

        Pages that follow each other neither lose nor repeat a row, even if rows are added or
        deleted meanwhile. Up to Dify 1.10.1 the log shows a run only when it has ended.

        Args:
            request: Which runs to return, and the row after which the page begins; by default the
                newest 20. You can also leave it out and pass the fields of `WorkflowLogsRequest` as
                keywords.
            limit: The most rows of the page, 1 to 1000; by default 20.
            status: Only runs that ended with this status.
            keyword: Only runs with this text, or the run with this id.
            created_by_end_user_session_id: Only runs of this user (the `user` of the run).
            created_by_account: Only runs of the account with this e-mail address.
            created_at_before: Only rows of this time or earlier (with time zone).
            created_at_after: Only rows of this time or later (with time zone).
            last_id: Id of the row after which the page begins. Pass this or `cursor`, not both.
            cursor: Where the page begins: the `cursor` of a page or an iterator.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of each request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of each request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The page. Its `has_more` says whether there are more rows, and its `next_request` gets
            them.

        Raises:
            InvalidRequestError: The request is invalid. Nothing was sent.
            LogCursorError: The row after which the page begins was not found.
            LogWindowUnstableError: One second of the log has more rows than could be read.
            UnsupportedServerError: The server ignores a filter.
            APIConnectionError: The server did not answer.
            APIStatusError: The server refused the request or failed.

        Example::

            page = await workflow.logs(limit=100, status="failed")
            for row in page.data:
                print(row.created_time, row.run_id, row.error)
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
        """Iterate over the log of runs, newest first (GET /workflows/logs).

        Every row that exists during the whole iteration is returned once and in order, even if rows
        are added or deleted meanwhile. At most one answer of 100 rows is read in advance.

        Args:
            request: Which runs to return, and the row after which to begin. Its `limit` is used
                only by `pages`. You can also leave it out and pass its filters as keywords.
            limit: The most rows; by default all. You can combine it with a request.
            since: Only rows of this time or later (with time zone). You can combine it with a
                request.
            until: Only rows of this time or earlier (with time zone). You can combine it with a
                request.
            status: Only runs that ended with this status.
            keyword: Only runs with this text, or the run with this id.
            created_by_end_user_session_id: Only runs of this user (the `user` of the run).
            created_by_account: Only runs of the account with this e-mail address.
            last_id: Id of the row after which to begin. Pass this or `cursor`, not both.
            cursor: Where to begin: the `cursor` of a page or an iterator.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of each request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of each request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The rows to iterate over. Requests are sent only while you iterate.

        Raises:
            InvalidRequestError: The request is invalid. Nothing was sent.
            LogCursorError: While iterating: the row after which to begin was not found.
            LogWindowUnstableError: While iterating: one second of the log has more rows than could
                be read.
            UnsupportedServerError: While iterating: the server ignores a filter.
            APIConnectionError: While iterating: the server did not answer.
            APIStatusError: While iterating: the server refused the request or failed.

        Example::

            async for row in workflow.iter_logs(status="failed", limit=500):
                print(row.created_time, row.run_id, row.error)
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
        last_id: str | None = None,
        cursor: str | None = None,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
        extra_headers: Mapping[str, str] | None = None,
    ) -> AsyncLogTail:
        """Return new runs, oldest first, as the log shows them (GET /workflows/logs).

        Each run is returned once, even if it is up to 3 s older than the newest run when it
        appears. Runs come in the order in which they appear, the older one first if several appear
        at once. Up to Dify 1.10 a run appears when it has ended. The iterator waits while the
        server does not answer, for at most `lost_run_timeout`.

        Args:
            request: Which runs to return, and after which row to begin; by default all runs that
                appear from now on. Its `limit` is not used. You can also leave it out and pass its
                filters as keywords.
            poll_interval: Seconds between two reads of the log.
            status: Only runs that ended with this status.
            keyword: Only runs with this text, or the run with this id.
            created_by_end_user_session_id: Only runs of this user (the `user` of the run).
            created_by_account: Only runs of the account with this e-mail address.
            last_id: Id of the row after which to begin. Rows of the same second with a smaller id
                count as old. Pass this or `cursor`, not both.
            cursor: Where to begin: the `cursor` of a page or an iterator, which is the place of its
                oldest row.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of each request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of each request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The rows to iterate over. The iterator has no end.

        Raises:
            InvalidRequestError: The request is invalid. Nothing was sent.
            LogCursorError: The row after which to begin was not found.
            LogWindowUnstableError: One second of the log has more rows than could be read.
            UnsupportedServerError: The server ignores a filter.
            APIConnectionError: The server did not answer for longer than `lost_run_timeout`.
            APIStatusError: The server refused the request, or failed for longer than
                `lost_run_timeout`.

        Example::

            tail = await workflow.tail_logs(poll_interval=0.1)
            await workflow.run_workflow({"name": "Ann"})
            row = await anext(tail)  # or: async for row in tail
            print(row.run_id, row.status)
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
            last_id=last_id,
            cursor=cursor,
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
        """Read a form that a run waits for (GET /form/human_input/{form_token}).

        Since Dify 1.14.

        Args:
            form_token: Token of the form: the `HumanInputForm.token` of a paused run.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of the request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of the request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The form with its text, fields and actions.

        Raises:
            InvalidRequestError: The token is invalid.
            NotFoundError: There is no such form.
            PreconditionFailedError: The form was already submitted, or has expired.
            APIConnectionError: The server did not answer.
            APIStatusError: The server refused the request or failed.

        Example::

            run = await workflow.run_workflow({"topic": "boxes"})
            for paused in run.paused.forms:
                form = await workflow.human_input_form(paused.token)
                print(form.content, [action.id for action in form.actions])
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
        """Submit a form, so that the run continues (POST /form/human_input/{form_token}).

        Since Dify 1.14.

        Args:
            form_token: Token of the form: the `HumanInputForm.token` of a paused run.
            action: Id of the action: an ``id`` in `HumanInputForm.actions`.
            inputs: Values of the fields, by name: any JSON, `WorkflowFile`, or `pathlib.Path` for a
                file that is uploaded first.
            user_id: Who submits the form; by default the client's user. Any user of the app can
                submit it.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of the request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of the request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Raises:
            InvalidRequestError: The request is invalid. Nothing was sent.
            BadRequestError: A field is missing, or there is no such action.
            NotFoundError: There is no such form.
            PreconditionFailedError: The form was already submitted, or has expired.
            APIConnectionError: The server did not answer. The error's `outcome` says whether the
                server may have received the form.
            APIStatusError: The server refused or failed. The error's `outcome` says whether the
                server may have accepted the form.

        Example::

            run = await workflow.run_workflow({"topic": "boxes"})
            form = run.paused.forms[0]
            await workflow.submit_human_input_form(form.token, "approve", {"comment": "Good."})
            run = await workflow.wait_for_run(run.id)
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

        The file is sent in pieces. It is never read into memory completely.

        Args:
            file: A path, bytes, a file opened in binary mode (sent from its beginning), or an
                `UploadFile` of FastAPI or Starlette.
            filename: Name of the file; by default that of the path or of the open file.
            content_type: Media type; by default guessed from the name.
            user_id: Who may use the file; by default the client's user.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of the request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of the request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The uploaded file. You can use it as the value of an input.

        Raises:
            InvalidRequestError: There is no such file, or the server does not accept its name.
            PayloadTooLargeError: The file is larger than the server allows.
            UnsupportedMediaTypeError: The server does not accept files of this type.
            APIConnectionError: The server did not answer.
            APIStatusError: The server refused the request or failed.

        Example::

            file = await workflow.upload_file(b"Hello", filename="hello.txt")
            run = await workflow.run_workflow({"name": "Ann"}, files=[file.as_input()])
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
        """Download a file of a chat message (GET /files/{file_id}/preview).

        The server has only files of chat messages here. Files that workflows made have their own
        URL in the outputs.

        Args:
            file_id: Id of the file (UUID).
            as_attachment: Whether to ask for the headers that let browsers save the file.
            user_id: Who downloads the file; by default the client's user.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of the request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of the request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The content of the file, to iterate over or to read completely.

        Raises:
            InvalidRequestError: The id is not a UUID.
            NotFoundError: There is no such file.
            APIConnectionError: The server did not answer.
            APIStatusError: The server refused the request or failed.

        Example::

            file = await workflow.upload_file(b"Hello", filename="hello.txt")
            try:
                content = await workflow.file_preview(file.id).read()
            except NotFoundError:
                print("This file is not part of a chat message.")
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
        """Get the app's name, description, tags and type (GET /info).

        Args:
            api_key: API key of the app; by default the client's.
            timeout: Timeout of the request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of the request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The app's name, description, tags and type (`mode`).

        Raises:
            APIConnectionError: The server did not answer.
            APIStatusError: The server refused the request or failed.

        Example::

            info = await workflow.app_info()
            print(info.name, info.mode)
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
        """Get the app's inputs and features (GET /parameters).

        Args:
            api_key: API key of the app; by default the client's.
            timeout: Timeout of the request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of the request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The inputs and features; its `fields` has the inputs.

        Raises:
            BadRequestError: The app was never published.
            APIConnectionError: The server did not answer.
            APIStatusError: The server refused the request or failed.

        Example::

            parameters = await workflow.parameters()
            for field in parameters.fields:
                print(field.name, field.kind, field.required)
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
        """Get the icons of the tools that the app uses (GET /meta).

        Args:
            api_key: API key of the app; by default the client's.
            timeout: Timeout of the request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of the request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The icons by name of the tool: each is a URL, or an object that describes the icon.

        Raises:
            APIConnectionError: The server did not answer.
            APIStatusError: The server refused the request or failed.

        Example::

            meta = await workflow.meta()
            print(meta.tool_icons)
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
        """Get the settings of the app's web page, such as its title and icon (GET /site).

        Since Dify 1.4.

        Args:
            api_key: API key of the app; by default the client's.
            timeout: Timeout of the request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of the request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The settings of the web page.

        Raises:
            NotFoundError: The server is older than Dify 1.4.
            APIConnectionError: The server did not answer.
            APIStatusError: The server refused the request or failed.

        Example::

            site = await workflow.site()
            print(site.title, site.description)
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
        """Look up an end user (GET /end-users/{end_user_id}).

        Since Dify 1.13.

        Args:
            end_user_id: Id of the end user (UUID): ``created_by_end_user.id`` of a row of the log.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of the request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of the request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The end user. Its `session_id` is the `user` of the runs.

        Raises:
            InvalidRequestError: The id is not a UUID.
            NotFoundError: The app has no such end user.
            APIConnectionError: The server did not answer.
            APIStatusError: The server refused the request or failed.

        Example::

            page = await workflow.logs(limit=1)
            user = await workflow.end_user(page.data[0].created_by_end_user.id)
            print(user.session_id)
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
        """Convert speech to text, if the app has this feature on (POST /audio-to-text).

        Args:
            file: A path, bytes, or a file opened in binary mode; at most 30 MB.
            filename: Name of the file; by default that of the path or of the open file.
            content_type: Media type; by default guessed from the name.
            user_id: Who speaks; by default the client's user.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of the request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of the request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The text of the speech.

        Raises:
            InvalidRequestError: There is no such file, or the server does not accept its name.
            APIConnectionError: The server did not answer.
            APIStatusError: The server refused the request or failed.

        Example::

            with open("speech.mp3", "rb") as file:
                transcript = await workflow.audio_to_text(file)
            print(transcript.text)
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
        """Convert text to speech, if the app has this feature on (POST /text-to-audio).

        Args:
            text: The text to speak.
            voice: Name of the voice; by default the app's.
            user_id: Who listens; by default the client's user.
            api_key: API key of the app; by default the client's.
            timeout: Timeout of the request (seconds, or an `httpx.Timeout`; None for no limit); by
                default the client's.
            extra_headers: Extra headers of the request, by name. Headers that the client sets
                itself, such as Authorization, are not allowed.

        Returns:
            The audio, to iterate over or to read completely.

        Raises:
            InvalidRequestError: The text is empty.
            APIConnectionError: The server did not answer.
            APIStatusError: The server refused the request or failed.

        Example::

            audio = await workflow.text_to_audio("Hello").read()
            Path("hello.mp3").write_bytes(audio)
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
        """Stop the task of a stream, even if the deadline of its run has passed."""
        others = options.changed(deadline=deadline, api_key=api_key, user_id=user_id)
        return await self._stop_task(task_id, others)

    async def _stop_task(self, task_id: str, options: Options) -> WorkflowStopResponse:
        operation = operations.stop_workflow_task(task_id, options.user_id)
        self._stops.add(task_id)  # first, because the stream may end before the answer arrives
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
            with observer.sending() if observer else nullcontext():
                steps = self._preparation(name, options).run(request, "streaming")
                prepared = await self._prepared(steps)
                if observer is not None:
                    prepared = observer.marked(prepared)
                call = attrs.evolve(prepared, on_sent=session.note_sent)
                rescue = self._rescue(name, call)
                if rescue is not None:
                    session.set_rescue(rescue)
                return await self._sent(call, self._transport.open, rescue)

        return AsyncWorkflowStream(session, opening, stop, self._transport)

    async def _run_blocking(
        self, request: WorkflowRunRequest, options: Options
    ) -> WorkflowRunResponse:
        name = "run_workflow"
        observer = self._observer(name, request=request)
        with observer.sending() if observer else nullcontext():
            steps = self._preparation(name, options).run(request, "blocking")
            call = await self._prepared(steps)
            if observer is not None:
                call = observer.marked(call)
            rescue = self._rescue(name, call)
            run: WorkflowRunResponse = await self._sent(call, self._transport.send, rescue)
        self._note_run(run)
        if observer is not None:
            observer.answered(run)
        return run

    async def _prepared(self, steps: Generator[Call[Any], Any, Call[T]]) -> Call[T]:
        """Prepare a call. If that fails, the run or form was not sent, and the error says so."""
        try:
            return await self._transport.drive(steps)
        except DifyError as error:
            error.outcome = "not_run"
            raise

    async def _sent(
        self, call: Call[Any], send: Callable[[Call[Any]], Awaitable[T]], rescue: Rescue | None
    ) -> T:
        """Send a run; if its outcome is unknown, look for it in the log."""

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
                if error.run_id is not None:  # a blocking answer that cannot be read
                    error.outcome = "running"
                if error.outcome != "unknown" or rescue is None:
                    raise
                explained = await self._transport.carry_out(rescue.search.explain(error), do)
                if rescue.search.to_repeat() is None:
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
        """Let the callback answer the forms of a run until it has ended."""
        while (forms := forms_to_answer(run)) and run.id is not None:
            for form, token in forms:
                with naming(run):
                    shown = await self._form_to_answer(token, options)
                if shown is None:
                    continue
                reply = await resolved(callback(as_seen(form, shown)))
                with naming(run):
                    await self._answer_form(token, *checked_reply(reply), options)
            async with self._follow(
                "run_workflow", run.id, options, continues=False, task_id=run.task_id
            ) as stream:
                run = await stream.result()
        return run

    async def _form_to_answer(self, token: str, options: Options) -> HumanInputForm | None:
        """A form as people see it; None if it is closed, or if the deadline has passed."""
        try:
            return await self._send(self._form_read(token), options)
        except PreconditionFailedError:
            self._answered.answer(token)
        except RunDeadlineExceededError:
            pass  # the stream that follows the run reports it
        return None

    async def _answer_form(
        self, token: str, action: str, inputs: Mapping[str, JSON], options: Options
    ) -> None:
        """Submit a form unless somebody else has; if the server's answer is lost, read the form."""
        try:
            await self._submit_form(token, action, inputs, options)
        except PreconditionFailedError:
            self._answered.answer(token)
        except RunDeadlineExceededError:
            pass  # the stream that follows the run reports it
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
