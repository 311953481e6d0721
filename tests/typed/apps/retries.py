"""The app "Retries" of Dify, with types.

Written by `dify-workflow types`. If the app has changed, run it again. Do not edit this
file.
DSL 0.2.0, digest be0e8d080194f366
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack, overload

from dify_workflow import (
    AsyncRunOptions,
    AsyncTypedApp,
    AsyncWorkflowStream,
    RunOptions,
    StreamOptions,
    SubmitOptions,
    TypedApp,
    WorkflowRunResponse,
    WorkflowStream,
)


class RetriesInputs(TypedDict):
    """Inputs of the app."""

    most: int | float
    """At most."""


class RetriesOutputs(TypedDict):
    """Outputs of the app."""

    rounds: int
    left: int | float
    seen: list[str]
    last: dict[str, Any]
    pages: list[str | None]


RetriesRun: TypeAlias = WorkflowRunResponse[RetriesOutputs]
"""A run of the app; read its outputs after `raise_for_status()`."""

RetriesNode: TypeAlias = Literal["start", "again", "pages", "page", "end"]
"""Id of a node."""


class RetriesNodes:
    """Ids of the nodes, which events have, by their titles."""

    START: Final = "start"
    """Start (start)."""
    AGAIN: Final = "again"
    """Again (loop)."""
    PAGES: Final = "pages"
    """Pages (iteration)."""
    PAGE: Final = "page"
    """Page (http-request)."""
    END: Final = "end"
    """End (end)."""


class Retries(TypedApp[RetriesInputs, RetriesOutputs]):
    """The app "Retries", for sync code."""

    @overload
    def run(
        self,
        inputs: RetriesInputs,
        **options: Unpack[RunOptions],
    ) -> RetriesRun: ...

    @overload
    def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[RetriesInputs],
    ) -> RetriesRun: ...

    def run(self, inputs: RetriesInputs | None = None, **named: Any) -> RetriesRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: RetriesInputs,
        **options: Unpack[StreamOptions],
    ) -> WorkflowStream[RetriesOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[RetriesInputs],
    ) -> WorkflowStream[RetriesOutputs]: ...

    def stream(
        self,
        inputs: RetriesInputs | None = None,
        **named: Any,
    ) -> WorkflowStream[RetriesOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    def submit(
        self,
        inputs: RetriesInputs,
        **options: Unpack[SubmitOptions],
    ) -> RetriesRun: ...

    @overload
    def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[RetriesInputs],
    ) -> RetriesRun: ...

    def submit(self, inputs: RetriesInputs | None = None, **named: Any) -> RetriesRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return super().submit(values, **options)


class AsyncRetries(AsyncTypedApp[RetriesInputs, RetriesOutputs]):
    """The app "Retries", for async code."""

    @overload
    async def run(
        self,
        inputs: RetriesInputs,
        **options: Unpack[AsyncRunOptions],
    ) -> RetriesRun: ...

    @overload
    async def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[RetriesInputs],
    ) -> RetriesRun: ...

    async def run(
        self,
        inputs: RetriesInputs | None = None,
        **named: Any,
    ) -> RetriesRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return await super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: RetriesInputs,
        **options: Unpack[StreamOptions],
    ) -> AsyncWorkflowStream[RetriesOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[RetriesInputs],
    ) -> AsyncWorkflowStream[RetriesOutputs]: ...

    def stream(
        self,
        inputs: RetriesInputs | None = None,
        **named: Any,
    ) -> AsyncWorkflowStream[RetriesOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    async def submit(
        self,
        inputs: RetriesInputs,
        **options: Unpack[SubmitOptions],
    ) -> RetriesRun: ...

    @overload
    async def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[RetriesInputs],
    ) -> RetriesRun: ...

    async def submit(
        self,
        inputs: RetriesInputs | None = None,
        **named: Any,
    ) -> RetriesRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return await super().submit(values, **options)
