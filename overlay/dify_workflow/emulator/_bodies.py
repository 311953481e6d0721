"""What is answered about runs and apps, with the keys of 1.14.2 in their order."""

from __future__ import annotations

import json

from .._json import JSONObject
from ._run import Run
from ._workflow import Workflow


def blocking_body(run: Run) -> JSONObject:
    """The answer of the blocking mode."""
    data = run.events[-1]["data"]
    dropped = {"created_by", "exceptions_count", "files"}
    return {
        "task_id": run.task_id,
        "workflow_run_id": run.id,
        "data": {key: value for key, value in data.items() if key not in dropped},
    }


def detail_body(run: Run) -> JSONObject:
    """Run detail; the inputs are the text of a JSON object (DIFY.md section 0.9)."""
    return {
        "id": run.id,
        "workflow_id": run.workflow.id,
        "status": run.status,
        "inputs": json.dumps(run.inputs),
        "outputs": run.outputs if run.finished else {},
        "error": run.error,
        "total_steps": run.total_steps if run.finished else 0,
        "total_tokens": run.total_tokens if run.finished else 0,
        "created_at": int(run.created),
        "finished_at": int(run.finished) if run.finished else None,
        "elapsed_time": run.elapsed,
    }


def info_body(app: Workflow) -> JSONObject:
    """GET /info."""
    return {
        "name": app.name,
        "description": app.description,
        "tags": [],
        "mode": "workflow",
        "author_name": "Emulator",
    }


def parameters_body(app: Workflow) -> JSONObject:
    """GET /parameters."""
    off = {"enabled": False}
    return {
        "opening_statement": "",
        "suggested_questions": [],
        "suggested_questions_after_answer": off,
        "speech_to_text": off,
        "text_to_speech": {"enabled": False, "language": "", "voice": ""},
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


def site_body(app: Workflow) -> JSONObject:
    """GET /site."""
    return {
        "title": app.name,
        "chat_color_theme": None,
        "chat_color_theme_inverted": False,
        "icon_type": "emoji",
        "icon": "\N{ROBOT FACE}",
        "icon_background": "#FFEAD5",
        "icon_url": None,
        "description": app.description,
        "copyright": None,
        "privacy_policy": None,
        "custom_disclaimer": "",
        "default_language": "en-US",
        "show_workflow_steps": True,
        "use_icon_as_answer_icon": False,
    }
