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
    """Options to run an app and wait for its outcome."""

    response_mode: ResponseMode
    """``"streaming"`` (by default) or ``"blocking"``."""
    on_human_input: FormCallback | None
    """A function that is called with each form that the run waits for."""


class TypedApp(Generic[InputsT, OutputsT]):
    """An app with typed inputs and outputs: the base class of what ``dify-workflow types`` writes.

    Args:
        client: The client that runs the app, with the app's API key. The app never closes it.

    Example::

        app = TypedApp(workflow)
        run = app.run({"name": "Ann"}, deadline=60)
        print(run.raise_for_status().outputs)
    """

    def __init__(self, client: DifyWorkflow) -> None:
        self.client = client

    def run(self, inputs: InputsT, **options: Unpack[RunOptions]) -> WorkflowRunResponse[OutputsT]:
        """Run the app and wait for its outcome, as `DifyWorkflow.run_workflow` does.

        Call `raise_for_status` before you read the outputs: a run that failed or is paused has
        none.

        Args:
            inputs: Values of the inputs, by name.
            options: The options of `DifyWorkflow.run_workflow`.

        Returns:
            The run; the type of its outputs is known.

        Raises:
            DifyError: As for `DifyWorkflow.run_workflow`.

        Example::

            app = TypedApp(workflow)
            run = app.run({"name": "Ann"}, deadline=60)
            print(run.raise_for_status().outputs)
        """
        run: WorkflowRunResponse[Any] = self.client.run_workflow(inputs=inputs, **options)
        return run

    def stream(self, inputs: InputsT, **options: Unpack[StreamOptions]) -> WorkflowStream[OutputsT]:
        """Run the app and return its events, as `DifyWorkflow.run_workflow_stream` does.

        Args:
            inputs: Values of the inputs, by name.
            options: The options of `DifyWorkflow.run_workflow_stream`.

        Returns:
            The events to iterate over; the type of the run's outputs is known.

        Raises:
            DifyError: As for `DifyWorkflow.run_workflow_stream`.

        Example::

            app = TypedApp(workflow)
            with app.stream({"name": "Ann"}) as stream:
                for event in stream:
                    print(event.event, event.node_title)
        """
        stream: WorkflowStream[Any] = self.client.run_workflow_stream(inputs=inputs, **options)
        return stream

    def submit(
        self, inputs: InputsT, **options: Unpack[SubmitOptions]
    ) -> WorkflowRunResponse[OutputsT]:
        """Start the app and return the run's ids, as `DifyWorkflow.submit_workflow` does.

        Args:
            inputs: Values of the inputs, by name.
            options: The options of `DifyWorkflow.submit_workflow`.

        Returns:
            The run with its `id` and `task_id`.

        Raises:
            DifyError: As for `DifyWorkflow.submit_workflow`.

        Example::

            submitted = TypedApp(workflow).submit({"name": "Ann"})
            print(submitted.id, submitted.task_id)
        """
        run: WorkflowRunResponse[Any] = self.client.submit_workflow(inputs=inputs, **options)
        return run

    def wait(self, run_id: str, **options: Unpack[WaitOptions]) -> WorkflowRunResponse[OutputsT]:
        """Wait for a run that was started before, as `DifyWorkflow.wait_for_run` does.

        Args:
            run_id: Id of the run (UUID).
            options: The options of `DifyWorkflow.wait_for_run`, with `user` instead of
                `user_id`.

        Returns:
            The run; the type of its outputs is known.

        Raises:
            DifyError: As for `DifyWorkflow.wait_for_run`.

        Example::

            app = TypedApp(workflow)
            submitted = app.submit({"name": "Ann"})
            run = app.wait(submitted.id, deadline=600)
        """
        rest: dict[str, Any] = dict(options)
        user = rest.pop("user", None)
        run: WorkflowRunResponse[Any] = self.client.wait_for_run(run_id, user_id=user, **rest)
        return run

    def _call(
        self, inputs: InputsT | None, named: dict[str, Any]
    ) -> tuple[InputsT, dict[str, Any]]:
        """The inputs and options, for a subclass that also takes inputs as keyword arguments."""
        return as_call(inputs, named)
