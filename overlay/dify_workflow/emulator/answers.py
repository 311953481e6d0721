"""Answers as HTTP responses, in the style of the server's version (DIFY.md section 8)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping

from starlette.responses import Response, StreamingResponse

from .._json import JSON
from .dialect import Dialect
from .refusals import ApiError

_NOT_FOUND_PAGE = """<!doctype html>
<html lang=en>
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>The requested URL was not found on the server. If you entered the URL manually please check \
your spelling and try again.</p>
"""

_UNAUTHORIZED = 401


class Answers:
    """Makes responses.

    Args:
        dialect: The server's version.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._unrouted = {"X-Version": dialect.version, "X-Env": "PRODUCTION"}
        if dialect.since(1, 13):
            self._unrouted["Vary"] = "Cookie"
        self._headers = {**self._unrouted, "Access-Control-Allow-Origin": "*"}
        if dialect.since(1, 13):
            self._headers["Access-Control-Expose-Headers"] = "X-Env, X-Trace-Id, X-Version"

    def json(
        self, body: JSON, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """JSON as most answers have it; from 1.8 on compact, with escaped slashes."""
        if self._dialect.since(1, 8):
            text = json.dumps(body, separators=(",", ":")).replace("/", "\\/")
        else:
            text = json.dumps(body)
        return Response(text + "\n", status, headers or self._headers, "application/json")

    def spaced(self, body: JSON) -> Response:
        """JSON as the blocking mode and forms have it: with spaces."""
        charset = "; charset=utf-8" if self._dialect.since(1, 11) else ""
        return Response(json.dumps(body), 200, self._headers, f"application/json{charset}")

    def error(self, error: ApiError) -> Response:
        """A refusal."""
        response = self.json(error.body(), error.status)
        if error.status == _UNAUTHORIZED and self._dialect.since(1, 8):
            response.headers["WWW-Authenticate"] = 'Bearer realm="api"'
        return response

    def media(self, content: bytes, content_type: str) -> Response:
        """Sound and the like."""
        return Response(content, 200, self._headers, content_type)

    def stream(self, chunks: AsyncIterator[bytes], *, is_resumed: bool = False) -> Response:
        """An event stream.

        Args:
            chunks: Its messages.
            is_resumed: Whether it is one of GET /workflow/{run_id}/events.
        """
        # A header of its own: Starlette would add the charset only to text/plain and the like.
        headers = {**self._headers, "content-type": "text/event-stream; charset=utf-8"}
        if is_resumed:
            headers["Cache-Control"] = "no-cache"
        return StreamingResponse(chunks, headers=headers)

    def not_found_page(self, path: str) -> Response:
        """The page for an unknown path, which a browser may read of the root alone."""
        headers = self._headers if path == "/v1/" else self._unrouted
        return Response(_NOT_FOUND_PAGE, 404, headers, "text/html; charset=utf-8")

    def method_not_allowed(self, allowed: str) -> Response:
        """The answer to a method that a path does not have.

        Args:
            allowed: The methods that it has.
        """
        text = "The method is not allowed for the requested URL."
        named = {} if self._dialect.since(1, 8) else {"Allow": f"{allowed}, OPTIONS"}
        error = ApiError(405, "method_not_allowed", text)
        return self.json(error.body(), error.status, {**self._unrouted, **named})

    def options(self, allowed: str) -> Response:
        """What OPTIONS gets."""
        headers = {**self._headers, "Allow": f"{allowed}, OPTIONS"}
        return Response(b"", 200, headers, "text/html; charset=utf-8")
