"""Requests: what to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from .. import models
from .._json import JSON
from .._secret import ApiKey, wrap


@attrs.frozen(init=False)
class WorkflowRunRequest:
    """What to run (POST /workflows/run).

    Args:
        inputs: Value by name of the input: any JSON, `WorkflowFile`, `UploadedFile`, lists of
            these, or `pathlib.Path` for a file that is uploaded first. The server ignores names
            that the app does not declare.
        api_key: Key of the app; by default the client's.
        user_id: Who the run is for, a name of your own of at most 255 characters; by default the
            client's. One of its own for each request makes a run whose answer was lost certain to
            tell (`DifyError.candidates`).
        files: Files for ``sys.files``, for apps whose "file upload" feature is on.
        workflow_id: Id (UUID) of the published version to run; by default the latest. Since Dify
            1.7.2.
        trace_id: Id under which the server's tracing files the run.
    """

    inputs: Mapping[str, JSON]
    api_key: ApiKey | None
    user_id: str | None
    files: Sequence[models.WorkflowFile | Path] | None
    workflow_id: str | None
    trace_id: str | None

    if TYPE_CHECKING:

        def __attrs_init__(self, *fields: object) -> None: ...

    def __init__(
        self,
        inputs: Mapping[str, JSON],
        *,
        api_key: str | ApiKey | None = None,
        user_id: str | None = None,
        files: Sequence[models.WorkflowFile | Path] | None = None,
        workflow_id: str | None = None,
        trace_id: str | None = None,
    ) -> None:
        # Written by hand, so that no frame of a traceback holds the bare key.
        api_key = wrap(api_key)
        self.__attrs_init__(inputs, api_key, user_id, files, workflow_id, trace_id)
