"""Stream events as a server of 1.14.2 sends them, for handlers of the replay server."""

from __future__ import annotations

import json
from typing import Any

RUN = "57455633-bab6-4ea6-b8d6-850b5ae09145"
TASK = "44a56c70-faea-4439-965c-f26b48543bbd"
WORKFLOW = "48ce767e-af1e-4a18-97ec-102a512e769f"
PING = b"event: ping\n\n"


def message(name: str, data: dict[str, Any] | None = None, **top: Any) -> bytes:
    """Any event."""
    envelope: dict[str, Any] = {"event": name, "workflow_run_id": RUN, "task_id": TASK}
    if data is not None:
        envelope["data"] = data
    return b"data: " + json.dumps({**envelope, **top}).encode() + b"\n\n"


def started() -> bytes:
    data = {"id": RUN, "workflow_id": WORKFLOW, "inputs": {"name": "Ann"}, "created_at": 1795344336}
    return message("workflow_started", {**data, "reason": "initial"})


def text(piece: str, **top: Any) -> bytes:
    return message("text_chunk", {"text": piece, "from_variable_selector": ["llm", "text"]}, **top)


def node_finished(node_id: str, outputs: Any) -> bytes:
    return message(
        "node_finished",
        {"id": f"{node_id}-1", "node_id": node_id, "status": "succeeded", "outputs": outputs},
    )


FINISHED: dict[str, Any] = {
    "workflow_id": WORKFLOW,
    "status": "succeeded",
    "outputs": {"greeting": "Ann"},
    "error": None,
    "elapsed_time": 0.046,
    "total_tokens": 3,
    "total_steps": 2,
    "created_by": {"id": "u", "user": "u1"},
    "created_at": 1795344336,
    "finished_at": 1795344337,
    "exceptions_count": 0,
    "files": [],
}
"""Data of the last event of a run."""


def finished(status: str = "succeeded", **data: Any) -> bytes:
    outputs = FINISHED["outputs"] if status == "succeeded" else {}
    payload = {"id": RUN, **FINISHED, "status": status, "outputs": outputs}
    return message("workflow_finished", {**payload, **data})


def paused() -> bytes:
    reason = {
        "TYPE": "human_input_required",
        "form_id": "01a202c5-e8ab-7cc4-9f16-673a67c01599",
        "form_content": "Approve?",
        "inputs": [{"type": "paragraph", "output_variable_name": "comment", "default": None}],
        "actions": [{"id": "approve", "title": "Approve", "button_style": "primary"}],
        "node_id": "ask",
        "node_title": "Ask",
        "resolved_default_values": {"comment": "no comment"},
        "form_token": "4zAqaxNSiTmZQ0B9q8uorf",
        "expiration_time": 1795429254,
    }
    data = {"workflow_run_id": RUN, "paused_nodes": ["ask"], "outputs": {}, "reasons": [reason]}
    numbers = {"created_at": 1795342854, "elapsed_time": 0.07, "total_tokens": 0, "total_steps": 2}
    return message("workflow_paused", {**data, "status": "paused", **numbers})


def error(**top: Any) -> bytes:
    """An error event, which carries neither a task id nor data."""
    payload = {"event": "error", "workflow_run_id": None, "code": "invalid_param", "status": 400}
    return b"data: " + json.dumps({**payload, "message": "No provider.", **top}).encode() + b"\n\n"
