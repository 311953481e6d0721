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
    """Options to run an app and wait for its outcome."""

    response_mode: ResponseMode
    """``"streaming"`` (by default) or ``"blocking"``."""
    on_human_input: AsyncFormCallback | None
    """A function that is called with each form that the run waits for."""


class AsyncTypedApp(Generic[InputsT, OutputsT]):
    """An app with typed inputs and outputs: the base class of what ``dify-workflow types`` writes.

    Args:
        client: The client that runs the app, with the app's API key. The app never closes it.

    Example::

        app = AsyncTypedApp(workflow)
        run = await app.run({"name": "Ann"}, deadline=60)
        print(run.raise_for_status().outputs)
    """

    def __init__(self, client: AsyncDifyWorkflow) -> None:
        self.client = client

    async def run(
        self, inputs: InputsT, **options: Unpack[AsyncRunOptions]
    ) -> WorkflowRunResponse[OutputsT]:
        """Run the app and wait for its outcome, as `AsyncDifyWorkflow.run_workflow` does.

        Call `raise_for_status` before you read the outputs: a run that failed or is paused has
        none.

        Args:
            inputs: Values of the inputs, by name.
            options: The options of `AsyncDifyWorkflow.run_workflow`.

        Returns:
            The run; the type of its outputs is known.

        Raises:
            DifyError: As for `AsyncDifyWorkflow.run_workflow`.

        Example::

            app = AsyncTypedApp(workflow)
            run = await app.run({"name": "Ann"}, deadline=60)
            print(run.raise_for_status().outputs)
        """
        run: WorkflowRunResponse[Any] = await self.client.run_workflow(inputs=inputs, **options)
        return run

    def stream(
        self, inputs: InputsT, **options: Unpack[StreamOptions]
    ) -> AsyncWorkflowStream[OutputsT]:
        """Run the app and return its events, as `AsyncDifyWorkflow.run_workflow_stream` does.

        Args:
            inputs: Values of the inputs, by name.
            options: The options of `AsyncDifyWorkflow.run_workflow_stream`.

        Returns:
            The events to iterate over; the type of the run's outputs is known.

        Raises:
            DifyError: As for `AsyncDifyWorkflow.run_workflow_stream`.

        Example::

            app = AsyncTypedApp(workflow)
            async with app.stream({"name": "Ann"}) as stream:
                async for event in stream:
                    print(event.event, event.node_title)
        """
        stream: AsyncWorkflowStream[Any] = self.client.run_workflow_stream(inputs=inputs, **options)
        return stream

    async def submit(
        self, inputs: InputsT, **options: Unpack[SubmitOptions]
    ) -> WorkflowRunResponse[OutputsT]:
        """Start the app and return the run's ids, as `AsyncDifyWorkflow.submit_workflow` does.

        Args:
            inputs: Values of the inputs, by name.
            options: The options of `AsyncDifyWorkflow.submit_workflow`.

        Returns:
            The run with its `id` and `task_id`.

        Raises:
            DifyError: As for `AsyncDifyWorkflow.submit_workflow`.

        Example::

            submitted = await AsyncTypedApp(workflow).submit({"name": "Ann"})
            print(submitted.id, submitted.task_id)
        """
        run: WorkflowRunResponse[Any] = await self.client.submit_workflow(inputs=inputs, **options)
        return run

    async def wait(
        self, run_id: str, **options: Unpack[WaitOptions]
    ) -> WorkflowRunResponse[OutputsT]:
        """Wait for a run that was started before, as `AsyncDifyWorkflow.wait_for_run` does.

        Args:
            run_id: Id of the run (UUID).
            options: The options of `AsyncDifyWorkflow.wait_for_run`, with `user` instead of
                `user_id`.

        Returns:
            The run; the type of its outputs is known.

        Raises:
            DifyError: As for `AsyncDifyWorkflow.wait_for_run`.

        Example::

            app = AsyncTypedApp(workflow)
            submitted = await app.submit({"name": "Ann"})
            run = await app.wait(submitted.id, deadline=600)
        """
        rest: dict[str, Any] = dict(options)
        user = rest.pop("user", None)
        run: WorkflowRunResponse[Any] = await self.client.wait_for_run(run_id, user_id=user, **rest)
        return run

    def _call(
        self, inputs: InputsT | None, named: dict[str, Any]
    ) -> tuple[InputsT, dict[str, Any]]:
        """The inputs and options, for a subclass that also takes inputs as keyword arguments."""
        return as_call(inputs, named)
