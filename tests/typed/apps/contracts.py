"""The app "Contracts" of Dify, with types.

Written by `dify-workflow types`. If the app has changed, run it again. Do not edit this
file.
DSL 0.1.3, digest 50b321875cc99784
"""

from __future__ import annotations

from pathlib import Path
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
    UploadedFile,
    WorkflowFile,
    WorkflowRunResponse,
    WorkflowStream,
)


class ContractsInputs(TypedDict):
    """Inputs of the app."""

    contract: WorkflowFile | UploadedFile | Path
    """The contract; takes document."""
    annexes: NotRequired[list[WorkflowFile | UploadedFile | Path]]
    """At most 5 files; takes document, image."""


class ContractsOutputs(TypedDict):
    """Outputs of the app."""

    text: str
    texts: list[str]
    images: list[OutputFile]
    first: OutputFile | None
    first_size: int | None
    contract: OutputFile
    name: str
    annexes: list[OutputFile] | None


ContractsRun: TypeAlias = WorkflowRunResponse[ContractsOutputs]
"""A run of the app; read its outputs after `raise_for_status()`."""

ContractsNode: TypeAlias = Literal["start", "read", "read-all", "pick", "end"]
"""Id of a node."""


class ContractsNodes:
    """Ids of the nodes, which events have, by their titles."""

    START: Final = "start"
    """Start (start)."""
    READ_READ: Final = "read"
    """Read (document-extractor)."""
    READ_READ_ALL: Final = "read-all"
    """Read (document-extractor)."""
    PICK: Final = "pick"
    """Pick (list-operator)."""
    END: Final = "end"
    """End (end)."""


class Contracts(TypedApp[ContractsInputs, ContractsOutputs]):
    """The app "Contracts", for sync code."""

    @overload
    def run(
        self,
        inputs: ContractsInputs,
        **options: Unpack[RunOptions],
    ) -> ContractsRun: ...

    @overload
    def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[ContractsInputs],
    ) -> ContractsRun: ...

    def run(self, inputs: ContractsInputs | None = None, **named: Any) -> ContractsRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: ContractsInputs,
        **options: Unpack[StreamOptions],
    ) -> WorkflowStream[ContractsOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[ContractsInputs],
    ) -> WorkflowStream[ContractsOutputs]: ...

    def stream(
        self,
        inputs: ContractsInputs | None = None,
        **named: Any,
    ) -> WorkflowStream[ContractsOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    def submit(
        self,
        inputs: ContractsInputs,
        **options: Unpack[SubmitOptions],
    ) -> ContractsRun: ...

    @overload
    def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[ContractsInputs],
    ) -> ContractsRun: ...

    def submit(
        self,
        inputs: ContractsInputs | None = None,
        **named: Any,
    ) -> ContractsRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return super().submit(values, **options)


class AsyncContracts(AsyncTypedApp[ContractsInputs, ContractsOutputs]):
    """The app "Contracts", for async code."""

    @overload
    async def run(
        self,
        inputs: ContractsInputs,
        **options: Unpack[AsyncRunOptions],
    ) -> ContractsRun: ...

    @overload
    async def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[ContractsInputs],
    ) -> ContractsRun: ...

    async def run(
        self,
        inputs: ContractsInputs | None = None,
        **named: Any,
    ) -> ContractsRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return await super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: ContractsInputs,
        **options: Unpack[StreamOptions],
    ) -> AsyncWorkflowStream[ContractsOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[ContractsInputs],
    ) -> AsyncWorkflowStream[ContractsOutputs]: ...

    def stream(
        self,
        inputs: ContractsInputs | None = None,
        **named: Any,
    ) -> AsyncWorkflowStream[ContractsOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    async def submit(
        self,
        inputs: ContractsInputs,
        **options: Unpack[SubmitOptions],
    ) -> ContractsRun: ...

    @overload
    async def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[ContractsInputs],
    ) -> ContractsRun: ...

    async def submit(
        self,
        inputs: ContractsInputs | None = None,
        **named: Any,
    ) -> ContractsRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return await super().submit(values, **options)
