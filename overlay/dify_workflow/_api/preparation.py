"""What happens before a run is sent: its inputs are checked and its files uploaded.

Conversations of several calls, written once: a generator yields each call and is sent what came of
it, and both transports drive it (as httpx's `Auth.auth_flow`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .. import models
from .._bounded import BoundedDict
from .._http.options import Options
from .._http.request import Call, Operation
from .._http.servers import Servers
from .._json import JSON, JSONObject
from .._secret import ApiKey
from ..errors import DifyError, InvalidInputsError, InvalidRequestError, RunDeadlineExceededError
from ..models import WorkflowFile
from ..models.file import file_type
from . import operations
from .files import opened
from .input_rules import needs_check, problems, undeclared
from .inputs import UNSENT_ID, local_paths, wire_files, wire_inputs

if TYPE_CHECKING:
    from ..models import UploadedFile, WorkflowRunRequest, WorkflowRunResponse

FORM_LIFETIME = 300.0
"""Seconds that the inputs an app takes are kept; they change when it is published again."""

_MOST_FORMS = 1000
"""Apps whose inputs are kept; a process that serves more asks again."""

_FORM_TIMEOUT = 10.0
"""Seconds that asking for the inputs may take: it precedes a run, and is not what was asked for."""

T = TypeVar("T")

logger = logging.getLogger("dify_workflow")


class InputForms:
    """The inputs that apps take (``user_input_form`` of GET /parameters), by server and key."""

    def __init__(self) -> None:
        self._kept = BoundedDict[tuple[str, ApiKey], tuple[float, JSON]](_MOST_FORMS)

    def get(self, base_url: str, key: ApiKey) -> JSON | None:
        """The form, if it was asked for less than `FORM_LIFETIME` ago."""
        since, form = self._kept.get((base_url, key), (0.0, None))
        return form if time.monotonic() - since < FORM_LIFETIME else None

    def put(self, base_url: str, key: ApiKey, form: JSON) -> None:
        """Keep a form."""
        self._kept[base_url, key] = time.monotonic(), form


class Preparation:
    """Everything that preparing a run needs to know of its client.

    Args:
        name: Name of the method that was called.
        options: The client's options.
        servers: What is known of the servers that answered.
        forms: The inputs that apps take.
    """

    def __init__(self, name: str, options: Options, servers: Servers, forms: InputForms) -> None:
        self.name = name
        self.options = options
        self.servers = servers
        self.forms = forms

    def run(
        self, request: WorkflowRunRequest, mode: operations.ResponseMode
    ) -> Generator[Call[Any], Any, Call[WorkflowRunResponse]]:
        """Check the inputs, upload the files, and return the call that runs the workflow.

        Raises:
            InvalidRequestError: The request is invalid.
            InvalidInputsError: The app does not take the inputs.
            RunDeadlineExceededError: The deadline passed meanwhile.
            DifyError: A file could not be uploaded.
        """
        key = self.options.key(request.api_key)
        user = self.options.user(request.user_id)
        paths = _checked_paths(request.inputs, request.files)

        def call(inputs: JSONObject, uploads: Mapping[Path, WorkflowFile]) -> Call[Any]:
            files = None if request.files is None else wire_files(request.files, uploads)
            operation = operations.run_workflow(
                self.name,
                inputs,
                user,
                mode=mode,
                files=files,
                workflow_id=request.workflow_id,
                trace_id=request.trace_id,
                trace_session_id=request.trace_session_id,
            )
            return self._call(operation, key)

        planned = _planned(paths)
        inputs = wire_inputs(request.inputs, planned)
        prepared = call(inputs, planned)
        # Another version of the workflow may take other inputs than the published one shows.
        if mode == "streaming" and self.options.check_inputs and request.workflow_id is None:
            yield from self._check(inputs, key)
        if paths:
            uploads = yield from self._upload(paths, key, user)
            prepared = call(wire_inputs(request.inputs, uploads), uploads)
        return prepared

    def form(
        self,
        form_token: str,
        action: str,
        inputs: Mapping[str, JSON],
        user_id: str | None,
        own_key: ApiKey | None,
    ) -> Generator[Call[Any], Any, Call[None]]:
        """Upload the files, and return the call that submits the form.

        Raises:
            InvalidRequestError: The request is invalid.
            DifyError: A file could not be uploaded.
        """
        key = self.options.key(own_key)
        user = self.options.user(user_id)
        paths = _checked_paths(inputs, None)
        planned = _planned(paths)
        wire = wire_inputs(inputs, planned)
        call = self._call(operations.submit_human_input_form(form_token, action, wire, user), key)
        if paths:
            wire = wire_inputs(inputs, (yield from self._upload(paths, key, user)))
            call = self._call(
                operations.submit_human_input_form(form_token, action, wire, user), key
            )
        return call

    def _call(self, operation: Operation[T], key: ApiKey) -> Call[T]:
        return Call(operation, key, self.options)

    def _check(self, inputs: JSONObject, key: ApiKey) -> Generator[Call[Any], Any, None]:
        """Refuse inputs that the app does not take, where the server would say nothing."""
        url = self.options.base_url
        if not needs_check(self.servers.version(url)):
            return
        form = self.forms.get(url, key)
        asked = form is None
        if form is None:
            form = yield from self._ask_form(key)
        found = problems(form, inputs)
        if found and not asked:
            form = yield from self._ask_form(key)  # the app may have been published again
            found = problems(form, inputs)
        if not needs_check(self.servers.version(url)):
            return
        if found:
            raise InvalidInputsError(self.name, found)
        if form is not None and (names := undeclared(form, inputs)):
            logger.warning("%s: the app does not declare %s; the server drops it", self.name, names)

    def _ask_form(self, key: ApiKey) -> Generator[Call[Any], Any, JSON | None]:
        """Ask for the inputs that the app takes; None where that fails, which fails no run."""
        call = self._call(operations.get_input_form(), key)
        call = call.changed(timeout=_FORM_TIMEOUT, max_retries=0, queue_timeout=0)
        try:
            form: JSON = yield call
        except RunDeadlineExceededError:
            raise
        except DifyError as error:
            logger.debug("%s: the inputs are sent unchecked: %s", self.name, error)
            return None
        self.forms.put(self.options.base_url, key, form)
        return form

    def _upload(
        self, paths: Iterable[Path], key: ApiKey, user: str
    ) -> Generator[Call[Any], Any, dict[Path, WorkflowFile]]:
        """Upload files one after the other; each is open only while it is sent."""
        uploads: dict[Path, WorkflowFile] = {}
        for path in paths:
            with opened(path) as file:
                upload: UploadedFile = yield self._call(operations.upload_file(file, user), key)
            uploads[path] = upload.as_input()
        return uploads


def as_request(request: WorkflowRunRequest | Mapping[str, JSON]) -> WorkflowRunRequest:
    """The request itself, or one with a plain mapping as its inputs."""
    kind = models.WorkflowRunRequest
    return request if isinstance(request, kind) else kind(request)


def as_planned(inputs: Mapping[str, JSON]) -> JSONObject:
    """The inputs as they will be sent, but for the ids of files that are still to be uploaded.

    Raises:
        InvalidRequestError: They are no JSON, or a file is not there.
    """
    paths = _checked_paths(inputs)
    planned = _planned(paths)
    return wire_inputs(inputs, planned)


def _checked_paths(*values: JSON) -> list[Path]:
    """Every path in the values once.

    Raises:
        InvalidRequestError: There is no file.
    """
    paths = list(dict.fromkeys(path for value in values for path in local_paths(value)))
    for path in paths:
        if not path.is_file():
            raise InvalidRequestError(f"There is no file {path} to upload.")
    return paths


def _planned(paths: Sequence[Path]) -> dict[Path, WorkflowFile]:
    """The files as they will be, but for their ids."""
    if not paths:
        return {}

    return {
        path: WorkflowFile.uploaded(UNSENT_ID, type=file_type(path.suffix, None)) for path in paths
    }
