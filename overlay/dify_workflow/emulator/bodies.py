"""What is answered about runs and apps, with the keys of the server's version."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime

from .._json import JSON, JSONObject
from .dialect import Dialect
from .files import TENANT_ID
from .record import RunRecord
from .workflows import Workflow

_DETAIL = (
    "id",
    "workflow_id",
    "status",
    "inputs",
    "outputs",
    "error",
    "total_steps",
    "total_tokens",
    "created_at",
    "finished_at",
    "elapsed_time",
)


def blocking_body(record: RunRecord, last_event: JSONObject, dialect: Dialect) -> JSONObject:
    """The answer of the blocking mode.

    Args:
        record: The run.
        last_event: Its last event: that it finished, or paused.
        dialect: The server's version.
    """
    data: JSONObject = dict(last_event["data"])
    for name in ("created_by", "exceptions_count", "files", "sequence_number"):
        data.pop(name, None)
    if last_event["event"] == "workflow_paused":
        data = {"id": data.pop("workflow_run_id"), "workflow_id": record.workflow_id, **data}
        data |= {"error": dialect.no_error, "finished_at": None}
        if not dialect.has_form_api:
            del data["paused_nodes"], data["reasons"]
    return {
        "task_id": last_event["task_id"],
        "workflow_run_id": last_event["workflow_run_id"],
        "data": data,
    }


def detail_body(record: RunRecord, dialect: Dialect) -> JSONObject:
    """Run detail; the inputs are the text of a JSON object (DIFY.md section 0.9)."""
    inputs = record.kept_inputs if dialect.since(1, 10) else record.inputs
    return {
        "id": record.id,
        "workflow_id": record.workflow_id,
        "status": record.status,
        "inputs": json.dumps(inputs),
        "outputs": _detail_outputs(record, dialect),
        "error": record.error,
        "total_steps": record.steps,
        "total_tokens": record.tokens,
        "created_at": _detail_time(record.created, dialect),
        "finished_at": _detail_time(record.finished, dialect),
        "elapsed_time": record.elapsed,
    }


def null_detail(dialect: Dialect) -> JSONObject:
    """What servers before 1.13.1 say of a run that they do not know."""
    counts = dict.fromkeys(("total_steps", "total_tokens"), None if dialect.since(1, 8) else 0)
    return {**dict.fromkeys(_DETAIL), **counts}


def _detail_outputs(record: RunRecord, dialect: Dialect) -> JSON:
    if dialect.since(1, 13):
        return record.outputs
    if dialect.since(1, 7) and record.status in {"failed", "stopped"}:
        return None
    return json.dumps(record.outputs)


def _detail_time(moment: float | None, dialect: Dialect) -> JSON:
    if moment is None or dialect.since(1, 2):
        return None if moment is None else int(moment)
    return format_datetime(datetime.fromtimestamp(int(moment), UTC).replace(tzinfo=None))


def end_user_body(id: str, session: str, created: float, app: Workflow) -> JSONObject:
    """GET /end-users/{id}; times have no zone."""
    moment = datetime.fromtimestamp(int(created), UTC).replace(tzinfo=None).isoformat()
    return {
        "id": id,
        "tenant_id": TENANT_ID,
        "app_id": app.app_id,
        "type": "service-api",
        "external_user_id": session,
        "name": None,
        "is_anonymous": False,
        "session_id": session,
        "created_at": moment,
        "updated_at": moment,
    }


def info_body(app: Workflow, dialect: Dialect) -> JSONObject:
    """GET /info."""
    body: JSONObject = {"name": app.name, "description": app.description, "tags": []}
    return body | ({"mode": app.mode, "author_name": "Emulator"} if dialect.since(1, 7) else {})


def parameters_body(app: Workflow) -> JSONObject:
    """GET /parameters."""
    off = {"enabled": False}
    return {
        "opening_statement": "",
        "suggested_questions": [],
        "suggested_questions_after_answer": off,
        "speech_to_text": {"enabled": app.transcript is not None},
        "text_to_speech": {"enabled": app.voice is not None, "language": "", "voice": ""},
        "retriever_resource": {"enabled": True},
        "annotation_reply": off,
        "more_like_this": off,
        "user_input_form": app.form(),
        "sensitive_word_avoidance": off,
        "file_upload": off,
        "system_parameters": {
            "image_file_size_limit": 10,
            "video_file_size_limit": 100,
            "audio_file_size_limit": 50,
            "file_size_limit": 15,
            "workflow_file_upload_limit": 10,
        },
    }


def site_body(app: Workflow, dialect: Dialect) -> JSONObject:
    """GET /site."""
    placeholder = {"input_placeholder": None} if dialect.since(1, 16) else {}
    return {
        "title": app.name,
        "chat_color_theme": None,
        "chat_color_theme_inverted": False,
        "icon_type": "emoji",
        "icon": "\N{ROBOT FACE}",
        "icon_background": "#FFEAD5",
        "description": None,
        "copyright": None,
        "privacy_policy": None,
        "custom_disclaimer": "",
        "default_language": "en-US",
        "show_workflow_steps": True,
        "use_icon_as_answer_icon": False,
        "icon_url": None,
        **placeholder,
    }
