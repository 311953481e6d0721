"""The app "Letters" of Dify, with types.

Written by `dify-workflow types`. If the app has changed, run it again. Do not edit this
file.
DSL 0.1.2, digest fb232156068fdba6
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack, final, overload

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


class LettersInputs(TypedDict):
    """Inputs of the app."""

    letter: str
    """The letter; at most 10,000 characters."""


@final
class LettersOutputsOrder(TypedDict):
    """Outputs of a run that ends at "Order"."""

    customer: str
    total: int | float
    express: bool
    payment: str
    parts: list[dict[str, Any]]
    complete: int
    doubt: str | None
    lines: list[str]


@final
class LettersOutputsOther(TypedDict):
    """Outputs of a run that ends at "Other"."""

    kind: str
    cost: dict[str, Any]


LettersOutputs: TypeAlias = LettersOutputsOrder | LettersOutputsOther
"""Outputs of the app; their keys show at which End node the run ended."""

LettersRun: TypeAlias = WorkflowRunResponse[LettersOutputs]
"""A run of the app; read its outputs after `raise_for_status()`."""

LettersNode: TypeAlias = Literal[
    "start",
    "sort",
    "take",
    "each",
    "each-line",
    "order",
    "other",
]
"""Id of a node."""


class LettersNodes:
    """Ids of the nodes, which events have, by their titles."""

    START: Final = "start"
    """Start (start)."""
    SORT: Final = "sort"
    """Sort (question-classifier)."""
    TAKE: Final = "take"
    """Take (parameter-extractor)."""
    EACH_LINE: Final = "each"
    """Each line (iteration)."""
    LLM: Final = "each-line"
    """LLM (llm)."""
    ORDER: Final = "order"
    """Order (end)."""
    OTHER: Final = "other"
    """Other (end)."""


class Letters(TypedApp[LettersInputs, LettersOutputs]):
    """The app "Letters", for sync code."""

    @overload
    def run(
        self,
        inputs: LettersInputs,
        **options: Unpack[RunOptions],
    ) -> LettersRun: ...

    @overload
    def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[LettersInputs],
    ) -> LettersRun: ...

    def run(self, inputs: LettersInputs | None = None, **named: Any) -> LettersRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: LettersInputs,
        **options: Unpack[StreamOptions],
    ) -> WorkflowStream[LettersOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[LettersInputs],
    ) -> WorkflowStream[LettersOutputs]: ...

    def stream(
        self,
        inputs: LettersInputs | None = None,
        **named: Any,
    ) -> WorkflowStream[LettersOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    def submit(
        self,
        inputs: LettersInputs,
        **options: Unpack[SubmitOptions],
    ) -> LettersRun: ...

    @overload
    def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[LettersInputs],
    ) -> LettersRun: ...

    def submit(self, inputs: LettersInputs | None = None, **named: Any) -> LettersRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return super().submit(values, **options)


class AsyncLetters(AsyncTypedApp[LettersInputs, LettersOutputs]):
    """The app "Letters", for async code."""

    @overload
    async def run(
        self,
        inputs: LettersInputs,
        **options: Unpack[AsyncRunOptions],
    ) -> LettersRun: ...

    @overload
    async def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[LettersInputs],
    ) -> LettersRun: ...

    async def run(
        self,
        inputs: LettersInputs | None = None,
        **named: Any,
    ) -> LettersRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return await super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: LettersInputs,
        **options: Unpack[StreamOptions],
    ) -> AsyncWorkflowStream[LettersOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[LettersInputs],
    ) -> AsyncWorkflowStream[LettersOutputs]: ...

    def stream(
        self,
        inputs: LettersInputs | None = None,
        **named: Any,
    ) -> AsyncWorkflowStream[LettersOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    async def submit(
        self,
        inputs: LettersInputs,
        **options: Unpack[SubmitOptions],
    ) -> LettersRun: ...

    @overload
    async def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[LettersInputs],
    ) -> LettersRun: ...

    async def submit(
        self,
        inputs: LettersInputs | None = None,
        **named: Any,
    ) -> LettersRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return await super().submit(values, **options)
