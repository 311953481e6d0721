"""The only module that uses the generated endpoints: what each method sends and how it reads.

Each operation imports its endpoint module when it is used: each module imports models, which takes
about a millisecond, and a program uses few endpoints.
"""
# pyright: reportPrivateUsage=false
# The request builders of generated endpoints have private names; only this module uses them.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar
from uuid import UUID

from dify_workflow_api import models as wire

from .. import models
from .._http.answer import Answer
from .._http.request import Operation
from .._json import SHAPE_ERRORS, JSONObject, ModelT, abridged, is_text, read, reason_of
from ..errors import InvalidRequestError, NotFoundError
from ..inputs.values import is_uuid
from ..models.log import log_row
from . import parsers as _results
from .log_query import LogAnswer

if TYPE_CHECKING:
    from dify_workflow_api.types import File

    from ..inputs.parameters import WorkflowParameters
    from ..models import (
        HumanInputForm,
        UploadedFile,
        WorkflowLogsRequest,
        WorkflowRunResponse,
        WorkflowStopResponse,
    )
    from ..models.app import AppInfo, AppMeta, AppSite, EndUser, Transcript
    from .files import OpenFile
    from .log_query import LogQuery

T = TypeVar("T")
ResponseMode: TypeAlias = Literal["streaming", "blocking"]


def _unread(answer: Answer) -> Answer:
    """Return the answer as it is, for answers that are streamed."""
    return answer


def _model(model: type[ModelT]) -> Callable[[Answer], ModelT]:
    return lambda answer: _shaped(answer, lambda body: read(model, body))


def _shaped(answer: Answer, reader: Callable[[JSONObject], T]) -> T:
    """Read a JSON answer; raise an error with the run's ids if it has not the described shape."""
    body = answer.json()
    try:
        return reader(body)
    except SHAPE_ERRORS as error:
        run_id = as_id(body.get("workflow_run_id"))
        of = f" for run {run_id}" if run_id else ""
        failure = answer.unreadable(f"of an unexpected shape{of} ({reason_of(error)})")
        failure.run_id = run_id
        failure.task_id = as_id(body.get("task_id"))
        raise failure from error


# --------------------------------------------------------------------------------------- runs


def run_workflow(
    name: str,
    inputs: JSONObject,
    user: str,
    *,
    mode: ResponseMode,
    files: Sequence[JSONObject] | None = None,
    workflow_id: str | None = None,
    trace_id: str | None = None,
    trace_session_id: str | None = None,
) -> Operation[WorkflowRunResponse]:
    """POST /workflows/run, or /workflows/{workflow_id}/run."""
    from dify_workflow_api.types import UNSET, Unset

    def given(name: str, value: str | None) -> str | Unset:
        return UNSET if value is None else checked_text(name, value)

    body = wire.RunWorkflowBody(
        inputs=inputs,
        user=user,
        response_mode=mode,
        files=UNSET if files is None else [wire.FileReference.from_dict(file) for file in files],
        trace_id=given("trace_id", trace_id),
        trace_session_id=given("trace_session_id", trace_session_id),
    )
    if workflow_id is None:
        from dify_workflow_api.api.workflows.run_workflow import _get_kwargs as build

        request = build(body=body)
    else:
        from dify_workflow_api.api.workflows.run_workflow_by_id import _get_kwargs as build_by_id

        request = build_by_id(checked_uuid("workflow_id", workflow_id), body=body)
    return Operation(
        name,
        request,
        lambda answer: _shaped(answer, _results.blocking_run),
        answer="events" if mode == "streaming" else "json",
        runs=True,
    )


def stop_workflow_task(task_id: str, user: str) -> Operation[WorkflowStopResponse]:
    """POST /workflows/tasks/{task_id}/stop."""
    from dify_workflow_api.api.workflows.stop_workflow_task import _get_kwargs as build

    return Operation(
        "stop_workflow_stream",
        build(checked_id("task_id", task_id), body=wire.StopTaskBody(user=user)),
        lambda answer: _shaped(
            answer,
            lambda body: models.WorkflowStopResponse(read(wire.StopTaskResult, body).result),
        ),
        repeatable=True,
        about=f"task {task_id}",
    )


def get_workflow_run(workflow_run_id: str) -> Operation[WorkflowRunResponse]:
    """GET /workflows/run/{workflow_run_id}."""
    from dify_workflow_api.api.workflows.get_workflow_run import _get_kwargs as build

    def read_detail(answer: Answer) -> WorkflowRunResponse:
        run = _shaped(answer, _results.run_detail)
        if run is None:
            raise NotFoundError(
                answer.operation,
                status_code=answer.status_code,
                code="not_found",
                message=f"there is no run {workflow_run_id}; every field of the answer is null",
                headers=answer.headers,
                body=answer.body.decode("utf-8", "replace"),
            )
        if run.id.lower() != workflow_run_id.lower():
            raise answer.unreadable(f"of another run than {workflow_run_id}")
        return run

    request = build(checked_uuid("workflow_run_id", workflow_run_id))
    about = _run(workflow_run_id)
    return Operation("info", request, read_detail, repeatable=True, about=about)


def list_workflow_logs(
    name: str, request: WorkflowLogsRequest, query: LogQuery
) -> Operation[LogAnswer]:
    """GET /workflows/logs, with the filters of a request in the window of a query."""
    from dify_workflow_api.api.workflows.list_workflow_logs import _get_kwargs as build
    from dify_workflow_api.types import UNSET

    from .._log_cursor import moment_of

    return Operation(
        name,
        build(
            keyword=query.narrowed.get("keyword") or request.keyword or UNSET,
            status=query.narrowed.get("status") or request.status or UNSET,
            created_at_before=UNSET if query.before is None else moment_of(query.before),
            created_at_after=UNSET if query.after is None else moment_of(query.after),
            created_by_end_user_session_id=query.narrowed.get("created_by_end_user_session_id")
            or request.created_by_end_user_session_id
            or UNSET,
            created_by_account=request.created_by_account or UNSET,
            page=query.page,
            limit=query.limit,
        ),
        lambda answer: _shaped(answer, _log_page),
        repeatable=True,
    )


def _log_page(body: JSONObject) -> LogAnswer:
    """The rows of a page of logs."""
    page = read(wire.WorkflowLogPage, body)
    rows = tuple(log_row(entry, raw) for entry, raw in zip(page.data, body["data"], strict=True))
    if not isinstance(page.total, int) or isinstance(page.total, bool):
        raise TypeError(f"total: expected a whole number, got {abridged(page.total)}")
    if len({row.id for row in rows}) < len(rows):
        raise ValueError("a row appears twice")
    return LogAnswer(rows, page.total)


def stream_workflow_events(
    workflow_run_id: str,
    user: str,
    *,
    include_state_snapshot: bool,
    continue_on_pause: bool,
    last_event_id: str | None = None,
) -> Operation[Answer]:
    """GET /workflow/{workflow_run_id}/events. Some servers' events have ids, for Last-Event-ID."""
    from dify_workflow_api.api.workflows.stream_workflow_events import _get_kwargs as build

    request = build(
        checked_uuid("workflow_run_id", workflow_run_id),
        user=user,
        include_state_snapshot=include_state_snapshot,
        continue_on_pause=continue_on_pause,
    )
    if last_event_id and last_event_id.isascii() and last_event_id.isprintable():
        request = {**request, "headers": {"Last-Event-ID": last_event_id}}
    return Operation(
        "resume_workflow_stream",
        request,
        _unread,
        answer="events",
        repeatable=True,
        about=_run(workflow_run_id),
    )


# -------------------------------------------------------------------------------- human input


def get_human_input_form(form_token: str, run_id: str | None = None) -> Operation[HumanInputForm]:
    """GET /form/human_input/{form_token}."""
    from dify_workflow_api.api.human_input.get_human_input_form import _get_kwargs as build

    token = checked_id("form_token", form_token)
    return Operation(
        "human_input_form",
        build(token),
        lambda answer: _shaped(answer, lambda body: _results.form(token, body)),
        repeatable=True,
        about=_run(run_id),
    )


def submit_human_input_form(
    form_token: str, action: str, inputs: JSONObject, user: str, *, run_id: str | None = None
) -> Operation[None]:
    """POST /form/human_input/{form_token}."""
    from dify_workflow_api.api.human_input.submit_human_input_form import _get_kwargs as build

    body = wire.SubmitHumanInputFormBody(
        inputs=inputs, action=checked_text("action", action), user=user
    )
    return Operation(
        "submit_human_input_form",
        build(checked_id("form_token", form_token), body=body),
        lambda _: None,
        about=_run(run_id),
    )


# -------------------------------------------------------------------------------------- files


def upload_file(file: OpenFile, user: str) -> Operation[UploadedFile]:
    """POST /files/upload."""
    from dify_workflow_api.api.files.upload_file import _get_kwargs as build

    return Operation(
        "upload_file",
        build(body=wire.UploadFileBody(file=_part(file), user=user)),
        lambda answer: _shaped(answer, _results.uploaded_file),
        replayable=file.payload.can_rewind,
    )


def preview_file(file_id: str, user: str, *, as_attachment: bool) -> Operation[Answer]:
    """GET /files/{file_id}/preview."""
    from dify_workflow_api.api.files.preview_file import _get_kwargs as build

    return Operation(
        "file_preview",
        build(checked_uuid("file_id", file_id), as_attachment=as_attachment, user=user),
        _unread,
        answer="bytes",
        repeatable=True,
    )


# ---------------------------------------------------------------------------------------- app


def get_end_user(end_user_id: str) -> Operation[EndUser]:
    """GET /end-users/{end_user_id}."""
    from dify_workflow_api.api.app.get_end_user import _get_kwargs as build

    from ..models.app import EndUser

    request = build(checked_uuid("end_user_id", end_user_id))
    return Operation("end_user", request, _model(EndUser), repeatable=True)


def get_app_info() -> Operation[AppInfo]:
    """GET /info."""
    from dify_workflow_api.api.app.get_app_info import _get_kwargs as build

    from ..models.app import AppInfo

    return Operation("app_info", build(), _model(AppInfo), repeatable=True)


def get_app_parameters() -> Operation[WorkflowParameters]:
    """GET /parameters."""
    from dify_workflow_api.api.app.get_app_parameters import _get_kwargs as build

    from ..inputs.parameters import WorkflowParameters

    return Operation("parameters", build(), _model(WorkflowParameters), repeatable=True)


def get_input_form() -> Operation[list[JSONObject]]:
    """GET /parameters, and of the answer only the rules of the app's inputs, as plain JSON."""
    from dify_workflow_api.api.app.get_app_parameters import _get_kwargs as build

    return Operation(
        "parameters",
        build(),
        lambda answer: _shaped(answer, lambda body: list(body["user_input_form"])),
        repeatable=True,
    )


def get_app_meta() -> Operation[AppMeta]:
    """GET /meta."""
    from dify_workflow_api.api.app.get_app_meta import _get_kwargs as build

    from ..models.app import AppMeta

    return Operation("meta", build(), _model(AppMeta), repeatable=True)


def get_app_site() -> Operation[AppSite]:
    """GET /site."""
    from dify_workflow_api.api.app.get_app_site import _get_kwargs as build

    from ..models.app import AppSite

    return Operation("site", build(), _model(AppSite), repeatable=True)


# -------------------------------------------------------------------------------------- audio


def audio_to_text(file: OpenFile, user: str) -> Operation[Transcript]:
    """POST /audio-to-text."""
    from dify_workflow_api.api.audio.audio_to_text import _get_kwargs as build

    from ..models.app import Transcript

    return Operation(
        "audio_to_text",
        build(body=wire.AudioToTextBody(file=_part(file), user=user)),
        _model(Transcript),
        replayable=file.payload.can_rewind,
    )


def text_to_audio(text: str, user: str, *, voice: str | None) -> Operation[Answer]:
    """POST /text-to-audio."""
    from dify_workflow_api.api.audio.text_to_audio import _get_kwargs as build
    from dify_workflow_api.types import UNSET

    body = wire.TextToAudioBody(text=checked_text("text", text), user=user, voice=voice or UNSET)
    return Operation("text_to_audio", build(body=body), _unread, answer="bytes")


# ------------------------------------------------------------------------------------- checks

_LONGEST_ID = 255
"""The most characters of an id or token. Those of Dify have at most 36."""


def checked_text(name: str, value: str) -> str:
    """Return the value if it is a text that is not empty.

    Raises:
        InvalidRequestError: It is not a string, or it is empty.
    """
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequestError(f"{name} must be a string that is not empty, not {value!r}.")
    if not is_text(value):
        raise InvalidRequestError(
            f"{name} has half a surrogate pair, which UTF-8 cannot encode; remove it."
        )
    return value


def checked_id(name: str, value: str) -> str:
    """Return the value if it is valid as an id or a token in a URL path.

    Raises:
        InvalidRequestError: It is not a string, it is empty or too long, or it would change the
            path.
    """
    checked = checked_text(name, value)
    if checked in {".", ".."}:
        raise InvalidRequestError(f"{name} must be an id, not {value!r}.")
    if len(checked) > _LONGEST_ID:
        raise InvalidRequestError(
            f"{name} has {len(checked)} characters; ids have at most {_LONGEST_ID}."
        )
    return checked


def as_id(value: object) -> str | None:
    """The id of a run or task; None if it cannot be one."""
    return value if isinstance(value, str) and is_uuid(value) else None


def checked_uuid(name: str, value: str) -> str:
    """Return the value if it is a UUID. The server answers 500 to other values.

    Raises:
        InvalidRequestError: It is not a UUID.
    """
    if not isinstance(value, str) or not is_uuid(value):
        if isinstance(value, UUID):  # as databases return it
            raise InvalidRequestError(f"{name} must be a UUID as a string; pass str({name}).")
        raise InvalidRequestError(f"{name} must be a UUID, not {value!r}.")
    return value


def _run(run_id: str | None) -> str:
    """What log lines call the run that a call is about, where it is known."""
    return f"run {run_id}" if run_id else ""


def _part(file: OpenFile) -> File:
    # The generated type requires BinaryIO; httpx needs only `read`.
    from dify_workflow_api.types import File

    return File(payload=file.payload, file_name=file.name, mime_type=file.content_type)  # type: ignore[arg-type]  # see above
