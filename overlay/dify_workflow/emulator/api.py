"""The emulator's endpoints."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from .._json import JSONObject
from .answers import Answers
from .fault import Fault
from .faults import Faults
from .faulty import EndedEarlyError, end_connection, faulty
from .files import TENANT_ID
from .logs import Logs
from .requests import (
    NOT_UNDERSTOOD,
    UNKNOWN_KEY,
    ApiError,
    Fields,
    RunRequest,
    invalid,
    is_uuid,
    json_body,
    not_found,
    server_error,
    user_of,
)
from .store import RunRecord
from .workflows import FormAnswer, StartError

if TYPE_CHECKING:
    from .run import Run
    from .state import State
    from .workflows import Workflow

_CHATS = {"chat", "agent-chat", "advanced-chat"}
_OTHER_MODE = "Please check if your app mode matches the right API route."
_UNAVAILABLE = (400, "app_unavailable", "App unavailable, please check your app configurations.")
_NO_FILE = (400, "bad_request_key_error", NOT_UNDERSTOOD)


class WorkerDiedError(Exception):
    """A run in blocking mode died; its client gets no answer."""


class Api:
    """The endpoints, on a state."""

    def __init__(self, state: State, faults: Faults) -> None:
        self._state = state
        self._dialect = state.dialect
        self._answers = Answers(state.dialect)
        self._logs = Logs(state.store, state.dialect)
        self._faults = faults

    async def _user(self, request: Request) -> str:
        body = await json_body(request, self._dialect)
        return user_of(body.get("user"), self._dialect)

    # ------------------------------------------------------------------------------------ runs

    async def run_workflow(self, request: Request, app: Workflow) -> Response:
        """POST /workflows/run and /workflows/{workflow_id}/run."""
        body = await json_body(request, self._dialect)
        user = user_of(body.get("user"), self._dialect)
        _check_mode(app)
        fields = Fields(body, "WorkflowRunPayload", self._dialect)
        inputs = fields.json_object("inputs")
        fields.check_objects("files")
        mode = fields.choice("response_mode", ("blocking", "streaming"))
        fields.check()
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
            faults = self._faults.take(label(request), "stream")
            run = state.enqueue(asked, delay=sum(fault.start_delay for fault in faults))
            return self._stream(request, state.streams.of_run(run), faults, run)
        try:
            run = await state.start(asked)
        except StartError as error:
            raise invalid(str(error)) from None
        if asked.is_streamed:
            faults = self._faults.take(label(request), "stream")
            return self._stream(request, state.streams.of_run(run), faults, run)
        last = await state.streams.last_event(run)
        if last is None:
            raise WorkerDiedError
        return self._answers.blocking(run.record, last)

    def _version(self, app: Workflow, workflow_id: str | None) -> Workflow:
        """Return the version to run; by default the one published last."""
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
                await self.end_early(early.fault, request, run)
            finally:
                await chunks.aclose()  # type: ignore[attr-defined]  # both are async generators

        return self._answers.stream(sent(), is_resumed=is_resumed)

    async def end_early(self, fault: Fault, request: Request, run: Run | None = None) -> None:
        """End an answer as a fault says."""
        if fault.kills_worker and run is not None:
            run.kill()
        if fault.ending == "stall":
            await self._state.streams.hold()
        elif fault.ending in {"cut", "reset"}:
            await end_connection(request.state.transport, fault.ending)

    async def stop(self, request: Request, app: Workflow) -> Response:
        """POST /workflows/tasks/{task_id}/stop: always success, for any caller."""
        user = await self._user(request)
        _check_mode(app)
        faults = self._faults.take(label(request), "stop")
        winner = next((fault.stop_winner for fault in faults), None)
        self._state.stop(app, request.path_params["task_id"], user, winner)
        return self._answers.json({"result": "success"})

    async def detail(self, request: Request, app: Workflow) -> Response:
        """GET /workflows/run/{run_id}."""
        if not self._dialect.since(1, 7):
            _check_mode(app)
        record = self._record(request, app)
        if record is not None:
            return self._answers.json(self._answers.detail(record))
        if not self._dialect.since(1, 13, 1):
            return self._answers.json(self._answers.null_detail())
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
        user = user_of(request.query_params.get("user"), self._dialect)
        record = self._record(request, app)
        if record is None or record.user != user:
            raise not_found("Workflow run not found")
        streams = self._state.streams
        faults = self._faults.take(label(request), "stream")
        if record.finished is not None:
            chunks = streams.of_finished(record)
            return self._stream(request, chunks, faults, is_resumed=True)
        run = self._state.active_run(record.id)
        chunks = streams.of_active(
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
        body = await json_body(request, self._dialect)
        user_of(body.get("user"), self._dialect)
        fields = Fields(body, "HumanInputFormSubmitPayload", self._dialect)
        inputs, action = fields.json_object("inputs"), fields.text("action")
        fields.check()
        answer = FormAnswer(action, inputs)
        self._state.answer(app, request.path_params["token"], answer, request.url.path)
        return self._answers.json({})

    # ------------------------------------------------------------------------- files and people

    async def upload(self, request: Request, app: Workflow) -> Response:
        """POST /files/upload."""
        async with _form(request) as form:
            owner = user_of(form.get("user") or "DEFAULT-USER", self._dialect)
            file = next(iter(form.getlist("file")), None)  # the first of this name
            if not isinstance(file, UploadFile):
                if self._dialect.since(1, 7):
                    raise ApiError(400, "no_file_uploaded", "Please upload your file.")
                raise ApiError(*_NO_FILE)
            stored = self._state.files.add(
                app.key,
                self._state.store.user_id(app.key, owner),
                name=file.filename or "",
                mime_type=file.content_type or "",
                content=await file.read(),
                base_url=_base_url(request),
            )
        return self._answers.json(stored, 201)

    async def preview(self, request: Request, _app: Workflow) -> Response:
        """GET /files/{file_id}/preview: works only for files of chat messages."""
        query = Fields(request.query_params, "FilePreviewQuery", self._dialect)
        query.check_boolean("as_attachment")
        query.check()
        raise ApiError(404, "file_not_found", "File not found in message context")

    async def end_user(self, request: Request, app: Workflow) -> Response:
        """GET /end-users/{id}."""
        user_id = str(request.path_params["user_id"])
        sql = "SELECT * FROM users WHERE id = ? AND app = ?"
        row = self._state.store.one(sql, (user_id, app.key))
        if row is None:
            raise ApiError(404, "end_user_not_found", "End user not found.")
        moment = datetime.fromtimestamp(int(row["created"]), UTC).replace(tzinfo=None).isoformat()
        return self._answers.json(
            {
                "id": user_id,
                "tenant_id": TENANT_ID,
                "app_id": app.app_id,
                "type": "service-api",
                "external_user_id": row["session"],
                "name": None,
                "is_anonymous": False,
                "session_id": row["session"],
                "created_at": moment,  # without a time zone
                "updated_at": moment,
            }
        )

    async def audio_to_text(self, request: Request, app: Workflow) -> Response:
        """POST /audio-to-text."""
        async with _form(request) as form:
            if not isinstance(form.get("file"), UploadFile):
                raise ApiError(*_NO_FILE)
        if app.transcript is None:
            raise invalid("Speech to text is not enabled")
        return self._answers.json({"text": app.transcript})

    async def text_to_audio(self, request: Request, app: Workflow) -> Response:
        """POST /text-to-audio."""
        body = await json_body(request, self._dialect)
        fields = Fields(body, "TextToAudioPayload", self._dialect)
        for name in ("message_id", "voice"):
            fields.optional_text(name)
        text = fields.optional_text("text")
        fields.check()
        if text is None:
            raise invalid("Text is required")
        if app.voice is None:
            raise invalid("TTS is not enabled")
        return self._answers.media(app.voice, "audio/mpeg")

    # ------------------------------------------------------------------------ other kinds of app

    async def chat(self, request: Request, app: Workflow) -> Response:
        """Endpoints of chat apps. Clients detect the type of an app by their answers."""
        if request.method == "POST":
            await self._user(request)
        if app.mode not in _CHATS:
            raise ApiError(400, "not_chat_app", _OTHER_MODE)
        raise ApiError(*_UNAVAILABLE)

    async def complete(self, request: Request, _app: Workflow) -> Response:
        """POST /completion-messages, which does not exist for the apps of the emulator."""
        await self._user(request)
        raise ApiError(*_UNAVAILABLE)

    async def datasets(self, _request: Request, _app: Workflow) -> Response:
        """/datasets, which have keys of their own."""
        raise ApiError(401, "unauthorized", UNKNOWN_KEY)

    async def feedback(self, request: Request, _app: Workflow) -> Response:
        """POST /messages/{id}/feedbacks: workflow apps have no messages."""
        await self._user(request)
        raise not_found("Message Not Exists.")

    # -------------------------------------------------------------------------------------- app

    async def info(self, _request: Request, app: Workflow) -> Response:
        """GET /info."""
        body: JSONObject = {"name": app.name, "description": app.description, "tags": []}
        if self._dialect.since(1, 7):
            body |= {"mode": app.mode, "author_name": "Emulator"}
        return self._answers.json(body)

    async def parameters(self, _request: Request, app: Workflow) -> Response:
        """GET /parameters."""
        if not app.published:
            raise ApiError(*_UNAVAILABLE)
        off = {"enabled": False}
        return self._answers.json(
            {
                "opening_statement": "",
                "suggested_questions": [],
                "suggested_questions_after_answer": off,
                "speech_to_text": {"enabled": app.transcript is not None},
                "text_to_speech": {"enabled": app.voice is not None, "language": "", "voice": ""},
                "retriever_resource": {"enabled": True},
                "annotation_reply": off,
                "more_like_this": off,
                "user_input_form": app.form(),
                "sensitive_word_avoidance": off,
                "file_upload": off,
                "system_parameters": {
                    "image_file_size_limit": 10,
                    "video_file_size_limit": 100,
                    "audio_file_size_limit": 50,
                    "file_size_limit": 15,
                    "workflow_file_upload_limit": 10,
                },
            }
        )

    async def meta(self, _request: Request, _app: Workflow) -> Response:
        """GET /meta."""
        return self._answers.json({"tool_icons": {}})

    async def site(self, _request: Request, app: Workflow) -> Response:
        """GET /site."""
        return self._answers.json(
            {
                "title": app.name,
                "chat_color_theme": None,
                "chat_color_theme_inverted": False,
                "icon_type": "emoji",
                "icon": "\N{ROBOT FACE}",
                "icon_background": "#FFEAD5",
                "description": None,
                "copyright": None,
                "privacy_policy": None,
                "custom_disclaimer": "",
                "default_language": "en-US",
                "show_workflow_steps": True,
                "use_icon_as_answer_icon": False,
                "icon_url": None,
                **({"input_placeholder": None} if self._dialect.since(1, 16) else {}),
            }
        )


Endpoint = Callable[[Api, Request, "Workflow"], Awaitable[Response]]

ENDPOINTS: tuple[tuple[tuple[int, ...], str, str, Endpoint], ...] = (
    ((1, 0), "POST", "/workflows/run", Api.run_workflow),
    ((1, 7), "POST", "/workflows/{workflow_id}/run", Api.run_workflow),
    ((1, 0), "POST", "/workflows/tasks/{task_id}/stop", Api.stop),
    ((1, 0), "GET", "/workflows/run/{run_id}", Api.detail),
    ((1, 0), "GET", "/workflows/logs", Api.logs),
    ((1, 14), "GET", "/workflow/{run_id}/events", Api.events),
    ((1, 14), "GET", "/form/human_input/{token}", Api.form),
    ((1, 14), "POST", "/form/human_input/{token}", Api.submit),
    ((1, 0), "POST", "/files/upload", Api.upload),
    ((1, 0), "GET", "/files/{file_id:uuid}/preview", Api.preview),
    ((1, 13), "GET", "/end-users/{user_id:uuid}", Api.end_user),
    ((1, 0), "POST", "/audio-to-text", Api.audio_to_text),
    ((1, 0), "POST", "/text-to-audio", Api.text_to_audio),
    ((1, 0), "GET", "/info", Api.info),
    ((1, 0), "GET", "/parameters", Api.parameters),
    ((1, 0), "GET", "/meta", Api.meta),
    ((1, 4), "GET", "/site", Api.site),
    ((1, 0), "POST", "/chat-messages", Api.chat),
    ((1, 0), "GET", "/conversations", Api.chat),
    ((1, 0), "GET", "/messages", Api.chat),
    ((1, 0), "POST", "/messages/{message_id:uuid}/feedbacks", Api.feedback),
    ((1, 0), "POST", "/completion-messages", Api.complete),
    ((1, 0), "GET", "/datasets", Api.datasets),
    ((1, 0), "POST", "/datasets", Api.datasets),
)
"""From which release on an endpoint exists, with its method and path."""


def _check_mode(app: Workflow) -> None:
    if app.mode != "workflow":
        raise ApiError(400, "not_workflow_app", _OTHER_MODE)


@asynccontextmanager
async def _form(request: Request) -> AsyncGenerator[FormData, None]:
    """Read the form of a request; return an empty one if it cannot be read."""
    try:
        form = await request.form()
    except HTTPException:  # no boundary, or a malformed part
        form = FormData()
    try:
        yield form
    finally:
        await form.close()


def label(request: Request) -> str:
    """Return method and path, without the base URL's path, to find faults by."""
    return f"{request.method} {request.url.path.removeprefix('/v1')}"


def _is_true(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() == "true"


def _base_url(request: Request) -> str:
    return f"{request.base_url}v1"
