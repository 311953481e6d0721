"""What a recorded request finds on the server besides runs that go on: files, versions, logs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dify_workflow.emulator import PastRun
from support.bench import Bench, Call
from support.links import FILE_ID, id_in, log_rows, of_version, start_of
from support.recordings import Recording
from support.scenes import Scene, going_on

JSONObject = dict[str, Any]

_UPLOAD = (
    b"--x\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nu1\r\n"
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="hello.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nhello world!\r\n--x--\r\n"
)
"""The upload of a file whose own upload is not among the recordings."""


def key_of_echo(bench: Bench, _played: Recording) -> Scene:
    """The key is that of the app ``echo``, in a header that is written otherwise."""
    return Scene(authorization=f"bearer {bench.key('echo')}")


# ----------------------------------------------------------------------------------------- files


def uploaded(bench: Bench, played: Recording) -> Scene:
    """The files that the request names have been uploaded; so has one by its user at least."""
    scene = Scene()
    named = dict.fromkeys(FILE_ID.findall(played.request_bytes.decode()) or [""])
    known = {
        file_id: other
        for other in of_version(played.version)
        for file_id in named
        if "/files/upload" in other.target and file_id and file_id.encode() in other.body
    }
    for file_id in named:
        stored = _upload(bench, known.get(file_id))
        scene.files[file_id] = str(stored["id"])
        scene.ids = {"end_user_id": str(stored["created_by"]), "file_id": str(stored["id"])}
    return scene


def _upload(bench: Bench, recorded: Recording | None) -> JSONObject:
    kind, body = "multipart/form-data; boundary=x", _UPLOAD
    if recorded is not None:
        kind = dict(recorded.request_headers)["Content-Type"]
        body = recorded.request_bytes
    call = Call("files", "POST", "/v1/files/upload", [("Content-Type", kind)], body)
    stored: JSONObject = json.loads(bench.answer(call).body)
    return stored


# -------------------------------------------------------------------------------------- versions


def own_version(bench: Bench, played: Recording) -> Scene:
    """The version that is named is the app's published one."""
    return Scene({"workflow_id": bench.workflow_id(played.app, start_of(played).inputs)})


def version_of_another_app(bench: Bench, _played: Recording) -> Scene:
    return Scene({"workflow_id": bench.workflow_id("slow", {"secs": "0"})})


def earlier_version(bench: Bench, played: Recording) -> Scene:
    return Scene({"workflow_id": next(iter(bench.app(played.app).versions()))})


def draft(bench: Bench, played: Recording) -> Scene:
    return Scene({"workflow_id": bench.app(played.app).draft_id})


# ------------------------------------------------------------------------------------------ logs


def logged(bench: Bench, played: Recording) -> Scene:
    """The logs have the rows that the recordings of the same group show, and as many others."""
    _seed(bench, played, lambda _: True)
    return Scene()


def logged_beside_one_that_goes_on(bench: Bench, played: Recording) -> Scene:
    """A run goes on; the logs have what they had before it."""
    _seed(bench, played, lambda row: row["workflow_run"]["status"] != "running")
    return going_on(bench, played)


def _seed(bench: Bench, played: Recording, is_wanted: Any) -> None:
    group = played.path.stem.partition("_")[0]
    rows: dict[str, PastRun] = {}
    total = 0
    for other, row in log_rows(played.version, played.app):
        if other.path.stem.partition("_")[0] == group:
            query = parse_qs(urlsplit(other.target).query)
            unfiltered = not query.keys() - {"limit", "page", "last_id", "foo"}
            total = max(total, json.loads(other.body)["total"] if unfiltered else 0)
            if is_wanted(row):
                keyword = query.get("keyword", [""])[0]
                rows[row["id"]] = _past(row, keyword, rows.get(row["id"]))
    oldest = min((run.created_at for run in rows.values()), default=1_795_000_000.0)
    fillers = [PastRun(oldest - 60, user="race") for _ in range(total - len(rows))]
    bench.emulator.add_runs([*fillers, *rows.values()], played.app)


def _past(row: JSONObject, keyword: str, known: PastRun | None) -> PastRun:
    run = row["workflow_run"]
    name = known.inputs["name"] if known else "x"
    user = row["created_by_end_user"]
    return PastRun(
        row["created_at"] - 0.25 if run["created_at"] < row["created_at"] else run["created_at"],
        status=run["status"],
        user=user["session_id"] if user else "race",
        inputs={"name": keyword or name},
        error=run["error"] or None,
        elapsed_time=run["elapsed_time"],
        total_tokens=run["total_tokens"],
        total_steps=run["total_steps"],
        exceptions_count=run["exceptions_count"],
        id=run["id"],
        log_id=row["id"],
    )


def logged_by_itself(bench: Bench, played: Recording) -> Scene:
    """All recorded runs of the app have been made again."""
    for other in of_version(played.version):
        if other.app == played.app and other.path.stem.startswith("run_"):
            start = start_of(other)
            bench.run(start.app, start.inputs, start.user)
    return Scene()
