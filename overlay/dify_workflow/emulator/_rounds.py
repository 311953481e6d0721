"""Iterations and loops: the same steps again and again, and the events between them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol
from uuid import uuid4

import attrs

from .._json import JSON, JSONObject
from ._dialect import Dialect
from ._payloads import NodeRun, Payloads, Scope
from ._steps import BeginNode, Iteration, Loop, NodeError, Steps


class Worker(Protocol):
    """What takes the steps: the engine."""

    payloads: Payloads

    def publish(self, event: str, data: JSONObject) -> None:
        """Publish an event."""
        ...

    def note(self, step: BeginNode, scope: Scope) -> NodeRun:
        """Number a node among those of the run, without an event."""
        ...

    def keep(self, node: NodeRun) -> None:
        """Keep a node as it is now."""
        ...

    async def drive(self, steps: Steps, scope: Scope) -> JSON:
        """Take steps to their end."""
        ...

    async def at_once(self, works: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
        """Go on with several things at once."""
        ...


@attrs.define
class Rounds:
    """What came of the rounds of an iteration or a loop.

    Args:
        results: Result by round.
        durations: Seconds by round.
        variables: The variables behind each round of a loop.
        failed: Items that failed.
        left: Whether the loop was left before its last round.
    """

    results: list[JSON] = attrs.field(factory=list[JSON])
    durations: list[float] = attrs.field(factory=list[float])
    variables: list[JSONObject] = attrs.field(factory=list[JSONObject])
    failed: set[int] = attrs.field(factory=set[int])
    left: bool = False


class Repetition:
    """One iteration or loop of a run.

    Args:
        worker: What takes the steps.
        dialect: The server's version.
        step: The iteration or loop.
        scope: Where it stands.
    """

    def __init__(
        self, worker: Worker, dialect: Dialect, step: Iteration | Loop, scope: Scope
    ) -> None:
        self._worker = worker
        self._dialect = dialect
        self._step = step
        self._scope = scope
        self._kind = "iteration" if isinstance(step, Iteration) else "loop"
        self._rounds = Rounds()
        self._node: NodeRun

    def _begin(self) -> None:
        """It is numbered among the nodes, but has no node events of its own."""
        step = self._step
        self._node = self._worker.note(BeginNode(step.id, self._kind, step.title), self._scope)
        started = self._worker.payloads.rounds_started(step)
        self._worker.publish(f"{self._kind}_started", started)

    def _end(self, outputs: JSONObject, *, failed: bool) -> None:
        node = self._node
        node.status, node.ended = "failed" if failed else "succeeded", time.time()
        node.outputs = outputs
        self._worker.keep(node)
        rounds = self._rounds
        data = self._worker.payloads.rounds_completed(
            self._step, outputs, rounds.durations, rounds.variables, failed=failed, left=rounds.left
        )
        self._worker.publish(f"{self._kind}_completed", data)

    # ------------------------------------------------------------------------------- iterations

    async def iterate(self, step: Iteration) -> list[JSON]:
        """Go through the items; their results."""
        self._begin()
        rounds, count = self._rounds, len(step.items)
        rounds.results, rounds.durations = [None] * count, [0.0] * count
        try:
            await self._go_through(step)
        except NodeError:
            self._end({"output": None}, failed=True)
            raise
        results = rounds.results
        if step.on_error == "remove-abnormal-output":
            results = [each for index, each in enumerate(results) if index not in rounds.failed]
        self._end({"output": results}, failed=False)
        return results

    async def _go_through(self, step: Iteration) -> None:
        """Work on the items; old servers announce behind an item that the next one comes."""
        works = [partial(self._work_on, step, index) for index in range(len(step.items))]
        comes_after = self._dialect.next_comes_after
        for index in range(1 if comes_after else len(works) if step.parallel else 0):
            self._announce(index)
        if step.parallel:
            await self._worker.at_once(works)
            return
        for index, work in enumerate(works):
            if not comes_after:
                self._announce(index)
            await work()

    async def _work_on(self, step: Iteration, index: int) -> None:
        rounds, began = self._rounds, time.monotonic()
        run_id = uuid4().hex if step.parallel and self._dialect.parallel_keys else None
        inner = attrs.evolve(
            self._scope,
            iteration=(step.id, index),
            parallel_run=run_id,
            within=(self._node.id, index),
        )
        try:
            rounds.results[index] = await self._worker.drive(
                step.each(step.items[index], index), inner
            )
        except NodeError:
            rounds.failed.add(index)
            if step.on_error == "terminated":
                raise
        finally:
            rounds.durations[index] = time.monotonic() - began
        if self._dialect.next_comes_after:
            self._announce(index + 1, run_id)

    def _announce(self, index: int, parallel_run: str | None = None) -> None:
        before = index - 1
        data = self._worker.payloads.iteration_next(
            self._step,
            index,
            self._rounds.results[before] if index else None,
            self._rounds.durations[before] if index else None,
            parallel_run,
        )
        self._worker.publish("iteration_next", data)

    # ------------------------------------------------------------------------------------ loops

    async def loop(self, step: Loop) -> JSONObject:
        """Go through the rounds; the variables behind the last one."""
        self._begin()
        rounds, variables = self._rounds, dict(step.variables)
        try:
            for index in range(step.rounds):
                if index:
                    outputs = {**variables, "loop_round": index}
                    data = self._worker.payloads.loop_next(step, index, outputs)
                    self._worker.publish("loop_next", data)
                began = time.monotonic()
                inner = attrs.evolve(
                    self._scope, loop=(step.id, index), within=(self._node.id, index)
                )
                steps = step.each(index, dict(variables))
                changed: Any = await self._worker.drive(steps, inner)
                variables |= changed or {}
                rounds.durations.append(time.monotonic() - began)
                rounds.variables.append(dict(variables))
                rounds.left = changed is None or (step.until is not None and step.until(variables))
                if rounds.left:
                    break
        except NodeError:
            self._end({}, failed=True)
            raise
        self._end({**variables, "loop_round": len(rounds.durations)}, failed=False)
        return variables
