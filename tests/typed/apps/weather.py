"""The app "Weather" of Dify, with types.

Written by `dify-workflow types`. If the app has changed, run it again. Do not edit this
file.
DSL 0.1.1, digest 04648b10a1589660
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack, overload

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


class WeatherInputs(TypedDict):
    """Inputs of the app."""

    city: str
    """At most 30 characters."""


class WeatherOutputs(TypedDict):
    """Outputs of the app."""

    body: str
    status: int
    headers: dict[str, Any]
    pictures: list[OutputFile]
    days: list[str]
    degrees: list[int | float]
    warnings: list[dict[str, Any]]
    wet: list[bool]
    wind: int | float
    station: dict[str, Any]
    # Any: it is part of a value whose parts are not in the export.
    place: Any
    stormy: bool
    summary: str
    text: str


WeatherRun: TypeAlias = WorkflowRunResponse[WeatherOutputs]
"""A run of the app; read its outputs after `raise_for_status()`."""

WeatherNode: TypeAlias = Literal["begin", "ask", "read", "say", "finish"]
"""Id of a node."""


class WeatherNodes:
    """Ids of the nodes, which events have, by their titles."""

    START: Final = "begin"
    """Start (start)."""
    ASK: Final = "ask"
    """Ask (http-request)."""
    READ: Final = "read"
    """Read (code)."""
    SAY: Final = "say"
    """Say (template-transform)."""
    END: Final = "finish"
    """End (end)."""


class Weather(TypedApp[WeatherInputs, WeatherOutputs]):
    """The app "Weather", for sync code."""

    @overload
    def run(
        self,
        inputs: WeatherInputs,
        **options: Unpack[RunOptions],
    ) -> WeatherRun: ...

    @overload
    def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[WeatherInputs],
    ) -> WeatherRun: ...

    def run(self, inputs: WeatherInputs | None = None, **named: Any) -> WeatherRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: WeatherInputs,
        **options: Unpack[StreamOptions],
    ) -> WorkflowStream[WeatherOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[WeatherInputs],
    ) -> WorkflowStream[WeatherOutputs]: ...

    def stream(
        self,
        inputs: WeatherInputs | None = None,
        **named: Any,
    ) -> WorkflowStream[WeatherOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    def submit(
        self,
        inputs: WeatherInputs,
        **options: Unpack[SubmitOptions],
    ) -> WeatherRun: ...

    @overload
    def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[WeatherInputs],
    ) -> WeatherRun: ...

    def submit(self, inputs: WeatherInputs | None = None, **named: Any) -> WeatherRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return super().submit(values, **options)


class AsyncWeather(AsyncTypedApp[WeatherInputs, WeatherOutputs]):
    """The app "Weather", for async code."""

    @overload
    async def run(
        self,
        inputs: WeatherInputs,
        **options: Unpack[AsyncRunOptions],
    ) -> WeatherRun: ...

    @overload
    async def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[WeatherInputs],
    ) -> WeatherRun: ...

    async def run(
        self,
        inputs: WeatherInputs | None = None,
        **named: Any,
    ) -> WeatherRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return await super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: WeatherInputs,
        **options: Unpack[StreamOptions],
    ) -> AsyncWorkflowStream[WeatherOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[WeatherInputs],
    ) -> AsyncWorkflowStream[WeatherOutputs]: ...

    def stream(
        self,
        inputs: WeatherInputs | None = None,
        **named: Any,
    ) -> AsyncWorkflowStream[WeatherOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    async def submit(
        self,
        inputs: WeatherInputs,
        **options: Unpack[SubmitOptions],
    ) -> WeatherRun: ...

    @overload
    async def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[WeatherInputs],
    ) -> WeatherRun: ...

    async def submit(
        self,
        inputs: WeatherInputs | None = None,
        **named: Any,
    ) -> WeatherRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return await super().submit(values, **options)
