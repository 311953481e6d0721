"""The emulator's data, in SQLite: runs and their nodes, logs, users, forms, files."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import attrs

from .._json import JSON, JSONObject

_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, app TEXT NOT NULL, session TEXT NOT NULL, created REAL NOT NULL,
    UNIQUE (app, session)
);
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, task_id TEXT NOT NULL, app TEXT NOT NULL, workflow_id TEXT NOT NULL,
    version TEXT NOT NULL, number INTEGER NOT NULL, status TEXT NOT NULL, inputs TEXT NOT NULL,
    outputs TEXT NOT NULL, error TEXT, elapsed REAL NOT NULL, tokens INTEGER NOT NULL,
    steps INTEGER NOT NULL, exceptions INTEGER NOT NULL, created REAL NOT NULL, finished REAL,
    user_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS runs_of_app ON runs (app, created);
CREATE INDEX IF NOT EXISTS runs_in_time ON runs (created, id);
CREATE TABLE IF NOT EXISTS logs (
    id TEXT PRIMARY KEY, app TEXT NOT NULL, run_id TEXT NOT NULL, user_id TEXT NOT NULL,
    created INTEGER NOT NULL, made_in TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS logs_of_app ON logs (app, created);
CREATE TABLE IF NOT EXISTS nodes (
    run_id TEXT NOT NULL, position INTEGER NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forms (
    token TEXT PRIMARY KEY, id TEXT NOT NULL, run_id TEXT NOT NULL, app TEXT NOT NULL,
    data TEXT NOT NULL, expires REAL NOT NULL, settled TEXT, taken INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS files (
    id TEXT PRIMARY KEY, app TEXT NOT NULL, user_id TEXT NOT NULL, name TEXT NOT NULL,
    mime_type TEXT NOT NULL, content BLOB NOT NULL, created REAL NOT NULL
);
"""


@attrs.frozen
class PastRun:
    """An ended run to add to the logs.

    Args:
        created_at: When it began (Unix seconds).
        status: How it ended; ``"running"`` or ``"paused"`` if it never ended.
        user: Its user; None if the user was deleted since.
        created_from: Where it was started: ``"service-api"``, ``"web-app"`` or, by the workspace's
            account, not by the user, ``"installed-app"``.
        inputs: Its inputs.
        outputs: Its outputs.
        error: Error text.
        elapsed_time: Its duration in seconds.
        total_tokens: Tokens that models used.
        total_steps: Nodes that ran.
        exceptions_count: Nodes that failed.
        id: Id of the run (UUID).
        log_id: Id of its row in the logs (UUID).
    """

    created_at: float
    status: str = "succeeded"
    user: str | None = "dify-workflow"
    created_from: str = "service-api"
    inputs: JSONObject = attrs.field(factory=dict[str, Any])
    outputs: JSONObject = attrs.field(factory=dict[str, Any])
    error: str | None = None
    elapsed_time: float = 0.1
    total_tokens: int = 0
    total_steps: int = 2
    exceptions_count: int = 0
    id: str = attrs.field(factory=lambda: str(uuid4()))
    log_id: str = attrs.field(factory=lambda: str(uuid4()))


class Store:
    """The emulator's database. Any thread may use it.

    Args:
        path: File of the database; None for one in memory.
        now: Returns the server's time.
    """

    def __init__(
        self, path: str | Path | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self.now = now
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False)
        weakref.finalize(self, self._database.close)  # also for an emulator that never starts
        self._database.row_factory = sqlite3.Row
        self._database.isolation_level = None
        # A power cut may lose data: it is not needed later.
        self._database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; {_SCHEMA}")

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def all(self, sql: str, values: Sequence[object] | JSONObject = ()) -> list[sqlite3.Row]:
        """Return the rows of a statement."""
        with self._lock:
            return self._database.execute(sql, values).fetchall()

    @property
    def changes(self) -> int:
        """The number of rows written since the database was opened."""
        with self._lock:
            return self._database.total_changes

    def one(self, sql: str, values: Sequence[object] | JSONObject = ()) -> sqlite3.Row | None:
        """Return the first row of a statement; None if there is no row."""
        with self._lock:
            row: sqlite3.Row | None = self._database.execute(sql, values).fetchone()
            return row

    def put(self, table: str, **values: object) -> None:
        """Write a row, in place of one with the same key."""
        self._write("INSERT OR REPLACE", table, values)

    def add(self, table: str, **values: object) -> None:
        """Write a new row."""
        self._write("INSERT", table, values)

    def _write(self, how: str, table: str, values: JSONObject) -> None:
        names, places = ", ".join(values), ", ".join("?" * len(values))
        self.all(f"{how} INTO {table} ({names}) VALUES ({places})", [*values.values()])

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            for table in ("users", "runs", "logs", "nodes", "forms", "files"):
                self._database.execute(f"DELETE FROM {table}")

    def user_id(self, app: str, session: str) -> str:
        """Return the id (UUID) of an end user of an app, and create the user if needed."""
        with self._lock:
            self.all(
                "INSERT OR IGNORE INTO users VALUES (?, ?, ?, ?)",
                (str(uuid4()), app, session, self.now()),
            )
            row = self.one("SELECT id FROM users WHERE app = ? AND session = ?", (app, session))
            assert row is not None
            return str(row["id"])

    def nodes_of(self, run_id: str) -> list[JSONObject]:
        """Return the stored nodes of a run, in the order in which they began."""
        rows = self.all("SELECT data FROM nodes WHERE run_id = ? ORDER BY position", [run_id])
        return [json.loads(row["data"]) for row in rows]

    def add_runs(self, app: str, workflow_id: str, version: str, runs: Iterable[PastRun]) -> None:
        """Add ended runs to the logs."""
        users: dict[str | None, str] = {None: str(uuid4())}
        with self._lock, self._transaction():
            for run in runs:
                if run.user not in users:
                    users[run.user] = self.user_id(app, str(run.user))
                user_id = users[run.user]
                record = RunRecord(
                    app, workflow_id, version, "", user_id, run.created_at, id=run.id
                )
                record.status, record.error = run.status, run.error
                record.inputs, record.outputs = run.inputs, run.outputs
                record.elapsed, record.tokens = run.elapsed_time, run.total_tokens
                record.steps, record.exceptions = run.total_steps, run.exceptions_count
                if run.status not in {"running", "paused"}:
                    record.finished = run.created_at + run.elapsed_time
                self.add("runs", **record.row())
                self.add_log(record, log_id=run.log_id, made_in=run.created_from)

    @contextmanager
    def _transaction(self) -> Generator[None, None, None]:
        self._database.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def add_log(
        self, run: RunRecord, *, log_id: str | None = None, made_in: str = "service-api"
    ) -> None:
        """Write a row of the logs. Its time is rounded to whole seconds."""
        self.add(
            "logs",
            id=log_id or str(uuid4()),
            app=run.app,
            run_id=run.id,
            user_id=run.user_id,
            created=int(run.created + 0.5),
            made_in=made_in,
        )

    def delete(self, table: str, ids: Iterable[str]) -> None:
        """Delete rows by their ids. The rows of the logs stay when their runs are deleted."""
        with self._lock:
            self._database.executemany(
                f"DELETE FROM {table} WHERE id = ?", [(row_id,) for row_id in ids]
            )


def system_inputs(app_id: str, workflow_id: str, run_id: str, user: str) -> JSONObject:
    """Return the inputs that the server adds to those of a run."""
    return {
        "sys.files": [],
        "sys.user_id": user,
        "sys.app_id": app_id,
        "sys.workflow_id": workflow_id,
        "sys.workflow_run_id": run_id,
    }


@attrs.define
class RunRecord:
    """The record of a run; times are Unix seconds."""

    app: str
    """Key of the app."""
    workflow_id: str
    version: str
    """Name of the published version of the workflow."""
    user: str
    user_id: str
    created: float
    number: int = 0
    """Its number among the runs of the app, from 1."""
    id: str = attrs.field(factory=lambda: str(uuid4()))
    task_id: str = attrs.field(factory=lambda: str(uuid4()))
    status: str = "running"
    inputs: JSONObject = attrs.field(factory=dict[str, JSON])
    """With the system's inputs."""
    outputs: JSONObject = attrs.field(factory=dict[str, JSON])
    error: str | None = None
    elapsed: float = 0.0
    tokens: int = 0
    steps: int = 0
    exceptions: int = 0
    finished: float | None = None
    leg: float = 0.0
    """When it began or, after a pause, continued."""

    @property
    def kept_inputs(self) -> JSONObject:
        """The inputs as they are stored, with the time, which live events leave out."""
        return {**self.inputs, "sys.timestamp": int(self.created)}

    def row(self) -> JSONObject:
        """Return its row in the database."""
        row = attrs.asdict(self, recurse=False)
        del row["user"], row["leg"]
        texts = {name: json.dumps(row[name]) for name in ("inputs", "outputs")}
        return {**row, **texts}

    def save(self, store: Store) -> None:
        """Write its present state."""
        store.put("runs", **self.row())

    @classmethod
    def load(cls, store: Store, app: str, id: str) -> RunRecord | None:
        """Return the record of an app's run; None if there is no such run."""
        row = store.one(
            "SELECT runs.*, coalesce(session, '') AS user "
            "FROM runs LEFT JOIN users ON users.id = user_id "
            "WHERE runs.id = ? AND runs.app = ?",
            (id, app),
        )
        return None if row is None else cls.of(row)

    @classmethod
    def of(cls, row: sqlite3.Row) -> RunRecord:
        """Return the record in a row of runs with their users."""
        values = {name: row[name] for name in row.keys()}  # noqa: SIM118  # a Row is not a mapping
        texts = {name: json.loads(row[name]) for name in ("inputs", "outputs")}
        return cls(**{**values, **texts, "leg": row["created"]})
