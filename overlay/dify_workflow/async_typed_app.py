"""The base of typed apps, for async code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .call_options import StreamOptions, SubmitOptions, WaitOptions, as_call

if TYPE_CHECKING:
    from typing import Unpack

    from ._api.forms import AsyncFormCallback
    from ._api.operations import ResponseMode
    from ._streams.async_stream import AsyncWorkflowStream
    from .async_client import AsyncDifyWorkflow
    from .models import WorkflowRunResponse

InputsT = TypeVar("InputsT", bound=Mapping[str, Any])
OutputsT = TypeVar("OutputsT")


class AsyncRunOptions(StreamOptions, total=False):
    """How a run is waited for."""

    response_mode: ResponseMode
    """``"streaming"`` (by default) or ``"blocking"``."""
    on_human_input: AsyncFormCallback | None
    """Called with each form that the run waits at."""


class AsyncTypedApp(Generic[InputsT, OutputsT]):
    """An app whose inputs and outputs have types: the base of what ``dify-workflow types`` writes.

    Args:
        client: The client that runs it, with the app's key. It is never closed here.
    """

    def __init__(self, client: AsyncDifyWorkflow) -> None:
        self.client = client

    async def run(
        self, inputs: InputsT, **options: Unpack[AsyncRunOptions]
    ) -> WorkflowRunResponse[OutputsT]:
        """Run the app and wait for its outcome, as `AsyncDifyWorkflow.run_workflow` does.

        Read the outputs behind `raise_for_status`: a run that failed or is paused has none.

        Args:
            inputs: Value by name of the input.
            options: Those of `AsyncDifyWorkflow.run_workflow`.

        Raises:
            DifyError: As for `AsyncDifyWorkflow.run_workflow`.
        """
        run: WorkflowRunResponse[Any] = await self.client.run_workflow(inputs=inputs, **options)
        return run

    def stream(
        self, inputs: InputsT, **options: Unpack[StreamOptions]
    ) -> AsyncWorkflowStream[OutputsT]:
        """Run the app and return its events, as `AsyncDifyWorkflow.run_workflow_stream` does.

        Args:
            inputs: Value by name of the input.
            options: Those of `AsyncDifyWorkflow.run_workflow_stream`.

        Raises:
            DifyError: As for `AsyncDifyWorkflow.run_workflow_stream`.
        """
        stream: AsyncWorkflowStream[Any] = self.client.run_workflow_stream(inputs=inputs, **options)
        return stream

    async def submit(
        self, inputs: InputsT, **options: Unpack[SubmitOptions]
    ) -> WorkflowRunResponse[OutputsT]:
        """Start the app and return the run's ids, as `AsyncDifyWorkflow.submit_workflow` does.

        Args:
            inputs: Value by name of the input.
            options: Those of `AsyncDifyWorkflow.submit_workflow`.

        Raises:
            DifyError: As for `AsyncDifyWorkflow.submit_workflow`.
        """
        run: WorkflowRunResponse[Any] = await self.client.submit_workflow(inputs=inputs, **options)
        return run

    async def wait(
        self, run_id: str, **options: Unpack[WaitOptions]
    ) -> WorkflowRunResponse[OutputsT]:
        """Wait for a run that was started before, as `AsyncDifyWorkflow.wait_for_run` does.

        Args:
            run_id: Id of the run (UUID).
            options: Those of `AsyncDifyWorkflow.wait_for_run`; the user is `user`.

        Raises:
            DifyError: As for `AsyncDifyWorkflow.wait_for_run`.
        """
        rest: dict[str, Any] = dict(options)
        user = rest.pop("user", None)
        run: WorkflowRunResponse[Any] = await self.client.wait_for_run(run_id, user_id=user, **rest)
        return run

    def _call(
        self, inputs: InputsT | None, named: dict[str, Any]
    ) -> tuple[InputsT, dict[str, Any]]:
        """Inputs and options, for a subclass that takes the inputs by keyword too."""
        return as_call(inputs, named)
