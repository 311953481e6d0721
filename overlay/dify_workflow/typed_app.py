# Written by `make generate` from async_typed_app.py; change that one instead.
"""The base of typed apps, for sync code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .call_options import StreamOptions, SubmitOptions, WaitOptions, as_call

if TYPE_CHECKING:
    from typing import Unpack

    from ._api.forms import FormCallback
    from ._api.operations import ResponseMode
    from ._streams.sync_stream import WorkflowStream
    from .client import DifyWorkflow
    from .models import WorkflowRunResponse

InputsT = TypeVar("InputsT", bound=Mapping[str, Any])
OutputsT = TypeVar("OutputsT")


class RunOptions(StreamOptions, total=False):
    """How a run is waited for."""

    response_mode: ResponseMode
    """``"streaming"`` (by default) or ``"blocking"``."""
    on_human_input: FormCallback | None
    """Called with each form that the run waits at."""


class TypedApp(Generic[InputsT, OutputsT]):
    """An app whose inputs and outputs have types: the base of what ``dify-workflow types`` writes.

    Args:
        client: The client that runs it, with the app's key. It is never closed here.
    """

    def __init__(self, client: DifyWorkflow) -> None:
        self.client = client

    def run(self, inputs: InputsT, **options: Unpack[RunOptions]) -> WorkflowRunResponse[OutputsT]:
        """Run the app and wait for its outcome, as `DifyWorkflow.run_workflow` does.

        Read the outputs behind `raise_for_status`: a run that failed or is paused has none.

        Args:
            inputs: Value by name of the input.
            options: Those of `DifyWorkflow.run_workflow`.

        Raises:
            DifyError: As for `DifyWorkflow.run_workflow`.
        """
        run: WorkflowRunResponse[Any] = self.client.run_workflow(inputs=inputs, **options)
        return run

    def stream(self, inputs: InputsT, **options: Unpack[StreamOptions]) -> WorkflowStream[OutputsT]:
        """Run the app and return its events, as `DifyWorkflow.run_workflow_stream` does.

        Args:
            inputs: Value by name of the input.
            options: Those of `DifyWorkflow.run_workflow_stream`.

        Raises:
            DifyError: As for `DifyWorkflow.run_workflow_stream`.
        """
        stream: WorkflowStream[Any] = self.client.run_workflow_stream(inputs=inputs, **options)
        return stream

    def submit(
        self, inputs: InputsT, **options: Unpack[SubmitOptions]
    ) -> WorkflowRunResponse[OutputsT]:
        """Start the app and return the run's ids, as `DifyWorkflow.submit_workflow` does.

        Args:
            inputs: Value by name of the input.
            options: Those of `DifyWorkflow.submit_workflow`.

        Raises:
            DifyError: As for `DifyWorkflow.submit_workflow`.
        """
        run: WorkflowRunResponse[Any] = self.client.submit_workflow(inputs=inputs, **options)
        return run

    def wait(self, run_id: str, **options: Unpack[WaitOptions]) -> WorkflowRunResponse[OutputsT]:
        """Wait for a run that was started before, as `DifyWorkflow.wait_for_run` does.

        Args:
            run_id: Id of the run (UUID).
            options: Those of `DifyWorkflow.wait_for_run`; the user is `user`.

        Raises:
            DifyError: As for `DifyWorkflow.wait_for_run`.
        """
        rest: dict[str, Any] = dict(options)
        user = rest.pop("user", None)
        run: WorkflowRunResponse[Any] = self.client.wait_for_run(run_id, user_id=user, **rest)
        return run

    def _call(
        self, inputs: InputsT | None, named: dict[str, Any]
    ) -> tuple[InputsT, dict[str, Any]]:
        """Inputs and options, for a subclass that takes the inputs by keyword too."""
        return as_call(inputs, named)
