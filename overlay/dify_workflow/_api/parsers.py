"""Turns decoded answers into the public result types. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dify_workflow_api import models as wire

from .. import models
from .._dates import unix_time
from .._json import JSON, JSONObject, abridged, read, required_text
from ..outcomes import status_of

if TYPE_CHECKING:
    from ..models import HumanInputForm, UploadedFile, WorkflowPause, WorkflowRunResponse


def blocking_run(body: JSONObject) -> WorkflowRunResponse:
    """The run in a blocking answer."""
    run = read(wire.BlockingRun, body)
    data = run.data
    return models.WorkflowRunResponse(
        id=required_text("workflow_run_id", run.workflow_run_id),
        status=status_of(required_text("status", data.status), data.error),
        message=data.error or None,
        task_id=run.task_id,
        workflow_id=data.workflow_id,
        outputs=data.outputs or {},
        elapsed_time=data.elapsed_time,
        total_tokens=data.total_tokens,
        total_steps=data.total_steps,
        created_at=data.created_at,
        finished_at=data.finished_at,
        paused=pause(data.paused_nodes, data.reasons) if data.status == "paused" else None,
        raw=body,
    )


def run_detail(body: JSONObject) -> WorkflowRunResponse | None:
    """The run in run detail, from any version of Dify.

    None if every field is null: Dify before 1.13.1 answers so for an unknown id.
    """
    detail = read(wire.WorkflowRunDetail, body)
    if detail.id is None:
        return None
    status = status_of(required_text("status", detail.status or "unknown"), detail.error)
    return models.WorkflowRunResponse(
        id=required_text("id", detail.id),
        status=status,
        message=detail.error or None,
        workflow_id=detail.workflow_id,
        inputs=_parsed("inputs", detail.inputs),
        outputs=_parsed("outputs", detail.outputs) or {},
        elapsed_time=detail.elapsed_time,
        total_tokens=detail.total_tokens,
        total_steps=detail.total_steps,
        created_at=_unix_time("created_at", detail.created_at),
        finished_at=_unix_time("finished_at", detail.finished_at),
        paused=models.WorkflowPause() if status == "paused" else None,
        raw=body,
    )


def final_payload(run: WorkflowRunResponse) -> JSONObject:
    """The payload of a final event, made from run detail."""
    common: JSONObject = {
        "status": run.status,
        "outputs": run.outputs,
        "created_at": run.created_at,
        "elapsed_time": run.elapsed_time,
        "total_tokens": run.total_tokens,
        "total_steps": run.total_steps,
    }
    if run.status == "paused":
        return {"workflow_run_id": run.id, "paused_nodes": [], "reasons": [], **common}
    ids = {"id": run.id, "workflow_id": run.workflow_id}
    ended: JSONObject = {"error": run.message, "finished_at": run.finished_at, "files": []}
    return {**ids, **common, **ended, "exceptions_count": None, "created_by": {}}


def pause(nodes: Iterable[str] | None, reasons: Iterable[wire.PauseReason] | None) -> WorkflowPause:
    """What a paused run waits for."""
    forms = tuple(
        models.HumanInputForm(
            id=reason.form_id,
            token=reason.form_token,
            node_id=reason.node_id,
            node_title=reason.node_title,
            content=reason.form_content or "",
            inputs=tuple(reason.inputs or ()),
            actions=tuple(reason.actions or ()),
            default_values=reason.resolved_default_values or {},
            expires_at=reason.expiration_time,
            approval_channels=tuple(reason.approval_channels or ()),
            raw=reason.to_dict(),
        )
        for reason in reasons or ()
        if reason.form_id is not None  # a pause can have reasons other than a form
    )
    return models.WorkflowPause(nodes=tuple(nodes or ()), forms=forms)


def form(token: str, body: JSONObject) -> HumanInputForm:
    """The form in the answer to a request for it."""
    detail = read(wire.HumanInputFormDetail, body)
    return models.HumanInputForm(
        token=token,
        content=detail.form_content,
        inputs=tuple(detail.inputs),
        actions=tuple(detail.user_actions),
        default_values=detail.resolved_default_values or {},
        expires_at=detail.expiration_time,
        raw=body,
    )


def uploaded_file(body: JSONObject) -> UploadedFile:
    """The file in the answer to its upload."""
    stored = read(wire.StoredFile, body)
    return models.UploadedFile(
        id=stored.id,
        name=stored.name,
        size=stored.size,
        extension=stored.extension,
        mime_type=stored.mime_type,
        created_by=stored.created_by,
        created_at=stored.created_at,
        source_url=stored.source_url,
        raw=body,
    )


def _parsed(name: str, value: JSON) -> JSONObject | None:
    """A JSON object that comes as an object, as JSON text, or as None."""
    try:
        parsed: JSONObject | None = json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"{name}: expected JSON, got {abridged(value, 100)}") from error
    return parsed


def _unix_time(name: str, value: int | str | None) -> int | None:
    """A time that comes as Unix seconds or, before Dify 1.2.0, as RFC 822 text."""
    try:
        return int(unix_time(value)) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"{name}: expected a time, got {abridged(value, 100)}") from error
