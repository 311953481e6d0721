"""The page at ``/``: the apps, their runs, and what each node of a run did when.

The browser gets one document, and requests JSON. Values of runs are sent as texts, so the page
shows numbers of any size, and NaN, without a change.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import re
import shlex
import sqlite3
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .._json import JSON, JSONObject
from .store import RunRecord
from .timeline import timeline_of
from .workflows import Input, Workflow

if TYPE_CHECKING:
    from .state import State

_PAGE = 50
"""Runs on one page of the list."""

_MOST_DIGITS = 18
"""The largest number of digits that the database can hold."""

_RUNS = "runs JOIN users ON users.id = user_id"

_ROW = (
    "runs.id, runs.app, status, runs.created, finished, tokens, steps, exceptions, session AS user"
)
"""What the list shows of a run. Inputs and outputs are left out because they may be large."""

_FRESH = {"Cache-Control": "no-store"}

_FOLDER = Path(__file__).parent / "page"

_FILE: JSONObject = {
    "type": "document",
    "transfer_method": "remote_url",
    "url": "https://example.com/report.pdf",
}

_SAMPLES: dict[str, JSON] = {
    "number": 1,
    "checkbox": True,
    "json_object": {},
    "file": _FILE,
    "file-list": [_FILE],
}
"""Example value by type of input, for types that are not texts."""


class Page:
    """The page and its JSON."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._store = state.store
        logging.getLogger("uvicorn.access").addFilter(_is_no_poll)

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route("/", self.document),
            Route("/page/apps.json", self.apps),
            Route("/page/runs.json", self.runs),
            Route("/page/runs/{id}.json", self.run),
            Route("/page/runs/{id}/nodes/{index}.json", self.node),
        ]

    async def document(self, _request: Request) -> Response:
        """GET /."""
        text, policy = _document()
        headers = {**_FRESH, "Content-Security-Policy": policy}
        return Response(text, headers=headers, media_type="text/html")

    async def apps(self, request: Request) -> Response:
        """GET /page/apps.json: the apps, and how to run them."""
        base_url = f"{request.base_url}v1"
        apps = [_app(app, base_url) for app in self._state.apps.values()]
        return _json({"version": self._state.dialect.version, "base_url": base_url, "apps": apps})

    async def runs(self, request: Request) -> Response:
        """GET /page/runs.json?app=&before=: a page of the runs of one app or all, newest first."""
        app, before = request.query_params.get("app"), request.query_params.get("before")
        cursor: JSONObject = {}
        if before:  # the run before the first one of this page
            created, _, run_id = before.partition(",")
            try:
                cursor = {"created": float(created), "id": run_id}
            except ValueError as error:
                return _json({"error": str(error)}, 400)
        chosen = "runs.app = :app" if app else "1"
        older = "(runs.created, runs.id) < (:created, :id)" if cursor else "1"
        values: JSONObject = {"app": app, "limit": _PAGE + 1, **cursor}
        rows = self._store.all(
            f"SELECT {_ROW} FROM {_RUNS} WHERE {chosen} AND {older} "
            "ORDER BY runs.created DESC, runs.id DESC LIMIT :limit",
            values,
        )
        newer = self._store.one(
            f"SELECT count(*) AS runs FROM runs WHERE {chosen} AND NOT {older}", values
        )
        counts = self._store.all("SELECT app, count(*) AS runs FROM runs GROUP BY app")
        last = rows[_PAGE - 1] if len(rows) > _PAGE else None
        body: JSONObject = {
            "now": self._state.settings.now(),
            "runs": [self._row(row) for row in rows[:_PAGE]],
            "newer": newer["runs"] if newer else 0,
            "before": f"{last['created']!r},{last['id']}" if last else None,
            "counts": {row["app"]: row["runs"] for row in counts},
        }
        return _json(body)

    async def run(self, request: Request) -> Response:
        """GET /page/runs/{id}.json: a run, its timeline, its open forms."""
        run_id = request.path_params["id"]
        sql = f"SELECT runs.*, session AS user FROM {_RUNS} WHERE runs.id = ?"
        row = self._store.one(sql, [run_id])
        if row is None:
            return _json({"error": "There is no such run."}, 404)
        record = RunRecord.of(row)
        nodes = self._store.nodes_of(run_id)
        forms = self._state.forms.waiting(run_id)
        shown: JSONObject = {"now": self._state.settings.now(), **self._row(row)}
        body: JSONObject = {
            **shown,
            "task_id": record.task_id,
            "error": record.error,
            "inputs": _values(record.inputs),
            "outputs": _values(record.outputs),
            # Drawing a long timeline takes time, and other runs continue meanwhile.
            "timeline": await asyncio.to_thread(timeline_of, shown, nodes),
            "forms": [form.to_wire() for form in forms],
        }
        return _json(body)

    async def node(self, request: Request) -> Response:
        """GET /page/runs/{id}/nodes/{index}.json: inputs and outputs of a node."""
        index = request.path_params["index"]
        if not (index.isdecimal() and len(index) <= _MOST_DIGITS):
            return _json({"error": "The index of a node must be a number."}, 400)
        ids = (request.path_params["id"], int(index))
        sql = "SELECT data FROM nodes WHERE run_id = ? AND position = ?"
        row = self._store.one(sql, ids)
        if row is None:
            return _json({"error": "There is no such node."}, 404)
        data = json.loads(row["data"])
        values = {name: _values(data[name] or {}) for name in ("inputs", "outputs")}
        kept = ("id", "node_id", "status", "began", "error", "retries")
        return _json({**values, **{name: data[name] for name in kept}})

    def _row(self, row: sqlite3.Row) -> JSONObject:
        """Return a run for the list. The cost of an active run is not in the database yet."""
        app, run = self._state.apps.get(row["app"]), self._state.active_run(row["id"])
        is_active = run is not None and run.is_alive
        counts = ("tokens", "steps", "exceptions")
        return {
            **{name: row[name] for name in ("id", "status", "created", "finished", "user")},
            **{name: getattr(run.record, name) if run else row[name] for name in counts},
            "app": row["app"],
            "name": app.name if app else row["app"].removeprefix("app-"),
            "is_active": is_active,
        }


def _app(app: Workflow, base_url: str) -> JSONObject:
    return {
        "name": app.name,
        "key": app.key,
        "description": app.description,
        "can_run": app.published and app.api_enabled and app.mode == "workflow",
        "inputs": [_input(field) for field in app.inputs],
        **_snippets(app, base_url),
    }


def _input(field: Input) -> JSONObject:
    return {
        "name": field.name,
        "type": field.type,
        "label": field.label or field.name,
        "required": field.required,
        "options": list(field.options),
        "default": None if field.default is None else _text(field.default),
    }


def _values(values: JSONObject) -> list[JSONObject]:
    """Return values by name as texts: a string unchanged, everything else as JSON."""
    return [
        {"name": name, "is_text": isinstance(value, str), "text": _text(value)}
        for name, value in values.items()
    ]


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _json(body: JSONObject, status: int = 200) -> Response:
    # ASCII, because half a surrogate pair must be sent too.
    return Response(json.dumps(body), status, headers=_FRESH, media_type="application/json")


def _is_no_poll(record: logging.LogRecord) -> bool:
    """Whether a request belongs in the access log. The page sends one every second."""
    return not (isinstance(record.args, tuple) and str(record.args[2]).startswith("/page/"))


@cache
def _document() -> tuple[str, str]:
    """Return the document, and its ``Content-Security-Policy``.

    With this policy a browser runs and loads nothing else, even if a text of a run were part of
    the page as markup.
    """
    text = re.sub(
        r"\{\{ (\S+) \}\}",
        lambda part: (_FOLDER / part[1]).read_text(encoding="utf-8"),
        (_FOLDER / "page.html").read_text(encoding="utf-8"),
    )
    policy = (
        "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; "
        f"style-src {_hashed(text, 'style')}; script-src {_hashed(text, 'script')}"
    )
    return text, policy


def _hashed(text: str, tag: str) -> str:
    """Return the only source that a policy allows: the content of a tag."""
    found = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    assert found is not None
    digest = hashlib.sha256(found[1].encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _snippets(app: Workflow, base_url: str) -> JSONObject:
    """Return lines to copy that run an app: for a shell, and in Python."""
    inputs = {each.name: _sample(each) for each in app.inputs if each.required}
    body = {"inputs": inputs, "response_mode": "blocking", "user": "curl"}
    return {
        "curl": (
            f"curl {shlex.quote(base_url)}/workflows/run \\\n"
            f"  -H {shlex.quote(f'Authorization: Bearer {app.key}')} \\\n"
            f"  -H 'Content-Type: application/json' \\\n"
            f"  -d {shlex.quote(json.dumps(body, ensure_ascii=False))}"
        ),
        "python": (
            "from dify_workflow import DifyWorkflow\n\n"
            f"with DifyWorkflow({app.key!r}, base_url={base_url!r}) as workflow:\n"
            f"    print(workflow.run_workflow({inputs!r}).outputs)"
        ),
    }


def _sample(field: Input) -> JSON:
    if field.default is not None:
        return field.default
    if field.options:
        return field.options[0]
    return _SAMPLES.get(field.type, "text"[: field.max_length])
