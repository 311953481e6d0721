"""Iterations and loops: the same steps again and again, and the events between them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol
from uuid import uuid4

import attrs

from .._json import JSON, JSONObject
from .dialect import Dialect
from .payloads import NodeRun, Scope
from .steps import BeginNode, Iteration, Loop, NodeError, Steps


class Worker(Protocol):
    """What takes the steps: the engine."""

    @property
    def now(self) -> Callable[[], float]:
        """Tells the server's time."""
        ...

    def publish(self, event: str, data: JSONObject) -> None:
        """Publish an event."""
        ...

    def note(self, step: BeginNode, scope: Scope) -> NodeRun:
        """Number a node among those of the run, without an event."""
        ...

    def keep(self, node: NodeRun, /) -> None:
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


class RoundPayloads:
    """Writes the payloads of an iteration's or a loop's events.

    Args:
        dialect: The server's version.
        step: The iteration or loop.
        now: Tells the server's time.
    """

    def __init__(self, dialect: Dialect, step: Iteration | Loop, now: Callable[[], float]) -> None:
        self._dialect = dialect
        self._step = step
        self._now = now
        self._length = len(step.items) if isinstance(step, Iteration) else step.rounds

    def started(self) -> JSONObject:
        """``iteration_started`` and ``loop_started``."""
        is_loop = isinstance(self._step, Loop)
        name = "iterator_length" if self._dialect.has_old_engine else "iteration_length"
        name = "loop_length" if is_loop else name
        return {**self._ids(), **self._inputs(), "metadata": {name: self._length}}

    def iteration_next(
        self,
        index: int,
        before: JSON,
        duration: float | None,
        parallel_run: str | None,
    ) -> JSONObject:
        """``iteration_next``.

        Args:
            index: Index of the item.
            before: Result of the item before it.
            duration: Seconds that the item before it took.
            parallel_run: Id of that item's run in a parallel iteration.
        """
        data = self._ids() | {"index": index}
        if self._dialect.has_old_engine:
            data |= {"pre_iteration_output": before, "parallel_mode_run_id": parallel_run}
            data["duration"] = None if duration is None else round(duration, 6)
        return data

    def loop_next(self, index: int, outputs: JSONObject) -> JSONObject:
        """``loop_next``; only old servers tell the outputs of the round before.

        Args:
            index: Index of the round.
            outputs: Outputs of the round before it.
        """
        data = self._ids() | {"index": index}
        data["pre_loop_output"] = outputs if self._dialect.has_old_engine else {}
        if self._dialect.has_old_engine:
            data |= {"parallel_mode_run_id": None, "duration": None}
        return data

    def completed(self, outputs: JSONObject, rounds: Rounds, *, failed: bool) -> JSONObject:
        """``iteration_completed`` and ``loop_completed``.

        Args:
            outputs: Its outputs.
            rounds: What came of its rounds.
            failed: Whether it failed.
        """
        spent = {str(index): round(seconds, 6) for index, seconds in enumerate(rounds.durations)}
        metadata: JSONObject = {"total_tokens": 0}
        if not self._dialect.has_old_engine:
            metadata |= {"total_price": "0.0", "currency": "USD"}
        if isinstance(self._step, Loop):
            metadata["completed_reason"] = "loop_break" if rounds.left else "loop_completed"
            metadata["loop_duration_map"] = spent
            metadata["loop_variable_map"] = {
                str(index): variables for index, variables in enumerate(rounds.variables)
            }
        elif not self._dialect.has_old_engine:
            metadata["iteration_duration_map"] = spent
        data = self._ids() | {
            **self._inputs(),
            "outputs": outputs,
            "status": "failed" if failed else "succeeded",
            "error": None,
            "elapsed_time": round(sum(rounds.durations), 6),
            "total_tokens": 0,
            "execution_metadata": metadata,
            "finished_at": int(self._now()),
            "steps": self._length,
        }
        if not self._dialect.has_old_engine:
            data["outputs_truncated"] = False
        return data

    def _ids(self) -> JSONObject:
        kind = "iteration" if isinstance(self._step, Iteration) else "loop"
        data: JSONObject = {
            "id": self._step.id,
            "node_id": self._step.id,
            "node_type": kind,
            "title": self._step.title or self._step.id,
            "created_at": int(self._now()),
            "extras": {},
        }
        if self._dialect.has_old_engine:
            data |= {"parallel_id": None, "parallel_start_node_id": None}
        return data

    def _inputs(self) -> JSONObject:
        step, data = self._step, dict[str, JSON]()
        if isinstance(step, Loop):
            data["inputs"] = {"loop_count": step.rounds, **step.variables}
        else:
            data["inputs"] = {"iterator_selector": list(step.items)}
        if not self._dialect.has_old_engine:
            data["inputs_truncated"] = False
        return data


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
        self._payloads = RoundPayloads(dialect, step, worker.now)
        self._node: NodeRun

    def _begin(self) -> None:
        """It is numbered among the nodes, but has no node events of its own."""
        step = self._step
        self._node = self._worker.note(BeginNode(step.id, self._kind, step.title), self._scope)
        self._worker.publish(f"{self._kind}_started", self._payloads.started())

    def _end(self, outputs: JSONObject, *, failed: bool) -> None:
        node = self._node
        node.status, node.ended = "failed" if failed else "succeeded", self._worker.now()
        node.outputs = outputs
        self._worker.keep(node)
        data = self._payloads.completed(outputs, self._rounds, failed=failed)
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
        comes_after = self._dialect.has_old_engine
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
        run_id = uuid4().hex if step.parallel and self._dialect.has_old_engine else None
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
        if self._dialect.has_old_engine:
            self._announce(index + 1, run_id)

    def _announce(self, index: int, parallel_run: str | None = None) -> None:
        before = index - 1
        data = self._payloads.iteration_next(
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
                    data = self._payloads.loop_next(index, outputs)
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
