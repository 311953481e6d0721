"""Clients that look for lost runs within milliseconds instead of seconds."""

from __future__ import annotations

from typing import Any

from dify_workflow._streams.recovery import Pace
from support.worlds import Waiting

FAST = Pace(
    first_backoff=0.002,
    longest_backoff=0.02,
    first_look=0.01,
    longest_look=0.03,
    quiet=0.1,
    stop=0.1,
    record=0.05,
    longest_search_wait=0.02,
)


def hurried(client: Any, pace: Pace = FAST) -> Any:
    """The client, of either world, with a pace for tests."""
    target = client.target if isinstance(client, Waiting) else client
    target._pace = pace
    return client
