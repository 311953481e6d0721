"""Which run is told of, as far as that is known before it is. Pure."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

import attrs

from .attributes import Attributes, present

_PORTS = {"http": 80, "https": 443}
_ENDS_EARLY = "submit_workflow"
"""The method that leaves its run as soon as it is known."""


@attrs.frozen
class Subject:
    """A run that is sent, or followed.

    Args:
        method: Name of the method that was called.
        address: Host of the server.
        port: Its port.
        name: Name of the workflow, where the user gave one.
        own_trace_id: The trace id that the request names itself.
        run_id: Id of the run, where it is followed and not sent.
    """

    method: str
    address: str
    port: int | None
    name: str | None
    own_trace_id: str | None
    run_id: str | None

    @classmethod
    def of(
        cls,
        method: str,
        base_url: str,
        name: str | None,
        own_trace_id: str | None,
        run_id: str | None,
    ) -> Self:
        """The run of a call to this server."""
        parts = urlsplit(base_url)
        port = parts.port or _PORTS.get(parts.scheme)
        return cls(method, parts.hostname or "", port, name, own_trace_id, run_id)

    @property
    def operation(self) -> str:
        """Name of the operation, as the conventions for GenAI have it where the run is sent."""
        return "invoke_workflow" if self.run_id is None else "follow_workflow"

    @property
    def span_name(self) -> str:
        """Name of the span."""
        return f"{self.operation} {self.name}" if self.name else self.operation

    @property
    def shows_whole_run(self) -> bool:
        """Whether it lasts as long as the run does."""
        return self.run_id is None and not self.leaves_early

    @property
    def leaves_early(self) -> bool:
        """Whether leaving the run before its end is what it is for."""
        return self.method == _ENDS_EARLY

    @property
    def common(self) -> Attributes:
        """What spans and metrics have in common."""
        return present(
            {
                "gen_ai.operation.name": self.operation,
                "gen_ai.provider.name": "dify",
                "gen_ai.agent.name": self.name,
                "server.address": self.address,
                "server.port": self.port,
                "dify.method": self.method,
            }
        )

    @property
    def attributes(self) -> Attributes:
        """What the span begins with."""
        known = {"dify.run.id": self.run_id, "dify.trace.id": self.own_trace_id}
        return self.common | present(known)
