"""Data before a recorded request, other than active runs: files, versions, logs."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dify_workflow.emulator import PastRun
from support.bench import Bench, Call
from support.links import FILE_ID, is_run, of_version, start_of, starter_of
from support.recordings import Recording
from support.scenes import Preparation, Scene

JSONObject = dict[str, Any]

_UPLOAD = (
    b'--x\r\nContent-Disposition: form-data; name="user"\r\n\r\nu1\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="hello.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nhello world!\r\n--x--\r\n"
)
"""The upload of a file whose own upload is not among the recordings."""


def key_of_echo(bench: Bench, _played: Recording) -> Scene:
    """The key is that of the app ``echo``, in a header that is written otherwise."""
    return Scene(authorization=f"bearer {bench.key('echo')}")


# ----------------------------------------------------------------------------------------- files


def uploaded(bench: Bench, played: Recording) -> Scene:
    """The files that the request names have been uploaded, those that were; one at least."""
    named = FILE_ID.findall(played.request_bytes.decode())
    answers = [other for other in of_version(played.version) if other.app == "files"]
    known = [each for each in named if any(each.encode() in other.body for other in answers)]
    scene = Scene()
    for file_id in dict.fromkeys(known or [""]):
        uploads = (other for other in answers if "/files/upload" in other.target and file_id)
        upload = next((other for other in uploads if file_id.encode() in other.body), None)
        stored = _upload(bench, upload)
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
    """The logs have the rows that the recordings of the app show, and others beside them."""
    kind = "err_logs_" if played.path.stem.startswith("err_") else "logs_"
    pages = [
        other
        for other in of_version(played.version)
        if other.app == played.app and other.status == 200 and "/workflows/logs" in other.target
        if other.path.stem.startswith(kind) and not _ALONE.match(other.path.stem)
    ]
    bench.emulator.add_runs(_past_runs(pages or [played]), played.app)
    return Scene()


_ALONE = re.compile(r"logs_(stop\d|disc2)")
"""Logs that are of a moment, and not of all that was recorded."""


def beside(before: Preparation) -> Preparation:
    """The logs have the rows that the recording shows, beside the run that is prepared."""

    def prepare(bench: Bench, played: Recording) -> Scene:
        starter = starter_of(played)
        own = starter.events[0]["workflow_run_id"] if starter and starter.events else ""
        bench.emulator.add_runs(_past_runs([played], but=own), played.app)
        return before(bench, played)

    return prepare


def _past_runs(pages: Sequence[Recording], but: str = "") -> list[PastRun]:
    """The runs whose rows some recorded pages show, and so many others that totals are right."""
    runs: dict[str, PastRun] = {}
    totals: Counter[str] = Counter()  # by user; all users together are the empty one
    for page in pages:
        query, body = parse_qs(urlsplit(page.target).query), json.loads(page.body)
        keyword = query.get("keyword", [""])[0]
        user = query.get("created_by_end_user_session_id", [""])[0]
        if not query.keys() - {"limit", "page", "last_id", "foo", "created_by_end_user_session_id"}:
            of_user = all(_user(row) == user for row in body["data"])  # old servers do not filter
            totals[user if of_user else ""] = max(totals[user], body["total"])
        for row in body["data"]:
            run_id = row["workflow_run"]["id"]
            known = runs[run_id].inputs["name"] if run_id in runs else ""
            runs[run_id] = _past_run(row, max(keyword, known, key=len))
    totals[""] -= runs.pop(but, None) is not None
    oldest = min((run.created_at for run in runs.values()), default=_NOWHEN) - 60
    for user in sorted(totals, reverse=True):
        there = sum(run.user == user or not user for run in runs.values())
        for number in range(totals[user] - there):
            runs[f"{user}{number}"] = PastRun(oldest, user=user or "race")
    return list(runs.values())


_NOWHEN = 1_795_000_000.0
"""When runs began of which nothing is known (Unix seconds)."""


def _user(row: JSONObject) -> str | None:
    user: JSONObject | None = row["created_by_end_user"]
    return user and str(user["session_id"])


def _past_run(row: JSONObject, name: str) -> PastRun:
    run = row["workflow_run"]
    # The time of a row is rounded, that of a run cut off.
    fraction = 0.75 if run["created_at"] < row["created_at"] else 0.0
    return PastRun(
        run["created_at"] + fraction,
        status=run["status"],
        user=_user(row),
        created_from=row["created_from"],
        inputs={"name": name},
        error=run["error"] or None,
        elapsed_time=run["elapsed_time"],
        total_tokens=run["total_tokens"],
        total_steps=run["total_steps"],
        exceptions_count=run["exceptions_count"],
        id=run["id"],
        log_id=row["id"],
    )


def run_again(bench: Bench, played: Recording) -> Scene:
    """The recorded runs of the app have been made, again and again until there are enough."""
    starts = [
        start_of(other)
        for other in of_version(played.version)
        if other.app == played.app and is_run(other)
    ]
    for start in islice(cycle(starts), json.loads(played.body)["total"]):
        bench.run(start.app, start.inputs, start.user)
    return Scene()
