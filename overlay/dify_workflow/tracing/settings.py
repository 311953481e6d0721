"""What OpenTelemetry is told."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import attrs

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider


@attrs.frozen(eq=False, kw_only=True)
class Tracing:
    """What OpenTelemetry is told of runs.

    A pickled one, as clients of batches on a cluster have it, leaves its providers behind: where it
    arrives, the global ones count.

    Args:
        content: Whether spans show inputs, outputs and error texts, which may quote them; as JSON.
        nodes: Whether each node that ran has a span of its own.
        name: Name of the workflow, for spans and metrics: servers do not tell it to clients.
        tracer_provider: Where spans go; by default the global provider.
        meter_provider: Where metrics go; by default the global provider.

    Raises:
        ConfigurationError: The name cannot be one.
    """

    content: bool = False
    nodes: bool = True
    name: str | None = None
    tracer_provider: TracerProvider | None = attrs.field(default=None, repr=False)
    meter_provider: MeterProvider | None = attrs.field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.name is not None and not (isinstance(self.name, str) and self.name.strip()):
            raise ConfigurationError(
                f"The name for traces must be a string that is not empty, not {self.name!r}."
            )

    def __getstate__(self) -> dict[str, object]:
        return {"content": self.content, "nodes": self.nodes, "name": self.name}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__init__(**state)  # type: ignore[misc]  # how a frozen class is filled


_DEFAULT = Tracing()
"""What ``tracing=True`` stands for."""


def checked(tracing: bool | Tracing) -> Tracing:
    """What is to be told.

    Args:
        tracing: The option of a client, which is not False.

    Raises:
        ConfigurationError: It is neither True nor a `Tracing`, or OpenTelemetry is not installed.
    """
    if tracing is not True and not isinstance(tracing, Tracing):
        raise ConfigurationError(
            "tracing must be True, False or a dify_workflow.tracing.Tracing, not "
            f"{type(tracing).__name__}."
        )
    try:
        import_module(".observer", __package__)
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        raise ConfigurationError(
            "tracing needs OpenTelemetry: pip install 'dify-workflow[otel]'"
        ) from error
    return _DEFAULT if tracing is True else tracing
