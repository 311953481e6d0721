"""The client's result for each recording, from a server that answers with it.

``python -m support.outcomes`` (in tests/) writes the table again; read what changed in it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

from dify_workflow import (
    APIStatusError,
    DifyError,
    StreamError,
    WorkflowRunRequest,
    WorkflowStreamError,
)
from support.events import TASK
from support.recordings import FOLDER, Recording, all_recordings
from support.replay import Pieces, ReplayServer, replay_server
from support.worlds import world

TABLE = FOLDER / "OUTCOMES.md"
SOME_ID = "57455633-bab6-4ea6-b8d6-850b5ae09145"


def id_in(asked: str) -> str:
    """The id that was asked for, where it is one."""
    try:
        return str(UUID(asked))
    except ValueError:
        return SOME_ID


def call_for(client: Any, played: Recording) -> tuple[str, Any]:  # noqa: C901  # a table
    """The call that a recorded request stands for, and a function that makes it."""
    path = played.target.partition("?")[0].removeprefix("/v1").removeprefix("/api")
    streaming = '"response_mode": "streaming"' in played.request_body
    if path.startswith("/workflow/") and path.endswith("/events"):
        goes_on = "continue_on_pause=true" in played.target
        return "resume_workflow_stream", lambda: client.resume_workflow_stream(
            id_in(path.split("/")[2]), continue_on_pause=goes_on
        )
    if re.fullmatch(r"/workflows/([^/]+/)?run", path) and played.method == "POST":
        inputs = {"inputs": {}, "workflow_id": SOME_ID if path.count("/") == 3 else None}
        request = WorkflowRunRequest(**inputs)
        if streaming:
            return "run_workflow_stream", lambda: client.run_workflow_stream(request)
        return "run_workflow", lambda: client.run_workflow(request, response_mode="blocking")
    if path.startswith("/workflows/tasks/"):
        return "stop_workflow_stream", lambda: client.stop_workflow_stream(TASK)
    if path.startswith("/workflows/run"):
        return "info", lambda: client.info(id_in(path.rpartition("/")[2]))
    if path.startswith("/workflows/logs"):
        return "logs", client.logs
    if path.startswith("/form/human_input/"):
        if played.method == "GET":
            return "human_input_form", lambda: client.human_input_form("token")
        return "submit_human_input_form", lambda: client.submit_human_input_form("token", "go", {})
    if path == "/files/upload":
        return "upload_file", lambda: client.upload_file(b"x", filename="x.txt")
    if path.startswith("/files/"):
        return "file_preview", lambda: client.file_preview(SOME_ID).read()
    if path.startswith("/end-users/"):
        return "end_user", lambda: client.end_user(SOME_ID)
    name = {"/parameters": "parameters", "/meta": "meta", "/site": "site"}.get(path, "app_info")
    return name, getattr(client, name)


def outcome(client: Any, played: Recording) -> tuple[str, str]:
    """The name of the call, and what came of it in a line."""
    name, call = call_for(client, played)
    events: list[Any] = []
    try:
        result = call()
        if name.endswith("_stream") and name != "stop_workflow_stream":
            with result as stream:
                events.extend(stream)
                result = stream.result()
    except DifyError as error:
        return name, _of_error(error, events)
    return name, _of_events(events) + _of_result(result)


def _of_error(error: DifyError, events: list[Any]) -> str:
    if isinstance(error, APIStatusError):
        param = f" [{error.param}]" if error.param else ""
        what = f"{error.status_code} {error.code or '-'}{param} {_short(error.message)}"
    elif isinstance(error, WorkflowStreamError):
        what = f"{error.code or '-'}, final event {bool(error.final_event)}"
    elif isinstance(error, StreamError):
        what = "run id known" if error.run_id else "run id unknown"
    else:
        what = _short(re.sub(r"http://[^ )]*", "URL", str(error)))
    return f"{_of_events(events)}{type(error).__name__}: {what}"


def _of_events(events: list[Any]) -> str:
    if not events:
        return ""
    text = "".join(event.data.text for event in events if event.event == "text_chunk")
    shown = f", text {_short(json.dumps(text, ensure_ascii=False), 30)}" if text else ""
    return f"{len(events)} events{shown}; "


def _of_result(result: Any) -> str:
    kind = type(result).__name__
    if kind == "WorkflowRunResponse":
        parts = [f"run {result.status}"]
        if result.message:
            parts.append(f"message {_short(result.message, 40)}")
        if result.outputs:
            parts.append(f"outputs {_short(json.dumps(result.outputs, ensure_ascii=False))}")
        if result.paused is not None:
            parts.append(f"{len(result.paused.forms)} forms")
        return ", ".join(parts)
    if kind == "DifyPageResult":
        statuses = sorted({str(row.status) for row in result})
        more = ", more" if result.has_more else ""
        return f"{len(result)} rows of {result.total}{more}: {' '.join(statuses)}".rstrip(": ")
    if kind == "WorkflowStopResponse":
        return f"result {result.result}"
    if kind == "UploadedFile":
        return f"file {result.name}, {result.size} bytes, {result.type}"
    if kind == "HumanInputForm":
        return f"form with {len(result.inputs)} fields and {len(result.actions)} actions"
    return kind


def _short(text: str, most: int = 70) -> str:
    text = " ".join(text.split()).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= most else f"{text[:most]}…"


def table(server: ReplayServer, world_name: str = "sync", pieces: Pieces = "own") -> str:
    """The whole table as Markdown."""
    lines = [
        "# What becomes of each recording",
        "",
        "What the client makes of a server that answers with the recording, the same in both",
        "worlds and however its body is cut. tests/test_recordings.py holds it;",
        "`cd tests && python -m support.outcomes` writes it again.",
    ]
    version = ""
    with world(world_name) as made:  # type: ignore[arg-type]
        client = made.client(check_inputs=False, max_retries=0, queue_timeout=0, recover=False)
        for played in all_recordings():
            if played.version != version:
                version = played.version
                lines += [
                    "",
                    f"## {version}",
                    "",
                    "| recording | call | outcome |",
                    "|---|---|---|",
                ]
            at = client.with_options(base_url=server.url(played.id, pieces))
            name, text = outcome(at, played)
            lines.append(f"| {played.path.stem} | {name} | {_cell(text)} |")
    return "\n".join(lines) + "\n"


def expected() -> dict[str, tuple[str, str]]:
    """Call and outcome by recording, as the table has them."""
    rows: dict[str, tuple[str, str]] = {}
    version = ""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            version = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith("| recording"):
            name, call, text = line.strip("| ").split(" | ", 2)
            rows[f"{version}/{name}"] = (call, text)
    return rows


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    with replay_server() as server:
        Path(TABLE).write_text(table(server), encoding="utf-8")


if __name__ == "__main__":
    main()
