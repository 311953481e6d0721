"""Prepares a run: checks its inputs and uploads its files.

A protocol of several calls is a generator, for sync and async code: it yields each call and is sent
the result (like httpx's `Auth.auth_flow`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from .._bounded import BoundedDict
from .._http.answer import Servers
from .._http.options import NotGiven, Options
from .._http.request import Call
from .._json import JSON, JSONObject
from .._secret import ApiKey
from ..errors import DifyError, InvalidInputsError, RunDeadlineExceededError
from ..inputs.values import (
    checked_paths,
    needs_check,
    planned_files,
    problems,
    undeclared,
    wire_files,
    wire_inputs,
)
from ..models import WorkflowFile
from . import operations
from .files import opened

if TYPE_CHECKING:
    from ..models import UploadedFile, WorkflowRunRequest, WorkflowRunResponse

Uploads: TypeAlias = Mapping[Path, WorkflowFile]

FORM_LIFETIME = 300.0
"""How long the declared inputs of an app are cached (seconds). They change when it is published."""

_MOST_FORMS = 1000
"""How many apps' inputs are cached."""

_FORM_TIMEOUT = 10.0
"""Longest timeout for GET /parameters (seconds), unless the user gives an `httpx.Timeout`. It is
short, because the run waits for it."""

logger = logging.getLogger("dify_workflow")


class InputForms:
    """A cache of the apps' inputs (``user_input_form`` of GET /parameters), by server and key."""

    def __init__(self) -> None:
        self._kept = BoundedDict[tuple[str, ApiKey], tuple[float, JSON]](_MOST_FORMS)

    def get(self, base_url: str, key: ApiKey) -> JSON | None:
        """The form, if it was cached less than `FORM_LIFETIME` ago; else None."""
        since, form = self._kept.get((base_url, key), (0.0, None))
        return form if time.monotonic() - since < FORM_LIFETIME else None

    def put(self, base_url: str, key: ApiKey, form: JSON) -> None:
        """Cache a form."""
        self._kept[base_url, key] = time.monotonic(), form


class Preparation:
    """Prepares one call.

    Args:
        name: Name of the method that was called.
        options: The options of its call.
        servers: What the client knows about the servers that answered.
        forms: The cache of the apps' inputs.
    """

    def __init__(self, name: str, options: Options, servers: Servers, forms: InputForms) -> None:
        self._name = name
        self._options = options
        self._servers = servers
        self._forms = forms

    def run(
        self, request: WorkflowRunRequest, mode: operations.ResponseMode
    ) -> Generator[Call[Any], Any, Call[WorkflowRunResponse]]:
        """Check the inputs, upload the files, and return the call that runs the workflow.

        Raises:
            InvalidRequestError: The request is invalid.
            InvalidInputsError: The app does not accept the inputs.
            RunDeadlineExceededError: The deadline passed.
            DifyError: A file could not be uploaded.
        """
        self._options = self._options.for_app(request.api_key, request.user_id)

        def call(inputs: JSONObject, uploads: Uploads) -> Call[WorkflowRunResponse]:
            operation = operations.run_workflow(
                self._name,
                inputs,
                self._options.user_id,
                mode=mode,
                files=None if request.files is None else wire_files(request.files, uploads),
                workflow_id=request.workflow_id,
                trace_id=request.trace_id,
                trace_session_id=request.trace_session_id,
            )
            return Call(operation, self._options)

        paths = checked_paths(request.inputs, request.files)
        planned = planned_files(paths)
        inputs = wire_inputs(request.inputs, planned)
        prepared = call(inputs, planned)
        # Another version of the workflow may have other inputs than the latest one.
        if mode == "streaming" and self._options.check_inputs and request.workflow_id is None:
            yield from self._check(inputs)
        if paths:
            uploads = yield from self._upload(paths)
            prepared = call(wire_inputs(request.inputs, uploads), uploads)
        return prepared

    def form(
        self, form_token: str, action: str, inputs: Mapping[str, JSON], run_id: str | None
    ) -> Generator[Call[Any], Any, Call[None]]:
        """Upload the files, and return the call that submits the form of a run.

        Raises:
            InvalidRequestError: The request is invalid.
            DifyError: A file could not be uploaded.
        """

        def call(uploads: Uploads) -> Call[None]:
            wire, user = wire_inputs(inputs, uploads), self._options.user_id
            operation = operations.submit_human_input_form(
                form_token, action, wire, user, run_id=run_id
            )
            return Call(operation, self._options)

        paths = checked_paths(inputs)
        prepared = call(planned_files(paths))
        return call((yield from self._upload(paths))) if paths else prepared

    def _check(self, inputs: JSONObject) -> Generator[Call[Any], Any, None]:
        """Raise an error for invalid inputs if the server would not answer."""
        url = self._options.base_url
        if not needs_check(self._servers.version(url)):
            return
        form = self._forms.get(url, self._options.key())
        asked = form is None
        if form is None:
            form = yield from self._ask_form()
        found = problems(form, inputs)
        if found and not asked:
            form = yield from self._ask_form()  # the app may have been published again
            found = problems(form, inputs)
        if not needs_check(self._servers.version(url)):
            return
        names = [] if form is None else undeclared(form, inputs)
        if found:
            raise InvalidInputsError(self._name, found, names)
        if names:
            logger.warning(
                "%s: the app does not declare the inputs %s; the server ignores them",
                self._name,
                names,
            )

    def _ask_form(self) -> Generator[Call[Any], Any, JSON | None]:
        """Ask for the app's inputs; None if that fails. The run is sent all the same."""
        timeout = self._options.timeout
        if timeout is None or isinstance(timeout, NotGiven):
            timeout = _FORM_TIMEOUT
        elif isinstance(timeout, int | float):
            timeout = min(timeout, _FORM_TIMEOUT)
        options = self._options.changed(timeout=timeout, max_retries=0, queue_timeout=0)
        try:
            form: JSON = yield Call(operations.get_input_form(), options)
        except RunDeadlineExceededError:
            raise
        except DifyError as error:
            logger.debug("%s: the inputs were not checked: %s", self._name, error)
            return None
        self._forms.put(options.base_url, options.key(), form)
        return form

    def _upload(self, paths: Iterable[Path]) -> Generator[Call[Any], Any, dict[Path, WorkflowFile]]:
        """Upload files one by one. Each file is open only while it is sent."""
        uploads: dict[Path, WorkflowFile] = {}
        for path in paths:
            with opened(path) as file:
                operation = operations.upload_file(file, self._options.user_id)
                upload: UploadedFile = yield Call(operation, self._options)
            uploads[path] = upload.as_input()
        return uploads
