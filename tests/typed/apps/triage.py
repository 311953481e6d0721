"""The app "Triage" of Dify, with types.

Written by `dify-workflow types`. If the app has changed, run it again. Do not edit this
file.
DSL 0.7.0, digest d6a85c4cb4460f63
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


class TriageInputs(TypedDict):
    """Inputs of the app."""

    ticket: str
    queue: NotRequired[str]
    """At most 20 characters; by default "main"; hidden from people."""
    # Any: the app declares an input of a kind that is not known here.
    place: NotRequired[Any]


class TriageOutputsCases(TypedDict):
    id: int | float
    note: NotRequired[str]


class TriageOutputs(TypedDict):
    """Outputs of the app."""

    severity: str
    steps: list[str]
    cases: list[TriageOutputsCases]
    report: OutputFile
    certain: bool
    facts: dict[str, Any]
    text: str
    data: dict[str, Any]
    attachments: list[OutputFile]
    # Any: a node gives it whose outputs are not known here.
    thought: Any


TriageRun: TypeAlias = WorkflowRunResponse[TriageOutputs]
"""A run of the app; read its outputs after `raise_for_status()`."""

TriageNode: TypeAlias = Literal["start", "decide", "plain", "tomorrow", "end"]
"""Id of a node."""


class TriageNodes:
    """Ids of the nodes, which events have, by their titles."""

    START: Final = "start"
    """Start (start)."""
    DECIDE: Final = "decide"
    """Decide (agent)."""
    PLAIN: Final = "plain"
    """Plain (agent-v2)."""
    TOMORROW: Final = "tomorrow"
    """Tomorrow (telepathy)."""
    END: Final = "end"
    """End (end)."""


class Triage(TypedApp[TriageInputs, TriageOutputs]):
    """The app "Triage", for sync code."""

    @overload
    def run(self, inputs: TriageInputs, **options: Unpack[RunOptions]) -> TriageRun: ...

    @overload
    def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[TriageInputs],
    ) -> TriageRun: ...

    def run(self, inputs: TriageInputs | None = None, **named: Any) -> TriageRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: TriageInputs,
        **options: Unpack[StreamOptions],
    ) -> WorkflowStream[TriageOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[TriageInputs],
    ) -> WorkflowStream[TriageOutputs]: ...

    def stream(
        self,
        inputs: TriageInputs | None = None,
        **named: Any,
    ) -> WorkflowStream[TriageOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    def submit(
        self,
        inputs: TriageInputs,
        **options: Unpack[SubmitOptions],
    ) -> TriageRun: ...

    @overload
    def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[TriageInputs],
    ) -> TriageRun: ...

    def submit(self, inputs: TriageInputs | None = None, **named: Any) -> TriageRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return super().submit(values, **options)


class AsyncTriage(AsyncTypedApp[TriageInputs, TriageOutputs]):
    """The app "Triage", for async code."""

    @overload
    async def run(
        self,
        inputs: TriageInputs,
        **options: Unpack[AsyncRunOptions],
    ) -> TriageRun: ...

    @overload
    async def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[TriageInputs],
    ) -> TriageRun: ...

    async def run(self, inputs: TriageInputs | None = None, **named: Any) -> TriageRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return await super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: TriageInputs,
        **options: Unpack[StreamOptions],
    ) -> AsyncWorkflowStream[TriageOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[TriageInputs],
    ) -> AsyncWorkflowStream[TriageOutputs]: ...

    def stream(
        self,
        inputs: TriageInputs | None = None,
        **named: Any,
    ) -> AsyncWorkflowStream[TriageOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    async def submit(
        self,
        inputs: TriageInputs,
        **options: Unpack[SubmitOptions],
    ) -> TriageRun: ...

    @overload
    async def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[TriageInputs],
    ) -> TriageRun: ...

    async def submit(
        self,
        inputs: TriageInputs | None = None,
        **named: Any,
    ) -> TriageRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return await super().submit(values, **options)
