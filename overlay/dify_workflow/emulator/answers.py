"""Answers as HTTP responses, in the style and with the keys of the server's version."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from .._json import JSON, JSONObject
from .requests import ApiError
from .store import RunRecord

if TYPE_CHECKING:
    from .dialect import Dialect

_NOT_FOUND_PAGE = """<!doctype html>
<html lang=en>
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>The requested URL was not found on the server. If you entered the URL manually please check \
your spelling and try again.</p>
"""

_UNAUTHORIZED = 401


class Answers:
    """Makes responses."""

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
        """Return JSON as in most answers; from 1.8 on it is compact, with escaped slashes."""
        if self._dialect.since(1, 8):
            text = json.dumps(body, separators=(",", ":")).replace("/", "\\/")
        else:
            text = json.dumps(body)
        return Response(text + "\n", status, headers or self._headers, "application/json")

    def error(self, error: ApiError) -> Response:
        """A refusal."""
        response = self.json(error.body, error.status)
        if error.status == _UNAUTHORIZED and self._dialect.since(1, 8):
            response.headers["WWW-Authenticate"] = 'Bearer realm="api"'
        return response

    def media(self, content: str | bytes, content_type: str) -> Response:
        """Return another body, such as sound."""
        return Response(content, 200, self._headers, content_type)

    def stream(self, chunks: AsyncIterator[bytes], *, is_resumed: bool = False) -> Response:
        """Return an event stream. A resumed one is the answer to GET /workflow/{run_id}/events."""
        # An explicit header: Starlette adds the charset only to text/plain and the like.
        headers = {**self._headers, "content-type": "text/event-stream; charset=utf-8"}
        if is_resumed:
            headers["Cache-Control"] = "no-cache"
        return StreamingResponse(chunks, headers=headers)

    # ------------------------------------------------------------------- paths and methods

    def not_found_page(self, path: str) -> Response:
        """Return the page for an unknown path. Web pages may read it only at the root."""
        headers = self._headers if path == "/v1/" else self._unrouted
        return Response(_NOT_FOUND_PAGE, 404, headers, "text/html; charset=utf-8")

    def method_not_allowed(self, allowed: str) -> Response:
        """Return the answer to a method that a path does not have."""
        text = "The method is not allowed for the requested URL."
        named = {} if self._dialect.since(1, 8) else {"Allow": f"{allowed}, OPTIONS"}
        error = ApiError(405, "method_not_allowed", text)
        return self.json(error.body, error.status, {**self._unrouted, **named})

    def options(self, allowed: str) -> Response:
        """Return the answer to OPTIONS."""
        headers = {**self._headers, "Allow": f"{allowed}, OPTIONS"}
        return Response(b"", 200, headers, "text/html; charset=utf-8")

    # ---------------------------------------------------------------------------------- runs

    def blocking(self, record: RunRecord, last_event: JSONObject) -> Response:
        """Return the answer of the blocking mode."""
        data: JSONObject = dict(last_event["data"])
        for name in ("created_by", "exceptions_count", "files", "sequence_number"):
            data.pop(name, None)
        if last_event["event"] == "workflow_paused":
            data = {"id": data.pop("workflow_run_id"), "workflow_id": record.workflow_id, **data}
            data |= {"error": None, "finished_at": None}
            if not self._dialect.has_form_api:
                del data["paused_nodes"], data["reasons"]
        ids = {name: last_event[name] for name in ("task_id", "workflow_run_id")}
        charset = "; charset=utf-8" if self._dialect.since(1, 11) else ""
        return self.media(json.dumps({**ids, "data": data}), f"application/json{charset}")

    def detail(self, record: RunRecord) -> JSONObject:
        """Return run detail. Its inputs are a JSON object as text."""
        dialect = self._dialect
        inputs = record.kept_inputs if dialect.since(1, 10) else record.inputs
        outputs: JSON = record.outputs
        if not dialect.since(1, 13):
            is_null = dialect.since(1, 7) and record.status in {"failed", "stopped"}
            outputs = None if is_null else json.dumps(record.outputs)
        return {
            "id": record.id,
            "workflow_id": record.workflow_id,
            "status": record.status,
            "inputs": json.dumps(inputs),
            "outputs": outputs,
            "error": record.error,
            "total_steps": record.steps,
            "total_tokens": record.tokens,
            "created_at": self._detail_time(record.created),
            "finished_at": self._detail_time(record.finished),
            "elapsed_time": record.elapsed,
        }

    def _detail_time(self, moment: float | None) -> JSON:
        if moment is None:
            return None
        if self._dialect.since(1, 2):
            return int(moment)
        return format_datetime(datetime.fromtimestamp(int(moment), UTC).replace(tzinfo=None))

    def null_detail(self) -> JSONObject:
        """Return the answer of servers before 1.13.1 for an unknown run."""
        nobody = RunRecord("", "", "", "", "", created=0.0)
        count = None if self._dialect.since(1, 8) else 0
        counts = {"total_steps": count, "total_tokens": count}
        return {**dict.fromkeys(self.detail(nobody)), **counts}
