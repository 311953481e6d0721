"""The app "Advice" of Dify, with types.

Written by `dify-workflow types`. If the app has changed, run it again. Do not edit this
file.
DSL 0.1.5, digest 299e4d427ca42a06
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


class AdviceInputs(TypedDict):
    """Inputs of the app."""

    question: str
    """At most 200 characters."""


class AdviceOutputsWhole(TypedDict):
    output: str


class AdviceOutputs(TypedDict):
    """Outputs of the app."""

    sources: list[dict[str, Any]]
    answer: str
    same: str
    tokens: dict[str, Any] | None
    whole: AdviceOutputsWhole
    short: str | None


AdviceRun: TypeAlias = WorkflowRunResponse[AdviceOutputs]
"""A run of the app; read its outputs after `raise_for_status()`."""

AdviceNode: TypeAlias = Literal[
    "start",
    "know",
    "enough",
    "short",
    "long",
    "one",
    "both",
    "end",
]
"""Id of a node."""


class AdviceNodes:
    """Ids of the nodes, which events have, by their titles."""

    START: Final = "start"
    """Start (start)."""
    KNOW: Final = "know"
    """Know (knowledge-retrieval)."""
    ENOUGH: Final = "enough"
    """Enough? (if-else)."""
    SHORT: Final = "short"
    """Short (llm)."""
    LONG: Final = "long"
    """Long (llm)."""
    ONE: Final = "one"
    """One (variable-aggregator)."""
    BOTH: Final = "both"
    """Both (variable-aggregator)."""
    END: Final = "end"
    """End (end)."""


class Advice(TypedApp[AdviceInputs, AdviceOutputs]):
    """The app "Advice", for sync code."""

    @overload
    def run(self, inputs: AdviceInputs, **options: Unpack[RunOptions]) -> AdviceRun: ...

    @overload
    def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[AdviceInputs],
    ) -> AdviceRun: ...

    def run(self, inputs: AdviceInputs | None = None, **named: Any) -> AdviceRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: AdviceInputs,
        **options: Unpack[StreamOptions],
    ) -> WorkflowStream[AdviceOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[AdviceInputs],
    ) -> WorkflowStream[AdviceOutputs]: ...

    def stream(
        self,
        inputs: AdviceInputs | None = None,
        **named: Any,
    ) -> WorkflowStream[AdviceOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    def submit(
        self,
        inputs: AdviceInputs,
        **options: Unpack[SubmitOptions],
    ) -> AdviceRun: ...

    @overload
    def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[AdviceInputs],
    ) -> AdviceRun: ...

    def submit(self, inputs: AdviceInputs | None = None, **named: Any) -> AdviceRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return super().submit(values, **options)


class AsyncAdvice(AsyncTypedApp[AdviceInputs, AdviceOutputs]):
    """The app "Advice", for async code."""

    @overload
    async def run(
        self,
        inputs: AdviceInputs,
        **options: Unpack[AsyncRunOptions],
    ) -> AdviceRun: ...

    @overload
    async def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[AdviceInputs],
    ) -> AdviceRun: ...

    async def run(self, inputs: AdviceInputs | None = None, **named: Any) -> AdviceRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return await super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: AdviceInputs,
        **options: Unpack[StreamOptions],
    ) -> AsyncWorkflowStream[AdviceOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[AdviceInputs],
    ) -> AsyncWorkflowStream[AdviceOutputs]: ...

    def stream(
        self,
        inputs: AdviceInputs | None = None,
        **named: Any,
    ) -> AsyncWorkflowStream[AdviceOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    async def submit(
        self,
        inputs: AdviceInputs,
        **options: Unpack[SubmitOptions],
    ) -> AdviceRun: ...

    @overload
    async def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[AdviceInputs],
    ) -> AdviceRun: ...

    async def submit(
        self,
        inputs: AdviceInputs | None = None,
        **named: Any,
    ) -> AdviceRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return await super().submit(values, **options)
