"""Runs a workflow: its steps become events, one after the other or at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial
from types import GeneratorType
from typing import Any, Protocol, cast
from uuid import uuid4

import attrs

from .._json import JSON, JSONObject
from .dialect import Dialect
from .forms import Form, Forms
from .payloads import NodeRun, Payloads, Scope
from .store import RunRecord
from .workflows import (
    TIMEOUT,
    BeginNode,
    Emit,
    EndNode,
    FormAnswer,
    HumanInput,
    Iteration,
    Loop,
    NodeError,
    Outputs,
    Parallel,
    RetryNode,
    Sleep,
    StartError,
    Steps,
    Text,
)

_MOST_STEPS = 500
"""Nodes that a run may have, those of each round counted."""


class StepLimitError(Exception):
    """The run has had as many steps as it may."""


class Publish(Protocol):
    """Takes the events of a run."""

    def __call__(self, event: str, data: JSONObject, *, top_level: bool = False) -> None:
        """Take an event."""
        ...


class Engine:
    """Drives the steps of one run and counts what they cost.

    Args:
        record: The run.
        dialect: The server's version.
        publish: Where events go.
        forms: Where forms are kept.
        now: Tells the server's time.
        save_node: Called with each node as it starts and ends.
        paused: Called with the forms that a run waits for, when nothing else of it goes on.
    """

    def __init__(
        self,
        record: RunRecord,
        dialect: Dialect,
        publish: Publish,
        forms: Forms,
        now: Callable[[], float],
        *,
        save_node: Callable[[NodeRun], None],
        paused: Callable[[list[Form]], None],
    ) -> None:
        self.now = now
        self.payloads = Payloads(dialect, record, now)
        self.nodes: list[NodeRun] = []
        self._record = record
        self._dialect = dialect
        self.publish = publish
        self._forms = forms
        self.keep = save_node
        self._paused = paused
        self._last: dict[tuple[str, Scope], NodeRun] = {}
        self._before: dict[Scope, str] = {}
        self._waiting: dict[str, tuple[Form, NodeRun, asyncio.Future[FormAnswer]]] = {}
        self._going_on = 1
        self._positions = 0
        self._steps_taken = 0
        self._steps: Steps
        self._first: tuple[bool, Any] | Exception

    async def prepare(self, steps: Steps) -> None:
        """Take the first step of a workflow, so that it is known whether it can start.

        Args:
            steps: The workflow.

        Raises:
            StartError: It cannot.
        """
        self._steps = steps
        try:
            self._first = await _advance(steps, None, None)
        except StartError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, it fails the run, not the call
            self._first = error

    async def run(self, shown_inputs: JSONObject) -> JSONObject:
        """Run the workflow between its start and end nodes, which every workflow has.

        Args:
            shown_inputs: Inputs that the start node shows.

        Raises:
            NodeError: A node failed and nobody handled it.
        """
        scope = Scope()
        self._begin(BeginNode("start", "start", "Start", shown_inputs), scope)
        self._end(EndNode("start", shown_inputs), scope)
        if isinstance(self._first, Exception):
            raise self._first
        outputs = await self.drive(self._steps, scope, self._first)
        shown: JSONObject = {} if outputs is None else outputs
        if not isinstance(shown, dict):
            raise TypeError(f"the outputs must be a dict, not {outputs!r}")
        if self.nodes[-1].node.type != "end":  # else the workflow has had an end node of its own
            self._begin(BeginNode("end", "end", "End", shown), scope)
            self._end(EndNode("end", shown), scope)
        return shown

    def answer(self, form: Form, answer: FormAnswer) -> bool:
        """Let the node go on that waits for a form.

        Args:
            form: The form.
            answer: What was answered.

        Returns:
            Whether a node waits for it.
        """
        if form.token not in self._waiting:
            return False
        _, node, future = self._waiting.pop(form.token)
        node.status = "running"
        self._record.steps += 1  # the node runs a second time
        shown = {name: {"value_type": "string", "value": v} for name, v in answer.inputs.items()}
        node.node = attrs.evolve(node.node, inputs=shown)
        self.publish("node_started", self.payloads.node_started(node))
        if self._dialect.since(1, 16):
            pass  # it tells of neither
        elif answer.action == TIMEOUT:
            self.publish("human_input_form_timeout", self.payloads.form_timeout(form))
        else:
            self.publish("human_input_form_filled", self.payloads.form_filled(form, answer))
        self._going_on += 1
        future.set_result(answer)
        return True

    # ------------------------------------------------------------------------------ the steps

    async def drive(
        self, steps: Steps, scope: Scope, first: tuple[bool, Any] | None = None
    ) -> JSON:
        """Take steps to their end; what they return."""
        result: JSON = None
        done, step = first or await _advance(steps, None, None)
        while not done:
            value: Any = None
            error: NodeError | None = None
            if isinstance(step, Outputs):
                result = step.values
            else:
                try:
                    value = await self._take(step, scope)
                except NodeError as failure:
                    error = failure
            done, step = await _advance(steps, value, error)
        return result if step is None else step

    async def _take(self, step: object, scope: Scope) -> Any:
        match step:
            case Sleep(seconds):
                await asyncio.sleep(seconds)
            case Text():
                self._text(step)
            case Emit():
                self._emit(step)
            case BeginNode():
                self._begin(step, scope)
            case EndNode():
                self._end(step, scope)
            case RetryNode():
                self._retry(step, scope)
            case _:
                return await self._take_parts(step, scope)
        return None

    async def _take_parts(self, step: object, scope: Scope) -> Any:
        """Take a step that has steps of its own."""
        match step:
            case Iteration():
                return await Repetition(self, self._dialect, step, scope).iterate(step)
            case Loop():
                return await Repetition(self, self._dialect, step, scope).loop(step)
            case Parallel(branches):
                return await self._branches(branches, scope)
            case HumanInput():
                return await self._ask(step, scope)
            case GeneratorType() | AsyncGenerator():
                return await self.drive(cast("Steps", step), scope)
            case _:
                raise TypeError(f"{step!r} is no step; a workflow yields BeginNode, Text, Sleep, …")

    def _text(self, step: Text) -> None:
        if step.of_model or not self._dialect.has_old_engine:
            data = {"text": step.text, "from_variable_selector": list(step.selector)}
            self.publish("text_chunk", data)

    def _emit(self, step: Emit) -> None:
        if step.event != "reasoning_chunk" or self._dialect.since(1, 15):
            self.publish(step.event, step.data, top_level=step.top_level)

    # ------------------------------------------------------------------------------ the nodes

    def _begin(self, step: BeginNode, scope: Scope) -> NodeRun:
        node = self.note(step, scope)
        self.publish("node_started", self.payloads.node_started(node))
        return node

    def note(self, step: BeginNode, scope: Scope) -> NodeRun:
        """Number a node among those of the run, without an event.

        Args:
            step: The node.
            scope: Where it stands.

        Raises:
            StepLimitError: The run has had as many as it may.
        """
        self._take_step(step, scope)
        before = self._before.get(scope, scope.first_node)
        self._positions += 1
        node = NodeRun(step, scope, self._positions, before, self.now())
        self.nodes.append(node)
        self._last[step.id, scope] = node
        self._before[scope] = step.id
        self._count(scope)
        self.keep(node)
        return node

    def _take_step(self, step: BeginNode, scope: Scope) -> None:
        """Count towards the limit; up to 1.8 rounds begin with a hidden node, which counts too."""
        if not self._dialect.has_old_engine:
            self._steps_taken += 1
        if self._steps_taken > _MOST_STEPS:
            raise StepLimitError
        if self._dialect.has_old_engine and step.type not in {"iteration", "loop"}:
            self._steps_taken += 2 if scope.first_node and scope not in self._before else 1

    def _count(self, scope: Scope) -> None:
        """Count a step; nodes inside an iteration or loop counted only up to 1.8."""
        if self._dialect.has_old_engine or not (scope.iteration or scope.loop):
            self._record.steps += 1

    def _end(self, step: EndNode, scope: Scope) -> None:
        node = self._node(step.id, scope)
        node.status, node.error, node.ended = step.status, step.error, self.now()
        node.outputs = step.outputs
        self._record.tokens += (step.metadata or {}).get("total_tokens", 0)
        self._count_failure(node, step.status)
        self.keep(node)
        self.publish("node_finished", self.payloads.node_ended(node, step))

    def _retry(self, step: RetryNode, scope: Scope) -> None:
        node = self._node(step.id, scope)
        node.retries.append((self.now(), step.error))
        self.keep(node)
        self._record.steps += 1
        self._count_failure(node, "failed")
        shown = node
        if self._dialect.has_old_engine:  # then it is numbered as a node of its own
            self._positions += 1
            shown = attrs.evolve(node, id=str(uuid4()), position=self._positions)
        self.publish("node_retry", self.payloads.node_retry(shown, step))

    def _count_failure(self, node: NodeRun, status: str) -> None:
        """Count a node that failed; inside an iteration or loop none is counted."""
        is_inner = bool(node.scope.iteration or node.scope.loop)
        counts = status == "failed" and not self._dialect.has_old_engine
        if not is_inner and (counts or status == "exception"):
            self._record.exceptions += 1

    def _node(self, id: str, scope: Scope) -> NodeRun:
        if (id, scope) not in self._last:
            raise ValueError(f"no node {id!r} has started")
        return self._last[id, scope]

    # -------------------------------------------------------------------------- the branches

    async def _branches(self, branches: Sequence[Steps], scope: Scope) -> list[JSON]:
        parallel_id = str(uuid4())
        works = [partial(self._branch, branch, scope, parallel_id) for branch in branches]
        if self._dialect.has_old_engine or self._dialect.since(1, 14):
            return await self.at_once(works)
        return [await work() for work in works]

    async def _branch(self, steps: Steps, scope: Scope, parallel_id: str) -> JSON:
        """A branch; up to 1.8 it is announced with its first node."""
        if not self._dialect.has_old_engine:
            return await self.drive(steps, scope)
        first = await _advance(steps, None, None)
        if not isinstance(first[1], BeginNode):
            raise TypeError(f"a branch begins with a node, not with {first[1]!r}")
        inner = attrs.evolve(scope, parallel_id=parallel_id, branch=first[1].id)
        self.publish("parallel_branch_started", self.payloads.branch(inner, ended=False))
        error: NodeError | None = None
        try:
            result = await self.drive(steps, inner, first)
        except NodeError as failure:
            result, error = None, failure
        data = self.payloads.branch(inner, str(error) if error else None, ended=True)
        self.publish("parallel_branch_finished", data)
        if error is not None:
            raise error
        return result

    async def at_once(self, works: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
        """Go on with several things at once; the first failure ends them all."""
        if not works:
            return []
        left = len(works)
        self._going_on += left - 1

        async def counted(work: Callable[[], Awaitable[Any]]) -> Any:
            nonlocal left
            result: Any = None
            try:
                result = await work()
            finally:
                left -= 1
                self._going_on -= left > 0  # behind the last one, what waits for them goes on
            if left:
                self._pause_if_idle()
            return result

        tasks = [asyncio.ensure_future(counted(work)) for work in works]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------------------------ the forms

    async def _ask(self, step: HumanInput, scope: Scope) -> FormAnswer:
        """Wait for a person; the run is paused once nothing else of it goes on."""
        node = self._begin(BeginNode(step.id, "human-input", step.title), scope)
        form_id = node.id if self._dialect.since(1, 16) else str(uuid4())
        form = Form.of(step, self._record.id, form_id, self.now())
        self._forms.add(form, self._record.app)
        node.status, node.ended = "paused", self.now()
        self.keep(node)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[FormAnswer] = loop.create_future()
        self._waiting[form.token] = form, node, future
        self.publish("human_input_required", self.payloads.form_required(form))
        self._going_on -= 1
        self._pause_if_idle()
        try:
            answer = await future
        except asyncio.CancelledError:
            self._waiting.pop(form.token, None)
            self._going_on += 1
            raise
        self._end(EndNode(step.id, form.outputs(answer)), scope)
        return answer

    def _pause_if_idle(self) -> None:
        if self._going_on == 0 and self._waiting:
            self._paused([form for form, _, _ in self._waiting.values()])


async def _advance(steps: Steps, value: Any, error: Exception | None) -> tuple[bool, Any]:
    """The next step, or that there is none and what the steps return."""
    try:
        if isinstance(steps, AsyncGenerator):
            return False, await (steps.athrow(error) if error else steps.asend(value))
        return False, steps.throw(error) if error else steps.send(value)
    except StopIteration as end:
        return True, end.value
    except StopAsyncIteration:
        return True, None


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
