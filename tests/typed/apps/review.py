"""The app "Review" of Dify, with types.

Written by `dify-workflow types`. If the app has changed, run it again. Do not edit this
file.
DSL 0.3.0, digest 01680ed06ed4c196
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


class ReviewInputs(TypedDict):
    """Inputs of the app."""

    text: str


class ReviewOutputsReviewPoints(TypedDict):
    line: int
    note: NotRequired[str]


class ReviewOutputsReviewAuthor(TypedDict):
    name: str
    age: int | None


class ReviewOutputsReview(TypedDict):
    verdict: Literal["good", "bad"]
    """What came of it"""
    points: list[ReviewOutputsReviewPoints]
    author: ReviewOutputsReviewAuthor
    score: NotRequired[int | float]
    open: NotRequired[str | bool]
    rest: NotRequired[dict[str, Any]]


class ReviewOutputs(TypedDict):
    """Outputs of the app."""

    review: ReviewOutputsReview
    verdict: Literal["good", "bad"]
    author_name: str
    score: int | float | None
    thoughts: str
    ended: str | None
    pictures: list[OutputFile] | None
    text: str
    # Any: the node does not say what the list has.
    notes: list[Any]
    # Any: a plugin gives it, and the export does not say what.
    plan: Any


ReviewRun: TypeAlias = WorkflowRunResponse[ReviewOutputs]
"""A run of the app; read its outputs after `raise_for_status()`."""

ReviewNode: TypeAlias = Literal["start", "judge", "agent", "end"]
"""Id of a node."""


class ReviewNodes:
    """Ids of the nodes, which events have, by their titles."""

    START: Final = "start"
    """Start (start)."""
    JUDGE: Final = "judge"
    """Judge (llm)."""
    AGENT: Final = "agent"
    """Agent (agent)."""
    END: Final = "end"
    """End (end)."""


class Review(TypedApp[ReviewInputs, ReviewOutputs]):
    """The app "Review", for sync code."""

    @overload
    def run(self, inputs: ReviewInputs, **options: Unpack[RunOptions]) -> ReviewRun: ...

    @overload
    def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[ReviewInputs],
    ) -> ReviewRun: ...

    def run(self, inputs: ReviewInputs | None = None, **named: Any) -> ReviewRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: ReviewInputs,
        **options: Unpack[StreamOptions],
    ) -> WorkflowStream[ReviewOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[ReviewInputs],
    ) -> WorkflowStream[ReviewOutputs]: ...

    def stream(
        self,
        inputs: ReviewInputs | None = None,
        **named: Any,
    ) -> WorkflowStream[ReviewOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    def submit(
        self,
        inputs: ReviewInputs,
        **options: Unpack[SubmitOptions],
    ) -> ReviewRun: ...

    @overload
    def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[ReviewInputs],
    ) -> ReviewRun: ...

    def submit(self, inputs: ReviewInputs | None = None, **named: Any) -> ReviewRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return super().submit(values, **options)


class AsyncReview(AsyncTypedApp[ReviewInputs, ReviewOutputs]):
    """The app "Review", for async code."""

    @overload
    async def run(
        self,
        inputs: ReviewInputs,
        **options: Unpack[AsyncRunOptions],
    ) -> ReviewRun: ...

    @overload
    async def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[ReviewInputs],
    ) -> ReviewRun: ...

    async def run(self, inputs: ReviewInputs | None = None, **named: Any) -> ReviewRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return await super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: ReviewInputs,
        **options: Unpack[StreamOptions],
    ) -> AsyncWorkflowStream[ReviewOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[ReviewInputs],
    ) -> AsyncWorkflowStream[ReviewOutputs]: ...

    def stream(
        self,
        inputs: ReviewInputs | None = None,
        **named: Any,
    ) -> AsyncWorkflowStream[ReviewOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    async def submit(
        self,
        inputs: ReviewInputs,
        **options: Unpack[SubmitOptions],
    ) -> ReviewRun: ...

    @overload
    async def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[ReviewInputs],
    ) -> ReviewRun: ...

    async def submit(
        self,
        inputs: ReviewInputs | None = None,
        **named: Any,
    ) -> ReviewRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return await super().submit(values, **options)
