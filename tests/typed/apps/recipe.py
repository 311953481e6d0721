"""The app "菜谱 recipe" of Dify, with types.

Written by `dify-workflow types`. If the app has changed, run it again. Do not edit this
file.
DSL 0.1.0, digest f39a5c7732864469
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
    RunOptions,
    StreamOptions,
    SubmitOptions,
    TypedApp,
    WorkflowRunResponse,
    WorkflowStream,
)


class RecipeInputs(TypedDict):
    """Inputs of the app."""

    ingredients: str
    """What is in the fridge."""
    cuisine: NotRequired[str]
    """菜系; at most 48 characters."""


class RecipeOutputs(TypedDict):
    """Outputs of the app."""

    recipe: str
    cost: dict[str, Any]
    cuisine: str | None


RecipeRun: TypeAlias = WorkflowRunResponse[RecipeOutputs]
"""A run of the app; read its outputs after `raise_for_status()`."""

RecipeNode: TypeAlias = Literal["1710000000001", "1710000000002", "1710000000003"]
"""Id of a node."""


class RecipeNodes:
    """Ids of the nodes, which events have, by their titles."""

    START_1710000000001: Final = "1710000000001"
    """开始 (start)."""
    LLM: Final = "1710000000002"
    """LLM (llm)."""
    END_1710000000003: Final = "1710000000003"
    """结束 (end)."""


class Recipe(TypedApp[RecipeInputs, RecipeOutputs]):
    """The app "菜谱 recipe", for sync code."""

    @overload
    def run(self, inputs: RecipeInputs, **options: Unpack[RunOptions]) -> RecipeRun: ...

    @overload
    def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[RecipeInputs],
    ) -> RecipeRun: ...

    def run(self, inputs: RecipeInputs | None = None, **named: Any) -> RecipeRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: RecipeInputs,
        **options: Unpack[StreamOptions],
    ) -> WorkflowStream[RecipeOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[RecipeInputs],
    ) -> WorkflowStream[RecipeOutputs]: ...

    def stream(
        self,
        inputs: RecipeInputs | None = None,
        **named: Any,
    ) -> WorkflowStream[RecipeOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    def submit(
        self,
        inputs: RecipeInputs,
        **options: Unpack[SubmitOptions],
    ) -> RecipeRun: ...

    @overload
    def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[RecipeInputs],
    ) -> RecipeRun: ...

    def submit(self, inputs: RecipeInputs | None = None, **named: Any) -> RecipeRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return super().submit(values, **options)


class AsyncRecipe(AsyncTypedApp[RecipeInputs, RecipeOutputs]):
    """The app "菜谱 recipe", for async code."""

    @overload
    async def run(
        self,
        inputs: RecipeInputs,
        **options: Unpack[AsyncRunOptions],
    ) -> RecipeRun: ...

    @overload
    async def run(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[RecipeInputs],
    ) -> RecipeRun: ...

    async def run(self, inputs: RecipeInputs | None = None, **named: Any) -> RecipeRun:
        """Run the app and wait for it; read the outputs after `raise_for_status()`."""
        values, options = self._call(inputs, named)
        return await super().run(values, **options)

    @overload
    def stream(
        self,
        inputs: RecipeInputs,
        **options: Unpack[StreamOptions],
    ) -> AsyncWorkflowStream[RecipeOutputs]: ...

    @overload
    def stream(
        self,
        *,
        user: str | None = None,
        deadline: float | None = None,
        **inputs: Unpack[RecipeInputs],
    ) -> AsyncWorkflowStream[RecipeOutputs]: ...

    def stream(
        self,
        inputs: RecipeInputs | None = None,
        **named: Any,
    ) -> AsyncWorkflowStream[RecipeOutputs]:
        """Run the app and return its events."""
        values, options = self._call(inputs, named)
        return super().stream(values, **options)

    @overload
    async def submit(
        self,
        inputs: RecipeInputs,
        **options: Unpack[SubmitOptions],
    ) -> RecipeRun: ...

    @overload
    async def submit(
        self,
        *,
        user: str | None = None,
        **inputs: Unpack[RecipeInputs],
    ) -> RecipeRun: ...

    async def submit(
        self,
        inputs: RecipeInputs | None = None,
        **named: Any,
    ) -> RecipeRun:
        """Start the app and return as soon as the run's ids are known."""
        values, options = self._call(inputs, named)
        return await super().submit(values, **options)
