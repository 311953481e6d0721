"""The emulator's endpoints, as 1.14.2 answers them (DIFY.md)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import unquote
from uuid import UUID

import attrs
import orjson
from dateutil.parser import isoparse
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from .._input_rules import problems
from .._json import JSON, JSONObject, is_object
from ._responses import (
    HEADERS,
    ApiError,
    compact,
    invalid,
    not_found,
    not_found_page,
    server_error,
    spaced,
)
from ._run import Run
from ._state import State
from ._workflow import Workflow

PING = b"event: ping\n\n"

Endpoint = Callable[[Request, Workflow], Awaitable[Response]]


@attrs.frozen
class Timing:
    """How the emulator's streams behave in time.

    Args:
        ping_interval: Seconds between pings.
        linger: Seconds that a stream stays open after the run's last event.
        silence: Seconds of silence with which bad inputs are answered in streaming mode.
    """

    ping_interval: float = 10.0
    linger: float = 1.0
    silence: float = 300.0


class Api:
    """The endpoints over a state.

    Args:
        state: What they answer from.
        timing: How streams behave in time.
    """

    def __init__(self, state: State, timing: Timing) -> None:
        self._state = state
        self._timing = timing

    def application(self) -> Starlette:
        """The ASGI application."""
        routes: list[tuple[str, str, Endpoint]] = [
            ("POST", "/v1/workflows/run", self.run_workflow),
            ("POST", "/v1/workflows/{workflow_id}/run", self.run_workflow),
            ("POST", "/v1/workflows/tasks/{task_id}/stop", self.stop),
            ("GET", "/v1/workflows/run/{run_id}", self.detail),
            ("GET", "/v1/workflows/logs", self.logs),
            ("POST", "/v1/files/upload", self.upload),
            ("GET", "/v1/info", self.info),
            ("GET", "/v1/parameters", self.parameters),
            ("GET", "/v1/meta", self.meta),
            ("GET", "/v1/site", self.site),
        ]
        return Starlette(
            routes=[
                Route(path, self._authorized(endpoint), methods=[method])
                for method, path, endpoint in routes
            ],
            exception_handlers={404: _page_404},
        )

    def _authorized(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint behind the check of the key, with its refusals as answers."""

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request, self._app_of(request))
            except ApiError as error:
                return error.response()

        return answer

    def _app_of(self, request: Request) -> Workflow:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise ApiError(
                401,
                "unauthorized",
                "Authorization header must be provided and start with 'Bearer'",
            )
        app = self._state.apps.get(key.strip())
        if app is None:
            raise ApiError(401, "unauthorized", "Access token is invalid")
        return app

    # ------------------------------------------------------------------------------------ runs

    async def run_workflow(self, request: Request, app: Workflow) -> Response:
        """POST /workflows/run and /workflows/{workflow_id}/run."""
        body = await _json_body(request)
        user = _user(body.get("user"))
        inputs = body.get("inputs")
        if not is_object(inputs):
            raise invalid(_pydantic("WorkflowRunPayload", "inputs", inputs))
        workflow_id = request.path_params.get("workflow_id")
        if workflow_id is not None:
            _check_version(app, workflow_id)
        streaming = body.get("response_mode") == "streaming"
        found = problems(app.form(), inputs)
        if found and not streaming:
            raise invalid(found[0].message)
        if found:
            return _event_stream(self._silence())
        run = self._state.start(app, inputs, user)
        if streaming:
            return _event_stream(self._events(run))
        await run.ended()
        return spaced(_blocking(run))

    async def _events(self, run: Run) -> AsyncIterator[bytes]:
        """The stream of a run: a ping at once, then events, with pings between them."""
        yield PING
        position = 0
        while True:
            try:
                async with asyncio.timeout(self._timing.ping_interval):
                    await run.published(position)
            except TimeoutError:
                yield PING
                continue
            event = run.events[position]
            position += 1
            yield b"data: " + orjson.dumps(event) + b"\n\n"
            if event["event"] == "workflow_finished":
                await asyncio.sleep(self._timing.linger)
                return

    async def _silence(self) -> AsyncIterator[bytes]:
        """How bad inputs are answered: a ping and nothing more (DIFY.md section 0.3)."""
        yield PING
        await asyncio.sleep(self._timing.silence)

    async def stop(self, request: Request, _app: Workflow) -> Response:
        """POST /workflows/tasks/{task_id}/stop: always success, whoever asks."""
        _user((await _json_body(request)).get("user"))
        for run in self._state.runs.values():
            if run.task_id == request.path_params["task_id"]:
                run.stop()
        return compact({"result": "success"})

    async def detail(self, request: Request, app: Workflow) -> Response:
        """GET /workflows/run/{run_id}."""
        run_id = request.path_params["run_id"]
        if not _is_uuid(run_id):
            return server_error()
        run = self._state.runs.get(run_id)
        if run is None or run.workflow is not app:
            raise not_found("Workflow run not found.")
        return compact(_detail(run))

    async def logs(self, request: Request, app: Workflow) -> Response:
        """GET /workflows/logs."""
        query = request.query_params
        page = _bounded(query.get("page"), "page", 1, 99999, default=1)
        limit = _bounded(query.get("limit"), "limit", 1, 100, default=20)
        runs = [run for run in self._state.runs_of(app) if _matches(run, query)]
        rows = runs[(page - 1) * limit : page * limit]
        return compact(
            {
                "page": page,
                "limit": limit,
                "total": len(runs),
                "has_more": len(runs) > page * limit,
                "data": [_log_row(run) for run in rows],
            }
        )

    # ----------------------------------------------------------------------------------- files

    async def upload(self, request: Request, app: Workflow) -> Response:
        """POST /files/upload."""
        async with request.form() as form:
            file, user = form.get("file"), form.get("user")
            if not isinstance(file, UploadFile):
                raise ApiError(400, "no_file_uploaded", "Please upload your file.")
            name = unquote(file.filename or "")
            if "/" in name or "\\" in name:
                raise invalid("Filename contains invalid characters")
            if not file.content_type:
                raise ApiError(415, "unsupported_file_type", "File type not allowed.")
            owner = user if isinstance(user, str) and user else "DEFAULT-USER"
            content = await file.read()
            stored = self._state.keep_file(app, name, file.content_type, content, owner)
        return compact(stored.to_wire(), 201)

    # ------------------------------------------------------------------------------------- app

    async def info(self, _request: Request, app: Workflow) -> Response:
        """GET /info."""
        return compact(
            {
                "name": app.name,
                "description": app.description,
                "tags": [],
                "mode": "workflow",
                "author_name": "Emulator",
            }
        )

    async def parameters(self, _request: Request, app: Workflow) -> Response:
        """GET /parameters."""
        off = {"enabled": False}
        return compact(
            {
                "opening_statement": "",
                "suggested_questions": [],
                "suggested_questions_after_answer": off,
                "speech_to_text": off,
                "text_to_speech": {"enabled": False, "language": "", "voice": ""},
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
        return compact({"tool_icons": {}})

    async def site(self, _request: Request, app: Workflow) -> Response:
        """GET /site."""
        return compact(
            {
                "title": app.name,
                "chat_color_theme": None,
                "chat_color_theme_inverted": False,
                "icon_type": "emoji",
                "icon": "\N{ROBOT FACE}",
                "icon_background": "#FFEAD5",
                "icon_url": None,
                "description": app.description,
                "copyright": None,
                "privacy_policy": None,
                "custom_disclaimer": "",
                "default_language": "en-US",
                "show_workflow_steps": True,
                "use_icon_as_answer_icon": False,
            }
        )


# ------------------------------------------------------------------------------------ requests


async def _page_404(_request: Request, _error: Exception) -> Response:
    return not_found_page()


async def _json_body(request: Request) -> JSONObject:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise ApiError(
            415,
            "unsupported_media_type",
            "Did not attempt to load JSON data because the request Content-Type was not "
            "'application/json'.",
        )
    try:
        body = json.loads(await request.body(), parse_constant=_refuse)
    except ValueError:
        raise ApiError(
            400,
            "bad_request",
            "The browser (or proxy) sent a request that this server could not understand.",
        ) from None
    return body if is_object(body) else {}


def _refuse(constant: str) -> JSON:
    """NaN and infinities are no JSON."""
    raise ValueError(constant)


def _user(user: JSON) -> str:
    if user is None or user == "":
        raise invalid("Arg user must be provided.")
    return str(user)


def _pydantic(model: str, field: str, value: JSON) -> str:
    """What pydantic says of a field that is missing or no object."""
    if value is None:
        what, kind = "Field required", "missing"
    else:
        what, kind = "Input should be a valid dictionary", "dict_type"
    return (
        f"1 validation error for {model}\n{field}\n  {what} [type={kind}, "
        f"input_value={value!r}, input_type={type(value).__name__}]\n"
        f"    For further information visit https://errors.pydantic.dev/2.12/v/{kind}"
    )


def _check_version(app: Workflow, workflow_id: str) -> None:
    if not _is_uuid(workflow_id):
        raise ApiError(400, "bad_request", f"Invalid workflow_id format: '{workflow_id}'. ")
    if workflow_id != app.id:
        raise not_found(f"Workflow not found with id: {workflow_id}")


def _bounded(value: str | None, name: str, lowest: int, highest: int, *, default: int) -> int:
    try:
        number = default if value is None else int(value)
    except ValueError:
        number = lowest - 1
    if not lowest <= number <= highest:
        raise invalid(
            f"1 validation error for WorkflowLogQuery\n{name}\n  Input should be between {lowest} "
            f"and {highest} [type=int_range, input_value={value!r}, input_type=str]"
        )
    return number


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _time(text: str) -> float:
    """A bound of the logs: ISO 8601; without a zone, UTC."""
    try:
        moment = isoparse(text)
    except ValueError as error:
        raise invalid(str(error)) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


# ------------------------------------------------------------------------------------- answers


def _event_stream(events: AsyncIterator[bytes]) -> Response:
    # A header of its own: Starlette would add the charset only to text/plain and the like.
    headers = {**HEADERS, "content-type": "text/event-stream; charset=utf-8"}
    return StreamingResponse(events, headers=headers)


def _blocking(run: Run) -> JSONObject:
    data = run.events[-1]["data"]
    dropped = {"created_by", "exceptions_count", "files"}
    return {
        "task_id": run.task_id,
        "workflow_run_id": run.id,
        "data": {key: value for key, value in data.items() if key not in dropped},
    }


def _detail(run: Run) -> JSONObject:
    return {
        "id": run.id,
        "workflow_id": run.workflow.id,
        "status": run.status,
        "inputs": json.dumps(run.inputs),
        "outputs": run.outputs if run.finished else {},
        "error": run.error,
        "total_steps": run.total_steps if run.finished else 0,
        "total_tokens": run.total_tokens if run.finished else 0,
        "created_at": int(run.created),
        "finished_at": int(run.finished) if run.finished else None,
        "elapsed_time": run.elapsed,
    }


def _log_row(run: Run) -> JSONObject:
    return {
        "id": run.log_id,
        "workflow_run": {
            "id": run.id,
            "version": "2026-11-22 10:11:28.641946",
            "status": run.status,
            "triggered_from": "app-run",
            "error": run.error,
            "elapsed_time": run.elapsed,
            "total_tokens": run.total_tokens if run.finished else 0,
            "total_steps": run.total_steps if run.finished else 0,
            "created_at": int(run.created),
            "finished_at": int(run.finished) if run.finished else None,
            "exceptions_count": run.exceptions_count,
        },
        "details": None,
        "created_from": "service-api",
        "created_by_role": "end_user",
        "created_by_account": None,
        "created_by_end_user": {
            "id": run.user_id,
            "type": "service-api",
            "is_anonymous": False,
            "session_id": run.user,
        },
        "created_at": _log_time(run),
    }


def _log_time(run: Run) -> int:
    """Time of a row: whole seconds, rounded (DIFY.md section 0.1)."""
    return int(datetime.fromtimestamp(run.created + 0.5, UTC).timestamp())


def _matches(run: Run, query: Mapping[str, str]) -> bool:
    """Whether the row of a run passes the filters of a log query; an empty one filters nothing."""
    status = query.get("status")
    if status is not None and status not in {"succeeded", "failed", "stopped"}:
        raise invalid(
            "1 validation error for WorkflowLogQuery\nstatus\n  Input should be 'succeeded', "
            f"'failed' or 'stopped' [type=literal_error, input_value={status!r}, input_type=str]"
        )
    keyword = (query.get("keyword") or "")[:30].lower()
    texts = (json.dumps(run.inputs), json.dumps(run.outputs), run.user)
    session = query.get("created_by_end_user_session_id")
    before, after = query.get("created_at__before"), query.get("created_at__after")
    return (
        (status is None or run.status == status)
        and (not keyword or run.id == keyword or any(keyword in text.lower() for text in texts))
        and (not session or run.user == session)
        and (not before or _log_time(run) <= _time(before))
        and (not after or _log_time(run) >= _time(after))
    )
