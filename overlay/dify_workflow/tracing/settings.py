"""What is reported to OpenTelemetry."""

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
    """What is reported to OpenTelemetry about runs.

    A pickle leaves out the providers, for example when a batch sends its client to a cluster. The
    process that loads the pickle uses its global providers.

    Args:
        content: Whether spans have inputs and outputs as JSON, and error texts, which may quote
            them.
        nodes: Whether each node that ran has a span of its own.
        name: Name of the workflow in spans and metrics; servers do not send it to clients.
        tracer_provider: Receives the spans; by default the global provider.
        meter_provider: Receives the metrics; by default the global provider.

    Raises:
        ConfigurationError: The name is empty or not a string.

    Example::

        tracing = Tracing(content=True, name="story")
        client = DifyWorkflow("app-echo", tracing=tracing)
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
        self.__init__(**state)  # type: ignore[misc]  # a frozen class has no other way


_DEFAULT = Tracing()
"""The meaning of ``tracing=True``."""


def checked(tracing: bool | Tracing) -> Tracing:
    """Return what is to be reported.

    Args:
        tracing: The client's option: True or a `Tracing`.

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
