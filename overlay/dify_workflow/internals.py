"""The one door to the inside of clients, for rooms above them.

Batches make clients like the one that they are given, and know the clock of its server.
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
    """What another client like one is made of."""

    options: Options
    pace: Pace
    """How fast it looks for lost runs."""
    is_given: bool
    """Whether it sends with an httpx client of the user's own, which cannot be had twice."""

    def arguments(self) -> dict[str, Any]:
        """Its options, as the constructor of another client takes them."""
        values = attrs.asdict(self.options, recurse=False)
        del values["deadline"], values["extra_headers"]  # of a call, and no options of a client
        return {name: value for name, value in values.items() if not isinstance(value, NotGiven)}


def setup_of(client: ClientBase[Any]) -> ClientSetup:
    """How a client is set up."""
    transport = client._transport
    options, pace = client._options, client._pace
    return ClientSetup(options, pace, transport.is_given)


def server_time(client: ClientBase[Any]) -> float | None:
    """The time by the clock of the client's server (Unix seconds); None where it is not known."""
    servers = client._transport.servers
    known: float | None = servers.time_at(client.base_url, time.monotonic())
    return known


def with_pace(client: ClientT, pace: Pace) -> ClientT:
    """The client, which from now on looks for lost runs this fast."""
    client._pace = pace
    return client
