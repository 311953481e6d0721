"""The emulator's endpoints."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from .._json import JSON, is_object
from .answers import Answers
from .faults import EndedEarlyError, Fault, Faults, end_connection, faulty
from .logs import Logs
from .requests import (
    NOT_UNDERSTOOD,
    ApiError,
    Fields,
    RunRequest,
    invalid,
    is_uuid,
    json_body,
    not_found,
    server_error,
)
from .store import RunRecord
from .workflows import FormAnswer, StartError

if TYPE_CHECKING:
    from .run import Run
    from .state import State
    from .workflows import Workflow

Endpoint = Callable[[Request, "Workflow"], Awaitable[Response]]

_NOT_ALLOWED = 405
_NO_ANSWER = 0


@attrs.frozen
class SeenRequest:
    """A request that reached the emulator.

    Args:
        method: Its method.
        path: Its path, without the base URL's.
        status: HTTP status of the answer; 0 where the connection broke before one.
        headers: Its headers, names in lower case; with the key, which repr does not show.
        body: What it sent as JSON; empty where it sent none, or was refused before that was read.
        user: Who it was for; None where it does not say.
    """

    method: str
    path: str
    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    user: str | None = None

    @property
    def json(self) -> JSON:
        """The decoded body, as ``{"inputs": …, "user": …, "response_mode": …}``; None for none.

        Raises:
            ValueError: It is no JSON.
        """
        return json.loads(self.body) if self.body else None


class WorkerDiedError(Exception):
    """A run in blocking mode died; its client gets no answer."""


class Api:
    """The endpoints over a state."""

    def __init__(self, state: State, faults: Faults, seen: deque[SeenRequest]) -> None:
        self._state = state
        self._dialect = state.dialect
        self._answers = Answers(state.dialect)
        self._logs = Logs(state.store, state.dialect)
        self._faults = faults
        self._seen = seen

    def application(self, pages: list[Route]) -> Starlette:
        """The ASGI application."""
        dialect = self._dialect
        endpoints: list[tuple[str, str, Endpoint]] = [
            ("POST", "/workflows/run", self.run_workflow),
            ("POST", "/workflows/tasks/{task_id}/stop", self.stop),
            ("GET", "/workflows/run/{run_id}", self.detail),
            ("GET", "/workflows/logs", self.logs),
            ("POST", "/files/upload", self.upload),
            ("GET", "/files/{file_id}/preview", self.preview),
            ("GET", "/info", self.info),
            ("GET", "/parameters", self.parameters),
            ("GET", "/meta", self.meta),
            ("POST", "/audio-to-text", self.audio_to_text),
            ("POST", "/text-to-audio", self.text_to_audio),
        ]
        if dialect.since(1, 4):
            endpoints.append(("GET", "/site", self.site))
        if dialect.since(1, 7):
            endpoints.append(("POST", "/workflows/{workflow_id}/run", self.run_workflow))
        if dialect.since(1, 13):
            endpoints.append(("GET", "/end-users/{user_id:uuid}", self.end_user))
        if dialect.has_form_api:
            endpoints += [
                ("GET", "/workflow/{run_id}/events", self.events),
                ("GET", "/form/human_input/{token}", self.form),
                ("POST", "/form/human_input/{token}", self.submit),
            ]
        routes = [
            Route(f"/v1{path}", self._guarded(endpoint), methods=[method])
            for method, path, endpoint in endpoints
        ]
        if not dialect.since(1, 8):
            routes.append(Route("/v1/", self._root))
        application = Starlette(
            routes=[*routes, *pages], exception_handlers={HTTPException: self._refused}
        )
        application.router.redirect_slashes = False
        return application

    # ------------------------------------------------------------------- around every endpoint

    def _guarded(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint after the check of the key, and with what goes wrong on demand."""

        async def answer(request: Request) -> Response:
            try:
                app = self._app_of(request)
                if _is_json(request):
                    request.state.sent = await request.body()
                return await endpoint(request, app)
            except ApiError as error:
                return self._answers.error(error)

        async def seen(request: Request) -> Response:
            faults = self._faults.take(_label(request), "answer")
            status = _NO_ANSWER
            try:
                response = await self._with(faults, request, answer)
                status = response.status_code
            except EndedEarlyError as early:
                await self._end_early(early.fault, request)
                response = Response()
            except WorkerDiedError:
                await end_connection(request.state.transport, "cut")
                response = Response()
            except ClientDisconnect:  # in mid-request, as clients do that are killed
                return Response()
            self._seen.append(await _seen(request, status))
            return response

        return seen

    async def _with(
        self,
        faults: list[Fault],
        request: Request,
        answer: Callable[[Request], Awaitable[Response]],
    ) -> Response:
        """The answer, late or another where a fault says so.

        Raises:
            EndedEarlyError: There is none.
        """
        other = next((fault for fault in faults if fault.answer or fault.unanswered), None)
        if other is not None and (other.runs_anyway or other.unanswered):
            request.state.sent = await request.body()  # while the connection is there
        if other is not None and other.runs_anyway:
            self._state.go_on(_ignoring(answer(request)))
        delay = sum(fault.delay for fault in faults)
        if delay:
            await asyncio.sleep(delay)
        if other is None:
            return await answer(request)
        if other.answer is None:
            raise EndedEarlyError(other)
        given = other.answer
        headers = {"content-type": given.content_type, **given.headers}
        return Response(given.body, given.status, headers)

    def _app_of(self, request: Request) -> Workflow:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            text = "Authorization header must be provided and start with 'Bearer'"
            raise ApiError(401, "unauthorized", text)
        app = self._state.apps.get(key.strip())
        if app is None:
            raise ApiError(401, "unauthorized", "Access token is invalid")
        if not app.api_enabled:
            raise ApiError(403, "forbidden", "The app's API service has been disabled.")
        return app

    async def _refused(self, request: Request, error: Exception) -> Response:
        """404 and 405 of the routes."""
        if isinstance(error, HTTPException) and error.status_code == _NOT_ALLOWED:
            allowed = (error.headers or {}).get("Allow", "")
            if request.method == "OPTIONS":
                return self._answers.options(allowed)
            return self._answers.method_not_allowed(allowed)
        return self._answers.not_found_page(request.url.path)

    async def _root(self, _request: Request) -> Response:
        version = {"api_version": "v1", "server_version": self._dialect.version}
        return self._answers.json({"welcome": "Dify OpenAPI", **version})

    async def _fields(self, request: Request, model: str) -> Fields:
        return Fields(await json_body(request, self._dialect), model, self._dialect)

    # ------------------------------------------------------------------------------------ runs

    async def run_workflow(self, request: Request, app: Workflow) -> Response:
        """POST /workflows/run and /workflows/{workflow_id}/run."""
        fields = await self._fields(request, "WorkflowRunPayload")
        inputs = fields.json_object("inputs")
        fields.check_list("files")
        mode = fields.choice("response_mode", ("blocking", "streaming"))
        user = fields.user()
        _check_mode(app)
        asked = RunRequest(
            app,
            self._version(app, request.path_params.get("workflow_id")),
            inputs,
            user,
            _base_url(request),
            is_streamed=mode == "streaming",
        )
        state = self._state
        state.check_room(asked)
        if asked.is_streamed and self._dialect.has_workers:
            faults = self._faults.take(_label(request), "stream")
            run = state.enqueue(asked, delay=sum(fault.start_delay for fault in faults))
            return self._stream(request, state.streams.of_run(run), faults, run)
        refusal = state.refusal(asked)
        if refusal:
            raise invalid(refusal)
        try:
            run = await state.start(asked)
        except StartError as error:
            raise invalid(str(error)) from None
        if asked.is_streamed:
            faults = self._faults.take(_label(request), "stream")
            return self._stream(request, state.streams.of_run(run), faults, run)
        last = await state.streams.last_event(run)
        if last is None:
            raise WorkerDiedError
        return self._answers.blocking(run.record, last)

    def _version(self, app: Workflow, workflow_id: str | None) -> Workflow:
        """The version to run; the one published last, where none is named."""
        if workflow_id is None:
            if not app.published:
                raise invalid("Workflow not published")
            return app
        if not is_uuid(workflow_id):
            raise ApiError(400, "bad_request", f"Invalid workflow_id format: '{workflow_id}'. ")
        if workflow_id == app.draft_id:
            text = (
                f"Cannot use draft workflow version. Workflow ID: {workflow_id}. Please use a "
                "published workflow version or leave workflow_id empty."
            )
            raise ApiError(400, "bad_request", text)
        version = app.versions().get(workflow_id)
        if version is None or not app.published:
            raise not_found(f"Workflow not found with id: {workflow_id}")
        return version

    def _stream(
        self,
        request: Request,
        chunks: AsyncIterator[bytes],
        faults: list[Fault],
        run: Run | None = None,
        *,
        is_resumed: bool = False,
    ) -> Response:
        async def sent() -> AsyncIterator[bytes]:
            try:
                async for chunk in faulty(chunks, faults):
                    yield chunk
            except EndedEarlyError as early:
                await self._end_early(early.fault, request, run)
            finally:
                await chunks.aclose()  # type: ignore[attr-defined]  # they are async generators

        return self._answers.stream(sent(), is_resumed=is_resumed)

    async def _end_early(self, fault: Fault, request: Request, run: Run | None = None) -> None:
        if fault.kills_worker and run is not None:
            run.kill()
        if fault.ending == "stall":
            await self._state.streams.hold()
        elif fault.ending in {"cut", "reset"}:
            await end_connection(request.state.transport, fault.ending)

    async def stop(self, request: Request, app: Workflow) -> Response:
        """POST /workflows/tasks/{task_id}/stop: always success, whoever asks."""
        user = (await self._fields(request, "")).user()
        _check_mode(app)
        faults = self._faults.take(_label(request), "stop")
        winner = next((fault.stop_winner for fault in faults), None)
        self._state.stop(app, request.path_params["task_id"], user, winner)
        return self._answers.json({"result": "success"})

    async def detail(self, request: Request, app: Workflow) -> Response:
        """GET /workflows/run/{run_id}."""
        if not self._dialect.since(1, 7):
            _check_mode(app)
        record = self._record(request, app)
        if record is not None:
            return self._answers.detail(record)
        if not self._dialect.since(1, 13, 1):
            return self._answers.null_detail()
        raise not_found("Workflow run not found.")

    def _record(self, request: Request, app: Workflow) -> RunRecord | None:
        run_id = request.path_params["run_id"]
        if not is_uuid(run_id):
            raise server_error(self._dialect)
        return RunRecord.load(self._state.store, app.key, run_id)

    async def logs(self, request: Request, app: Workflow) -> Response:
        """GET /workflows/logs."""
        query = {name: request.query_params.getlist(name)[0] for name in request.query_params}
        return self._answers.json(self._logs.page(app.key, query))

    async def events(self, request: Request, app: Workflow) -> Response:
        """GET /workflow/{run_id}/events."""
        user = Fields(request.query_params, "", self._dialect).user()
        record = self._record(request, app)
        if record is None or record.user != user:
            raise not_found("Workflow run not found")
        streams = self._state.streams
        faults = self._faults.take(_label(request), "stream")
        if record.finished is not None:
            chunks = streams.of_finished(record)
            return self._stream(request, chunks, faults, is_resumed=True)
        run = self._state.going_on(record.id)
        chunks = streams.of_going_on(
            record,
            run,
            snapshot=_is_true(request, "include_state_snapshot"),
            continues=_is_true(request, "continue_on_pause"),
        )
        return self._stream(request, chunks, faults, run, is_resumed=True)

    # ------------------------------------------------------------------------------------ forms

    async def form(self, request: Request, app: Workflow) -> Response:
        """GET /form/human_input/{form_token}."""
        token = request.path_params["token"]
        form = self._state.forms.open(app.key, token, request.url.path)
        return self._answers.media(json.dumps(form.to_page()), "application/json")

    async def submit(self, request: Request, app: Workflow) -> Response:
        """POST /form/human_input/{form_token}."""
        fields = await self._fields(request, "HumanInputFormSubmitPayload")
        inputs = fields.json_object("inputs")
        answer = FormAnswer(fields.text("action"), inputs)
        fields.user()
        self._state.answer(app, request.path_params["token"], answer, request.url.path)
        return self._answers.json({})

    # ------------------------------------------------------------------------- files and people

    async def upload(self, request: Request, app: Workflow) -> Response:
        """POST /files/upload."""
        async with request.form() as form:
            file = next(iter(form.getlist("file")), None)  # of two of the name, the first
            user = form.get("user")
            if not isinstance(file, UploadFile):
                if self._dialect.since(1, 7):
                    raise ApiError(400, "no_file_uploaded", "Please upload your file.")
                raise ApiError(400, "bad_request_key_error", NOT_UNDERSTOOD)
            owner = user if isinstance(user, str) and user else "DEFAULT-USER"
            stored = self._state.files.add(
                app.key,
                self._state.store.user_id(app.key, owner),
                name=file.filename or "",
                mime_type=file.content_type or "",
                content=await file.read(),
                base_url=_base_url(request),
            )
        return self._answers.json(stored, 201)

    async def preview(self, _request: Request, _app: Workflow) -> Response:
        """GET /files/{file_id}/preview: only files of chat messages can be seen there."""
        raise ApiError(404, "file_not_found", "File not found in message context")

    async def end_user(self, request: Request, app: Workflow) -> Response:
        """GET /end-users/{id}."""
        user_id = str(request.path_params["user_id"])
        sql = "SELECT * FROM users WHERE id = ? AND app = ?"
        row = self._state.store.one(sql, (user_id, app.key))
        if row is None:
            raise ApiError(404, "end_user_not_found", "End user not found.")
        return self._answers.end_user(user_id, row["session"], row["created"], app)

    async def audio_to_text(self, request: Request, app: Workflow) -> Response:
        """POST /audio-to-text."""
        async with request.form() as form:
            if not isinstance(form.get("file"), UploadFile):
                raise ApiError(400, "no_audio_uploaded", "Please upload your audio.")
        if app.transcript is None:
            raise invalid("Speech to text is not enabled")
        return self._answers.json({"text": app.transcript})

    async def text_to_audio(self, request: Request, app: Workflow) -> Response:
        """POST /text-to-audio."""
        await json_body(request, self._dialect)
        if app.voice is None:
            raise invalid("TTS is not enabled")
        return self._answers.media(app.voice, "audio/mpeg")

    # -------------------------------------------------------------------------------------- app

    async def info(self, _request: Request, app: Workflow) -> Response:
        """GET /info."""
        return self._answers.info(app)

    async def parameters(self, _request: Request, app: Workflow) -> Response:
        """GET /parameters."""
        if not app.published:
            text = "App unavailable, please check your app configurations."
            raise ApiError(400, "app_unavailable", text)
        return self._answers.parameters(app)

    async def meta(self, _request: Request, _app: Workflow) -> Response:
        """GET /meta."""
        return self._answers.json({"tool_icons": {}})

    async def site(self, _request: Request, app: Workflow) -> Response:
        """GET /site."""
        return self._answers.site(app)


def _check_mode(app: Workflow) -> None:
    if app.mode != "workflow":
        text = "Please check if your app mode matches the right API route."
        raise ApiError(400, "not_workflow_app", text)


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/json")


async def _seen(request: Request, status: int) -> SeenRequest:
    """What is remembered of a request that was answered."""
    body: bytes = getattr(request.state, "sent", b"") if _is_json(request) else b""
    user: object = request.query_params.get("user")
    if body:
        with suppress(ValueError, RecursionError):  # the answer has said so
            told: JSON = json.loads(body)
            user = told.get("user") if is_object(told) else None
    elif 200 <= status < 300 and request.headers.get("content-type", "").startswith("multipart/"):  # noqa: PLR2004  # RFC 9110
        user = (await request.form()).get("user")  # which has been read
    known = user if isinstance(user, str) else None
    return SeenRequest(request.method, _path(request), status, dict(request.headers), body, known)


def _path(request: Request) -> str:
    return request.url.path.removeprefix("/v1")


def _label(request: Request) -> str:
    """What faults are asked for with."""
    return f"{request.method} {_path(request)}"


def _is_true(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() == "true"


def _base_url(request: Request) -> str:
    return f"{request.base_url}v1"


async def _ignoring(answer: Awaitable[Response]) -> None:
    with suppress(WorkerDiedError):
        await answer
