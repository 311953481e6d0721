"""Answers in the server's own style: its headers, its JSON, its errors (DIFY.md section 8)."""

from __future__ import annotations

import json

from starlette.responses import Response

from .._json import JSON

HEADERS = {
    "X-Version": "1.14.2",
    "X-Env": "PRODUCTION",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "X-Env, X-Trace-Id, X-Version",
    "Vary": "Cookie",
}

_NOT_FOUND_PAGE = """<!doctype html>
<html lang=en>
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>The requested URL was not found on the server.</p>
"""


class ApiError(Exception):
    """An answer that refuses.

    Args:
        status: HTTP status.
        code: Dify's name of the error.
        message: What is wrong.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> Response:
        """The answer."""
        body = {"code": self.code, "message": self.message, "status": self.status}
        response = compact(body, self.status)
        if self.status == 401:  # noqa: PLR2004  # HTTP's own number
            response.headers["WWW-Authenticate"] = 'Bearer realm="api"'
        return response


def invalid(message: str) -> ApiError:
    """400 for a parameter that is not right."""
    return ApiError(400, "invalid_param", message)


def not_found(message: str) -> ApiError:
    """404 for an id that is not known."""
    return ApiError(404, "not_found", message)


def server_error() -> Response:
    """500, as for ids that are no UUID; its keys come in another order than everywhere else."""
    return compact({"message": "Internal Server Error", "code": "unknown", "status": 500}, 500)


def compact(body: JSON, status: int = 200) -> Response:
    """JSON as flask-restx writes it: compact, ASCII, with escaped slashes and a line end."""
    text = json.dumps(body, separators=(",", ":")).replace("/", "\\/") + "\n"
    return Response(text, status, HEADERS, "application/json")


def spaced(body: JSON) -> Response:
    """JSON as the blocking mode writes it: with spaces, ASCII, and a charset."""
    return Response(json.dumps(body), 200, HEADERS, "application/json; charset=utf-8")


def not_found_page() -> Response:
    """The page for an unknown path."""
    return Response(_NOT_FOUND_PAGE, 404, HEADERS, "text/html; charset=utf-8")
