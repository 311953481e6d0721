"""The app "Matrix" of Dify, with types.

Written by `dify-workflow types`. If the app has changed, run it again. Do not edit this
file.
DSL 0.3.1, digest b7d8ac4f0d71ab55
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


class MatrixInputs(TypedDict):
    """The app has no inputs."""


class MatrixOutputs(TypedDict):
    """Outputs of the app."""

    rows: list[list[int | float]]
    flat: list[int | float]
    some: list[str | None]


MatrixRun: TypeAlias = WorkflowRunResponse[MatrixOutputs]
"""A run of the app; read its outputs after `raise_for_status()`."""

MatrixNode: TypeAlias = Literal[
    "start",
    "rows",
    "row",
    "flat",
    "cell",
    "some",
    "if",
    "word",
    "end",
]
"""Id of a node."""


class MatrixNodes:
    """Ids of the nodes, which events have, by their titles."""

    START: Final = "start"
    """Start (start)."""
    ROWS: Final = "rows"
    """Rows (iteration)."""
    ROW: Final = "row"
    """Row (code)."""
    FLAT: Final = "flat"
    """Flat (iteration)."""
    CELL: Final = "cell"
    """Cell (code)."""
    SOME: Final = "some"
    """Some (iteration)."""
    IF: Final = "if"
    """If (if-else)."""
    WORD: Final = "word"
    """Word (template-transform)."""
    END: Final = "end"
    """End (end)."""


class Matrix(TypedApp[MatrixInputs, MatrixOutputs]):
    """The app "Matrix", for sync code."""

    @overload
    def run(self, inputs: MatrixInputs, **options: Unpack[RunOptions]) -> MatrixRun: ...

    @overload
    def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[MatrixInputs],
    ) -> MatrixRun: ...

    def run(self, inputs: MatrixInputs | None = None, **named: Any) -> MatrixRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: MatrixInputs,
        **options: Unpack[StreamOptions],
    ) -> WorkflowStream[MatrixOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[MatrixInputs],
    ) -> WorkflowStream[MatrixOutputs]: ...

    def stream(
        self,
        inputs: MatrixInputs | None = None,
        **named: Any,
    ) -> WorkflowStream[MatrixOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    def submit(
        self,
        inputs: MatrixInputs,
        **options: Unpack[SubmitOptions],
    ) -> MatrixRun: ...

    @overload
    def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[MatrixInputs],
    ) -> MatrixRun: ...

    def submit(self, inputs: MatrixInputs | None = None, **named: Any) -> MatrixRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return super().submit(values, **options)


class AsyncMatrix(AsyncTypedApp[MatrixInputs, MatrixOutputs]):
    """The app "Matrix", for async code."""

    @overload
    async def run(
        self,
        inputs: MatrixInputs,
        **options: Unpack[AsyncRunOptions],
    ) -> MatrixRun: ...

    @overload
    async def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[MatrixInputs],
    ) -> MatrixRun: ...

    async def run(self, inputs: MatrixInputs | None = None, **named: Any) -> MatrixRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return await super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: MatrixInputs,
        **options: Unpack[StreamOptions],
    ) -> AsyncWorkflowStream[MatrixOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[MatrixInputs],
    ) -> AsyncWorkflowStream[MatrixOutputs]: ...

    def stream(
        self,
        inputs: MatrixInputs | None = None,
        **named: Any,
    ) -> AsyncWorkflowStream[MatrixOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    async def submit(
        self,
        inputs: MatrixInputs,
        **options: Unpack[SubmitOptions],
    ) -> MatrixRun: ...

    @overload
    async def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[MatrixInputs],
    ) -> MatrixRun: ...

    async def submit(
        self,
        inputs: MatrixInputs | None = None,
        **named: Any,
    ) -> MatrixRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return await super().submit(values, **options)
