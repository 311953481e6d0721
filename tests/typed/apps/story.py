"""The app "Story" of Dify, with types.

Written by `dify-workflow types`. If the app has changed, run it again. Do not edit this
file.
DSL 0.6.0, digest 8cefbd31146fbecd
"""

from __future__ import annotations

from typing import (
    Any,
    Final,
    Literal,
    NotRequired,
    TypeAlias,
    TypedDict,
    Unpack,
    final,
    overload,
)

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


class StoryInputs(TypedDict):
    """Inputs of the app."""

    topic: str
    """What it is about; at most 80 characters."""
    style: NotRequired[Literal["plain", "loud"]]
    """By default "plain"."""


@final
class StoryOutputsDropped(TypedDict):
    """Outputs of a run that ends at "Dropped"."""

    draft: str
    note: str | None


@final
class StoryOutputsPublished(TypedDict):
    """Outputs of a run that ends at "Published"."""

    text: str
    words: int | float
    note: str
    action: str
    cover: OutputFile
    pictures: list[OutputFile]


StoryOutputs: TypeAlias = StoryOutputsDropped | StoryOutputsPublished
"""Outputs of the app; their keys show at which End node the run ended."""

StoryRun: TypeAlias = WorkflowRunResponse[StoryOutputs]
"""A run of the app; read its outputs after `raise_for_status()`."""

StoryNode: TypeAlias = Literal[
    "1760000000001",
    "1760000000002",
    "1760000000003",
    "1760000000004",
    "1760000000005",
    "1760000000006",
]
"""Id of a node."""


class StoryNodes:
    """Ids of the nodes, which events have, by their titles."""

    START: Final = "1760000000001"
    """Start (start)."""
    WRITE: Final = "1760000000002"
    """Write (llm)."""
    GOOD_ENOUGH: Final = "1760000000003"
    """Good enough? (human-input)."""
    COUNT_WORDS: Final = "1760000000004"
    """Count words (code)."""
    DROPPED: Final = "1760000000005"
    """Dropped (end)."""
    PUBLISHED: Final = "1760000000006"
    """Published (end)."""


class Story(TypedApp[StoryInputs, StoryOutputs]):
    """The app "Story", for sync code."""

    @overload
    def run(self, inputs: StoryInputs, **options: Unpack[RunOptions]) -> StoryRun: ...

    @overload
    def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[StoryInputs],
    ) -> StoryRun: ...

    def run(self, inputs: StoryInputs | None = None, **named: Any) -> StoryRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: StoryInputs,
        **options: Unpack[StreamOptions],
    ) -> WorkflowStream[StoryOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[StoryInputs],
    ) -> WorkflowStream[StoryOutputs]: ...

    def stream(
        self,
        inputs: StoryInputs | None = None,
        **named: Any,
    ) -> WorkflowStream[StoryOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    def submit(
        self,
        inputs: StoryInputs,
        **options: Unpack[SubmitOptions],
    ) -> StoryRun: ...

    @overload
    def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[StoryInputs],
    ) -> StoryRun: ...

    def submit(self, inputs: StoryInputs | None = None, **named: Any) -> StoryRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return super().submit(values, **options)


class AsyncStory(AsyncTypedApp[StoryInputs, StoryOutputs]):
    """The app "Story", for async code."""

    @overload
    async def run(
        self,
        inputs: StoryInputs,
        **options: Unpack[AsyncRunOptions],
    ) -> StoryRun: ...

    @overload
    async def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[StoryInputs],
    ) -> StoryRun: ...

    async def run(self, inputs: StoryInputs | None = None, **named: Any) -> StoryRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return await super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: StoryInputs,
        **options: Unpack[StreamOptions],
    ) -> AsyncWorkflowStream[StoryOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[StoryInputs],
    ) -> AsyncWorkflowStream[StoryOutputs]: ...

    def stream(
        self,
        inputs: StoryInputs | None = None,
        **named: Any,
    ) -> AsyncWorkflowStream[StoryOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    async def submit(
        self,
        inputs: StoryInputs,
        **options: Unpack[SubmitOptions],
    ) -> StoryRun: ...

    @overload
    async def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[StoryInputs],
    ) -> StoryRun: ...

    async def submit(self, inputs: StoryInputs | None = None, **named: Any) -> StoryRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return await super().submit(values, **options)
