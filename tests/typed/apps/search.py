"""The app "Search" of Dify, with types.

Written by `dify-workflow types`. If the app has changed, run it again. Do not edit this
file.
DSL 0.1.4, digest b3e6a8144f311afc
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack, final, overload

from dify_workflow import (
    AsyncRunOptions,
    AsyncTypedApp,
    AsyncWorkflowStream,
    OutputFile,
    RunOptions,
    StreamOptions,
    SubmitOptions,
    TypedApp,
    WorkflowRunResponse,
    WorkflowStream,
)


class SearchInputs(TypedDict):
    """Inputs of the app."""

    query: str
    """At most 256 characters."""


@final
class SearchOutputsFound(TypedDict):
    """Outputs of a run that ends at "End"."""

    text: str
    # Any: the node does not say what the list has.
    results: list[Any]
    files: list[OutputFile]
    # Any: a plugin gives it, and the export does not say what.
    rank: Any
    hits: int | float
    best: str | None
    trouble: str | None
    # Any: no value is chosen for it.
    nothing: Any
    # Any: the node that produces it is not in the export.
    gone: Any


@final
class SearchOutputsBroken(TypedDict):
    """Outputs of a run that ends at "End"."""

    why: str
    kind: str


SearchOutputs: TypeAlias = SearchOutputsFound | SearchOutputsBroken
"""Outputs of the app; their keys show at which End node the run ended."""

SearchRun: TypeAlias = WorkflowRunResponse[SearchOutputs]
"""A run of the app; read its outputs after `raise_for_status()`."""

SearchNode: TypeAlias = Literal["start", "look", "count", "found", "broken"]
"""Id of a node."""


class SearchNodes:
    """Ids of the nodes, which events have, by their titles."""

    START: Final = "start"
    """Start (start)."""
    LOOK: Final = "look"
    """Look (tool)."""
    COUNT: Final = "count"
    """Count (code)."""
    END_FOUND: Final = "found"
    """End (end)."""
    END_BROKEN: Final = "broken"
    """End (end)."""


class Search(TypedApp[SearchInputs, SearchOutputs]):
    """The app "Search", for sync code."""

    @overload
    def run(self, inputs: SearchInputs, **options: Unpack[RunOptions]) -> SearchRun: ...

    @overload
    def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[SearchInputs],
    ) -> SearchRun: ...

    def run(self, inputs: SearchInputs | None = None, **named: Any) -> SearchRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: SearchInputs,
        **options: Unpack[StreamOptions],
    ) -> WorkflowStream[SearchOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[SearchInputs],
    ) -> WorkflowStream[SearchOutputs]: ...

    def stream(
        self,
        inputs: SearchInputs | None = None,
        **named: Any,
    ) -> WorkflowStream[SearchOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    def submit(
        self,
        inputs: SearchInputs,
        **options: Unpack[SubmitOptions],
    ) -> SearchRun: ...

    @overload
    def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[SearchInputs],
    ) -> SearchRun: ...

    def submit(self, inputs: SearchInputs | None = None, **named: Any) -> SearchRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return super().submit(values, **options)


class AsyncSearch(AsyncTypedApp[SearchInputs, SearchOutputs]):
    """The app "Search", for async code."""

    @overload
    async def run(
        self,
        inputs: SearchInputs,
        **options: Unpack[AsyncRunOptions],
    ) -> SearchRun: ...

    @overload
    async def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[SearchInputs],
    ) -> SearchRun: ...

    async def run(self, inputs: SearchInputs | None = None, **named: Any) -> SearchRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return await super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: SearchInputs,
        **options: Unpack[StreamOptions],
    ) -> AsyncWorkflowStream[SearchOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[SearchInputs],
    ) -> AsyncWorkflowStream[SearchOutputs]: ...

    def stream(
        self,
        inputs: SearchInputs | None = None,
        **named: Any,
    ) -> AsyncWorkflowStream[SearchOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    async def submit(
        self,
        inputs: SearchInputs,
        **options: Unpack[SubmitOptions],
    ) -> SearchRun: ...

    @overload
    async def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[SearchInputs],
    ) -> SearchRun: ...

    async def submit(
        self,
        inputs: SearchInputs | None = None,
        **named: Any,
    ) -> SearchRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return await super().submit(values, **options)
