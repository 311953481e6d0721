"""What all endpoints share: routes, the key, faults, and the list of requests."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import attrs
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from .._json import JSON, is_object
from .answers import Answers
from .api import ENDPOINTS, Api, Endpoint, WorkerDiedError, label
from .fault import Fault
from .faults import Faults
from .faulty import EndedEarlyError, end_connection
from .requests import UNKNOWN_KEY, ApiError

if TYPE_CHECKING:
    from .state import State
    from .workflows import Workflow

_NOT_ALLOWED = 405
_NO_ANSWER = 0
_MOST_REQUESTS = 100_000
"""The number of requests that are kept."""
_NO_KEY = "Authorization header must be provided and start with 'Bearer'"


@attrs.frozen
class SeenRequest:
    """A request that reached the emulator.

    Args:
        method: Its method.
        path: Its path, without the base URL's.
        status: HTTP status of the answer; 0 if the connection broke before.
        headers: Its headers, by names in any case, and with the key, which repr leaves out.
        body: Its JSON body; empty if it had none, or was refused before the body was read.
        user: Its user; None if it names no user.
    """

    method: str
    path: str
    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    user: str | None = None

    @property
    def json(self) -> JSON:
        """The decoded body: ``{"inputs": …, "user": …, "response_mode": …}``; None if it is empty.

        Raises:
            ValueError: It is not JSON.
        """
        return json.loads(self.body) if self.body else None


class Routes:
    """Answers requests, and applies faults."""

    def __init__(self, state: State, faults: Faults) -> None:
        self._state = state
        self._dialect = state.dialect
        self._answers = Answers(state.dialect)
        self._api = Api(state, faults)
        self._faults = faults
        self.seen: deque[SeenRequest] = deque(maxlen=_MOST_REQUESTS)
        """The latest requests, oldest first."""

    def application(self, pages: list[Route]) -> Starlette:
        """Return the ASGI application."""
        routes = [
            Route(f"/v1{path}", partial(self._seen_answer, endpoint), methods=[method])
            for since, method, path, endpoint in ENDPOINTS
            if self._dialect.since(*since)
        ]
        if not self._dialect.since(1, 8):
            routes.append(Route("/v1/", self._root))
        application = Starlette(
            routes=[*routes, *pages], exception_handlers={HTTPException: self._refused}
        )
        application.router.redirect_slashes = False
        return application

    async def _seen_answer(self, endpoint: Endpoint, request: Request) -> Response:
        """Return the answer, or end the connection, and record the request."""
        faults = self._faults.take(label(request), "answer")
        status = _NO_ANSWER
        try:
            response = await self._with(faults, request, partial(self._answer, endpoint))
            status = response.status_code
        except EndedEarlyError as early:
            await self._api.end_early(early.fault, request)
            response = Response()
        except WorkerDiedError:
            await end_connection(request.state.transport, "cut")
            response = Response()
        except ClientDisconnect:  # for example, the client was killed
            return Response()
        self.seen.append(await _seen(request, status))
        return response

    async def _with(
        self,
        faults: list[Fault],
        request: Request,
        answer: Callable[[Request], Awaitable[Response]],
    ) -> Response:
        """Return the answer, late or with another content if a fault says so.

        Raises:
            EndedEarlyError: There is no answer.
        """
        other = next((fault for fault in faults if fault.answer or fault.unanswered), None)
        if other is not None and (other.runs_anyway or other.unanswered):
            request.state.sent = await request.body()  # while the connection is open
        if other is not None and other.runs_anyway:
            self._state.run_in_background(_ignoring(answer(request)))
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

    async def _answer(self, endpoint: Endpoint, request: Request) -> Response:
        try:
            app = self._app_of(request)
            if _is_json(request):
                request.state.sent = await request.body()
            return await endpoint(self._api, request, app)
        except ApiError as error:
            return self._answers.error(error)

    def _app_of(self, request: Request) -> Workflow:
        header = request.headers.get("authorization", "").strip()
        scheme, space, key = header.partition(" ")
        is_bearer = scheme.lower() == "bearer"
        if not space and not (is_bearer and self._dialect.since(1, 16)):
            raise ApiError(401, "unauthorized", _NO_KEY)
        if not is_bearer:
            raise ApiError(401, "unauthorized", "Authorization scheme must be 'Bearer'")
        app = self._state.apps.get(key.strip())
        if app is None:
            raise ApiError(401, "unauthorized", UNKNOWN_KEY)
        if not app.api_enabled:
            raise ApiError(403, "forbidden", "The app's API service has been disabled.")
        return app

    async def _refused(self, request: Request, error: Exception) -> Response:
        """Answer 404 and 405 for unknown paths and methods."""
        if isinstance(error, HTTPException) and error.status_code == _NOT_ALLOWED:
            allowed = (error.headers or {}).get("Allow", "")
            if request.method == "OPTIONS":
                return self._answers.options(allowed)
            return self._answers.method_not_allowed(allowed)
        return self._answers.not_found_page(request.url.path)

    async def _root(self, _request: Request) -> Response:
        version = {"api_version": "v1", "server_version": self._dialect.version}
        return self._answers.json({"welcome": "Dify OpenAPI", **version})


async def _ignoring(answer: Awaitable[Response]) -> None:
    with suppress(WorkerDiedError):
        await answer


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/json")


async def _seen(request: Request, status: int) -> SeenRequest:
    """Make the record of a request that was answered."""
    body: bytes = getattr(request.state, "sent", b"") if _is_json(request) else b""
    user: object = request.query_params.get("user")
    if body:
        with suppress(ValueError, RecursionError):  # the answer has reported it
            sent: JSON = json.loads(body)
            user = sent.get("user") if is_object(sent) else None
    elif 200 <= status < 300 and request.headers.get("content-type", "").startswith("multipart/"):  # noqa: PLR2004  # RFC 9110
        user = (await request.form()).get("user")  # already in memory
    known = user if isinstance(user, str) else None
    method, _, path = label(request).partition(" ")
    return SeenRequest(method, path, status, request.headers, body, known)
