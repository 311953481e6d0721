"""Waiting for a server that is away, as during a restart."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

from anyio import Lock

from .._base_client import setup_of
from .._http.outcomes import is_outage
from ..async_client import AsyncDifyWorkflow
from ..errors import APIConnectionError, DifyError
from ._gate import Gate
from ._verdict import may_be_away

T = TypeVar("T")

_TRIES = 3
"""How often a call is sent again where the server was away, and is there."""


class Presence:
    """Asks whether the server is there, and keeps rows back while it is not.

    It asks with a call that changes nothing: a run that a proxy refuses for an absent server may
    have been started nevertheless, so that its outcome would be unknown.

    Args:
        client: What asks. Its `lost_run_timeout` bounds an absence.
        gate: Where rows are kept back.
    """

    def __init__(self, client: AsyncDifyWorkflow, gate: Gate) -> None:
        options, self._pace, _ = setup_of(client)
        self._client = client.with_options(max_retries=0)
        self._longest = options.lost_run_timeout
        self._gate = gate
        self._turn = Lock()
        self._seen_at = float("-inf")

    async def wait(self) -> bool:
        """Wait until the server answers; one caller asks, the others wait for what it finds.

        Returns:
            False where the gate was closed before.

        Raises:
            APIConnectionError: It has been away for too long.
        """
        called = time.monotonic()
        async with self._turn:
            if self._gate.is_closed or self._seen_at > called:
                return not self._gate.is_closed
            with self._gate.held():
                return await self._found(called)

    async def answer(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What the server answers to a call that changes nothing, once it is there.

        Args:
            ask: Calls it.

        Raises:
            DifyError: The call failed otherwise, or again and again.
        """
        for _ in range(_TRIES):
            try:
                return await ask()
            except DifyError as error:
                if not may_be_away(error) or not await self.wait():
                    raise
        return await ask()

    async def _found(self, since: float) -> bool:
        bound = self._pace.first_backoff
        for attempt in count():
            asked = time.monotonic()
            failure = await self._failure()
            if failure is None:
                self._seen_at = asked
                self._gate.note_life()
                return True
            if self._longest is not None and time.monotonic() - since > self._longest:
                raise APIConnectionError(
                    f"The server has been away for {self._longest:g} s (lost_run_timeout), and no "
                    f"more rows are sent; resume the batch when it is back. {failure}",
                    request_sent=False,
                ) from failure
            longest = min(self._pace.longest_backoff, bound * 2 ** min(20, attempt))
            # Jitter: batches that lost a server together do not come back together.
            if not await self._gate.rest(random.uniform(longest / 2, longest)):  # noqa: S311  # no secret
                return False
        raise AssertionError  # for type checkers: it counts for ever

    async def _failure(self) -> DifyError | None:
        """Why the server does not answer; None where it does, whatever it says."""
        try:
            await self._client.parameters()
        except DifyError as error:
            return error if is_outage(error) else None
        return None
