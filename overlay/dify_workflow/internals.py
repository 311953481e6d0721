"""The only module that gives higher packages access to the inside of clients.

Batches make more clients with the options of a client, and need the clock of its server.
"""
# pyright: reportPrivateUsage=false

from __future__ import annotations

import time
from typing import Any, NamedTuple, TypeVar

import attrs

from ._base_client import ClientBase
from ._http.async_network import spawn
from ._http.options import NotGiven, Options
from ._streams.recovery import Pace
from ._streams.search import same_inputs
from ._streams.session import START_TIMEOUT

__all__ = [
    "START_TIMEOUT",
    "ClientSetup",
    "Pace",
    "same_inputs",
    "server_time",
    "setup_of",
    "spawn",
    "with_pace",
]

ClientT = TypeVar("ClientT", bound=ClientBase[Any])


class ClientSetup(NamedTuple):
    """The settings of a client, to make another client like it."""

    options: Options
    pace: Pace
    """How fast it looks for lost runs."""
    is_given: bool
    """Whether it uses the user's own httpx client, which cannot be copied."""

    def arguments(self) -> dict[str, Any]:
        """Its options as arguments for the constructor of a client."""
        values = attrs.asdict(self.options, recurse=False)
        del values["deadline"], values["extra_headers"]  # options of a call, not of a client
        return {name: value for name, value in values.items() if not isinstance(value, NotGiven)}


def setup_of(client: ClientBase[Any]) -> ClientSetup:
    """The settings of a client."""
    transport = client._transport
    options, pace = client._options, client._pace
    return ClientSetup(options, pace, transport.is_given)


def server_time(client: ClientBase[Any]) -> float | None:
    """The time by the clock of the client's server (Unix seconds); None if it is not known."""
    servers = client._transport.servers
    known: float | None = servers.time_at(client.base_url, time.monotonic())
    return known


def with_pace(client: ClientT, pace: Pace) -> ClientT:
    """Set how fast a client looks for lost runs, and return the client."""
    client._pace = pace
    return client
