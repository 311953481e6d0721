"""The emulator's endpoints, as 1.14.2 answers them (DIFY.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from urllib.parse import unquote

import attrs
import orjson
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from .._input_rules import problems
from .._json import is_object
from ._bodies import blocking_body, detail_body, info_body, parameters_body, site_body
from ._logs import LogQuery, log_row
from ._requests import check_version, is_uuid, json_body, pydantic_text, user_of
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
        body = await json_body(request)
        user = user_of(body.get("user"))
        inputs = body.get("inputs")
        if not is_object(inputs):
            raise invalid(pydantic_text("WorkflowRunPayload", "inputs", inputs))
        workflow_id = request.path_params.get("workflow_id")
        if workflow_id is not None:
            check_version(app, workflow_id)
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
        return spaced(blocking_body(run))

    async def _events(self, run: Run) -> AsyncIterator[bytes]:
        """The stream of a run: a ping at once, then events, with pings between them."""
        yield PING
        position = 0
        while True:
            try:
                async with asyncio.timeout(self._timing.ping_interval):
                    event = await run.published(position)
            except TimeoutError:
                yield PING
                continue
            if event is None:
                return
            position += 1
            yield b"data: " + orjson.dumps(event) + b"\n\n"
            if event["event"] == "workflow_finished":
                await self._pause(self._timing.linger)
                return

    async def _silence(self) -> AsyncIterator[bytes]:
        """How bad inputs are answered: a ping and nothing more (DIFY.md section 0.3)."""
        yield PING
        await self._pause(self._timing.silence)

    async def _pause(self, seconds: float) -> None:
        """Let time pass, unless the emulator stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._state.closing.wait()

    async def stop(self, request: Request, _app: Workflow) -> Response:
        """POST /workflows/tasks/{task_id}/stop: always success, whoever asks."""
        user_of((await json_body(request)).get("user"))
        for run in self._state.runs.values():
            if run.task_id == request.path_params["task_id"]:
                run.stop()
        return compact({"result": "success"})

    async def detail(self, request: Request, app: Workflow) -> Response:
        """GET /workflows/run/{run_id}."""
        run_id = request.path_params["run_id"]
        if not is_uuid(run_id):
            return server_error()
        run = self._state.runs.get(run_id)
        if run is None or run.workflow is not app:
            raise not_found("Workflow run not found.")
        return compact(detail_body(run))

    async def logs(self, request: Request, app: Workflow) -> Response:
        """GET /workflows/logs."""
        query = LogQuery.of(request.query_params)
        runs = [run for run in self._state.runs_of(app) if query.matches(run)]
        rows = runs[(query.page - 1) * query.limit : query.page * query.limit]
        return compact(
            {
                "page": query.page,
                "limit": query.limit,
                "total": len(runs),
                "has_more": len(runs) > query.page * query.limit,
                "data": [log_row(run) for run in rows],
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
        return compact(info_body(app))

    async def parameters(self, _request: Request, app: Workflow) -> Response:
        """GET /parameters."""
        return compact(parameters_body(app))

    async def meta(self, _request: Request, _app: Workflow) -> Response:
        """GET /meta."""
        return compact({"tool_icons": {}})

    async def site(self, _request: Request, app: Workflow) -> Response:
        """GET /site."""
        return compact(site_body(app))


async def _page_404(_request: Request, _error: Exception) -> Response:
    return not_found_page()


def _event_stream(events: AsyncIterator[bytes]) -> Response:
    # A header of its own: Starlette would add the charset only to text/plain and the like.
    headers = {**HEADERS, "content-type": "text/event-stream; charset=utf-8"}
    return StreamingResponse(events, headers=headers)
