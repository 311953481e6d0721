"""The record of a run, as the database has it."""

from __future__ import annotations

import json
import sqlite3
from uuid import uuid4

import attrs

from .._json import JSON, JSONObject
from .store import Store


def system_inputs(app_id: str, workflow_id: str, run_id: str, user: str) -> JSONObject:
    """The inputs that the server adds to those of a run."""
    return {
        "sys.files": [],
        "sys.user_id": user,
        "sys.app_id": app_id,
        "sys.workflow_id": workflow_id,
        "sys.workflow_run_id": run_id,
    }


@attrs.define
class RunRecord:
    """What is remembered of a run.

    Args:
        app: Key of the app.
        workflow_id: Id of the published version (UUID).
        version: Name of the published version.
        user: Who it is for.
        user_id: Id (UUID) of the end user.
        created: When it began (Unix seconds).
        number: Its number among the runs of the app, from 1.
        id: Id (UUID).
        task_id: Id (UUID) of its task.
        status: How it is.
        inputs: Its inputs, with those of the system.
        outputs: Its outputs.
        error: Error text.
        elapsed: Its duration in seconds; 0 while it runs.
        tokens: Tokens that models used.
        steps: Nodes that ran.
        exceptions: Nodes that failed.
        finished: When it ended.
        leg: When it began or, after a pause, went on.
    """

    app: str
    workflow_id: str
    version: str
    user: str
    user_id: str
    created: float
    number: int = 0
    id: str = attrs.field(factory=lambda: str(uuid4()))
    task_id: str = attrs.field(factory=lambda: str(uuid4()))
    status: str = "running"
    inputs: JSONObject = attrs.field(factory=dict[str, JSON])
    outputs: JSONObject = attrs.field(factory=dict[str, JSON])
    error: str | None = None
    elapsed: float = 0.0
    tokens: int = 0
    steps: int = 0
    exceptions: int = 0
    finished: float | None = None
    leg: float = 0.0

    @property
    def kept_inputs(self) -> JSONObject:
        """The inputs as they are kept, with the time, which live events do not show."""
        return {**self.inputs, "sys.timestamp": int(self.created)}

    def save(self, store: Store) -> None:
        """Write it as it is now."""
        store.put(
            "runs",
            id=self.id,
            task_id=self.task_id,
            app=self.app,
            workflow_id=self.workflow_id,
            version=self.version,
            number=self.number,
            status=self.status,
            inputs=json.dumps(self.inputs),
            outputs=json.dumps(self.outputs),
            error=self.error,
            elapsed=self.elapsed,
            tokens=self.tokens,
            steps=self.steps,
            exceptions=self.exceptions,
            created=self.created,
            finished=self.finished,
            user_id=self.user_id,
        )

    @classmethod
    def load(cls, store: Store, app: str, id: str) -> RunRecord | None:
        """The record of an app's run; None where there is none."""
        row = store.one(
            "SELECT runs.*, coalesce(session, '') AS user "
            "FROM runs LEFT JOIN users ON users.id = user_id "
            "WHERE runs.id = ? AND runs.app = ?",
            (id, app),
        )
        return None if row is None else cls.of(row)

    @classmethod
    def of(cls, row: sqlite3.Row) -> RunRecord:
        """The record in a row of runs with their users."""
        values = {name: row[name] for name in row.keys()}  # noqa: SIM118  # a Row is no mapping
        texts = {name: json.loads(row[name]) for name in ("inputs", "outputs")}
        return cls(**{**values, **texts, "leg": row["created"]})
