"""Runs a workflow: its steps become events, one after the other or in parallel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial
from types import GeneratorType
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import attrs

from .._json import JSON, JSONObject
from .payloads import NodeRun, Payloads, Rounds, Scope
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

if TYPE_CHECKING:
    from .forms import Form
    from .run import Run

_MOST_STEPS = 500
"""The largest number of nodes of a run, with those of each round."""


class StepLimitError(Exception):
    """The run has reached the largest number of steps."""


class Engine:
    """Executes the steps of one run, and counts their cost."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._record = run.record
        self._dialect = run.state.dialect
        self._now = run.state.settings.now
        self.payloads = Payloads(self._dialect, self._record, self._now)
        self._publish = run.publish
        self._newest: BeginNode
        self._last: dict[tuple[str, Scope], NodeRun] = {}
        self._before: dict[Scope, str] = {}
        self._waiting: dict[str, tuple[Form, NodeRun, asyncio.Future[FormAnswer]]] = {}
        self._active = 1
        self._positions = self._index = self._steps_taken = 0
        self._steps: Steps
        self._first: tuple[bool, Any] | Exception

    async def prepare(self, steps: Steps) -> None:
        """Take the first step of a workflow, to find out whether it can start.

        Raises:
            StartError: It cannot start.
        """
        self._steps = steps
        try:
            self._first = await _advance(steps, None, None)
        except StartError:
            raise
        except Exception as error:  # noqa: BLE001  # any error fails the run, not the call
            self._first = error

    async def _stream_start_texts(self, scope: Scope) -> None:
        """Stream the inputs that are part of an output's text, and the text between them.

        The server has them at once, and sends them before the start node has ended.
        """
        streamed = {"start"}
        while not isinstance(self._first, Exception):
            _, step = self._first
            if not (isinstance(step, Text) and step.selector[0] in streamed):
                return
            streamed.add("end")
            await self._take(step, scope)
            await self.prepare(self._steps)

    async def run(self, shown_inputs: JSONObject) -> JSONObject:
        """Run the workflow between its start and end nodes. Every workflow has both.

        Raises:
            NodeError: A node failed and the failure was not handled.
        """
        scope = Scope()
        self._begin(BeginNode("start", "start", "Start", shown_inputs), scope)
        await self._stream_start_texts(scope)
        self._end(EndNode("start", shown_inputs), scope)
        if isinstance(self._first, Exception):
            raise self._first
        outputs = await self._drive(self._steps, scope, self._first)
        shown: JSONObject = {} if outputs is None else outputs
        if not isinstance(shown, dict):
            raise TypeError(f"the outputs must be a dict, not {outputs!r}")
        if self._newest.type != "end":  # otherwise the workflow made its own end node
            self._begin(BeginNode("end", "end", "End", shown), scope)
            self._end(EndNode("end", shown), scope)
        return shown

    # ------------------------------------------------------------------------------ the steps

    async def _drive(
        self, steps: Steps, scope: Scope, first: tuple[bool, Any] | None = None
    ) -> JSON:
        """Take steps until they end, and return their result."""
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
                # Up to 1.8, only texts of models are streamed.
                if step.of_model or not self._dialect.has_old_engine:
                    data = {"text": step.text, "from_variable_selector": list(step.selector)}
                    self._publish("text_chunk", data)
            case Emit():
                if step.event != "reasoning_chunk" or self._dialect.since(1, 15):
                    self._publish(step.event, step.data, top_level=step.top_level)
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
        """Take a step that has inner steps."""
        match step:
            case Iteration():
                return await self._iterate(step, scope)
            case Loop():
                return await self._loop(step, scope)
            case Parallel(branches):
                return await self._branches(branches, scope)
            case HumanInput():
                return await self._ask(step, scope)
            case GeneratorType() | AsyncGenerator():
                return await self._drive(cast("Steps", step), scope)
            case _:
                raise TypeError(f"{step!r} is not a step; yield BeginNode, Text, Sleep, …")

    # ------------------------------------------------------------------------------ the nodes

    def _begin(self, step: BeginNode, scope: Scope) -> NodeRun:
        node = self._note(step, scope)
        self._publish("node_started", self.payloads.node_started(node))
        return node

    def _note(self, step: BeginNode, scope: Scope) -> NodeRun:
        """Number a node within the run, without an event."""
        self._take_step(step, scope)
        self._positions += 1
        before = self._before.get(scope, scope.first_node)
        self._index += 1
        node = NodeRun(step, scope, self._positions, self._index, before, self._now())
        self._newest = step
        self._last[step.id, scope] = node
        self._before[scope] = step.id
        # Nodes inside an iteration or loop are counted only up to 1.8.
        if self._dialect.has_old_engine or not (scope.iteration or scope.loop):
            self._record.steps += 1
        self._run.save_node(node)
        return node

    def _take_step(self, step: BeginNode, scope: Scope) -> None:
        """Count towards the limit. Up to 1.8, the hidden first node of each round counts too."""
        self._check_limit(at_begin=True)
        is_old = self._dialect.has_old_engine
        if not (is_old and step.type in {"iteration", "loop"}):
            begins_round = is_old and scope.first_node and scope not in self._before
            self._steps_taken += 2 if begins_round else 1

    def _check_limit(self, *, at_begin: bool) -> None:
        """End the run at the limit: up to 1.8 when a node begins, later when one has ended."""
        if self._steps_taken > _MOST_STEPS and at_begin == self._dialect.has_old_engine:
            raise StepLimitError

    def _end(self, step: EndNode, scope: Scope) -> None:
        node = self._node(step.id, scope)
        node.status, node.error, node.outputs = step.status, step.error, step.outputs
        node.ended = self._now()
        self._record.tokens += (step.metadata or {}).get("total_tokens", 0)
        self._count_failure(node, step.status)
        self._run.save_node(node)
        data = self.payloads.node_ended(node, step, step.status, step.metadata)
        self._publish("node_finished", data)
        self._check_limit(at_begin=False)

    def _retry(self, step: RetryNode, scope: Scope) -> None:
        node = self._node(step.id, scope)
        node.retries.append((self._now(), step.error))
        self._run.save_node(node)
        self._record.steps += 1
        self._count_failure(node, "failed")
        shown = node
        if self._dialect.has_old_engine:  # then the failed attempt is a numbered node
            self._positions += 1
            shown = attrs.evolve(node, id=str(uuid4()), position=self._positions)
        self._publish("node_retry", self.payloads.node_retry(shown, step))

    def _count_failure(self, node: NodeRun, status: str) -> None:
        """Count a node that failed. Failures inside an iteration or loop are not counted."""
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
            return await self._at_once(works)
        return [await work() for work in works]

    async def _branch(self, steps: Steps, scope: Scope, parallel_id: str) -> JSON:
        """Run a branch. Up to 1.8, its first node announces it."""
        if not self._dialect.has_old_engine:
            return await self._drive(steps, scope)
        first = await _advance(steps, None, None)
        if not isinstance(first[1], BeginNode):
            raise TypeError(f"a branch begins with a node, not with {first[1]!r}")
        inner = attrs.evolve(scope, parallel_id=parallel_id, branch=first[1].id)
        self._publish("parallel_branch_started", self.payloads.branch_started(inner))
        try:
            result = await self._drive(steps, inner, first)
        except NodeError as error:
            data = self.payloads.branch_finished(inner, str(error))
            self._publish("parallel_branch_finished", data)
            raise
        self._publish("parallel_branch_finished", self.payloads.branch_finished(inner, None))
        return result

    async def _at_once(self, works: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
        """Run several things in parallel. The first failure ends them all."""
        if not works:
            return []
        left = len(works)
        self._active += left - 1

        async def counted(work: Callable[[], Awaitable[Any]]) -> Any:
            nonlocal left
            result: Any = None
            try:
                result = await work()
            finally:
                left -= 1
                self._active -= left > 0  # after the last one, what waits for them continues
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

    # ------------------------------------------------------------------- iterations and loops

    async def _iterate(self, step: Iteration, scope: Scope) -> list[JSON]:
        """Run all items, and return their results."""
        count = len(step.items)
        inputs: JSONObject = {"iterator_selector": list(step.items)}
        rounds = self._begin_rounds("iteration", step, scope, count, inputs)
        rounds.results, rounds.durations = [None] * count, [0.0] * count
        try:
            await self._go_through(step, rounds)
        except NodeError:
            self._end_rounds(rounds, {"output": None}, failed=True)
            raise
        results = rounds.results
        if step.on_error == "remove-abnormal-output":
            results = [each for index, each in enumerate(results) if index not in rounds.failed]
        self._end_rounds(rounds, {"output": results})
        return results

    async def _go_through(self, step: Iteration, rounds: Rounds) -> None:
        """Run the items. Up to 1.8, an event announces each item and one follows the last one."""
        is_old = self._dialect.has_old_engine
        works = [partial(self._work_on, step, index, rounds) for index in range(rounds.length)]
        for index in range(1 if is_old else rounds.length if step.parallel else 0):
            self._announce(rounds, index)
        if step.parallel:
            await self._at_once(works)
            return
        for index, work in enumerate(works):
            if not is_old:
                self._announce(rounds, index)
            await work()

    async def _work_on(self, step: Iteration, index: int, rounds: Rounds) -> None:
        began = time.monotonic()
        parallel_run = uuid4().hex if step.parallel and self._dialect.has_old_engine else None
        inner = attrs.evolve(
            rounds.node.scope,
            iteration=(step.id, index),
            parallel_run=parallel_run,
            within=(rounds.node.id, index),
        )
        try:
            rounds.results[index] = await self._drive(step.each(step.items[index], index), inner)
        except NodeError:
            rounds.failed.add(index)
            if step.on_error == "terminated":
                raise
        finally:
            rounds.durations[index] = time.monotonic() - began
        if self._dialect.has_old_engine:
            self._announce(rounds, index + 1, parallel_run)

    def _announce(self, rounds: Rounds, index: int, parallel_run: str | None = None) -> None:
        data = self.payloads.iteration_next(rounds, index, parallel_run)
        self._publish("iteration_next", data)

    async def _loop(self, step: Loop, scope: Scope) -> JSONObject:
        """Run the rounds, and return the variables after the last one."""
        inputs: JSONObject = {"loop_count": step.rounds, **step.variables}
        rounds = self._begin_rounds("loop", step, scope, step.rounds, inputs)
        variables = dict(step.variables)
        try:
            for index in range(step.rounds):
                if index:
                    outputs = {**variables, "loop_round": index}
                    self._publish("loop_next", self.payloads.loop_next(rounds, index, outputs))
                began = time.monotonic()
                within = (rounds.node.id, index)
                inner = attrs.evolve(scope, loop=(step.id, index), within=within)
                changed: Any = await self._drive(step.each(index, dict(variables)), inner)
                variables |= changed or {}
                rounds.durations.append(time.monotonic() - began)
                rounds.variables.append(dict(variables))
                rounds.left = changed is None or (step.until is not None and step.until(variables))
                if rounds.left:
                    break
        except NodeError:
            self._end_rounds(rounds, {}, failed=True)
            raise
        self._end_rounds(rounds, {**variables, "loop_round": len(rounds.durations)})
        return variables

    def _begin_rounds(
        self, kind: str, step: Iteration | Loop, scope: Scope, length: int, inputs: JSONObject
    ) -> Rounds:
        """Number it as a node. It has no node events of its own."""
        node = self._note(BeginNode(step.id, kind, step.title), scope)
        rounds = Rounds(node, length, inputs)
        self._publish(f"{kind}_started", self.payloads.rounds_started(rounds))
        return rounds

    def _end_rounds(self, rounds: Rounds, outputs: JSONObject, *, failed: bool = False) -> None:
        node = rounds.node
        node.status, node.ended = "failed" if failed else "succeeded", self._now()
        node.outputs = outputs
        self._run.save_node(node)
        data = self.payloads.rounds_completed(rounds, outputs, failed=failed)
        self._publish(f"{node.node.type}_completed", data)
        self._check_limit(at_begin=False)

    # ------------------------------------------------------------------------------ the forms

    async def _ask(self, step: HumanInput, scope: Scope) -> FormAnswer:
        """Wait for a person. The run pauses when nothing else in it is running."""
        node = self._begin(BeginNode(step.id, "human-input", step.title), scope)
        form_id = node.id if self._dialect.since(1, 16) else str(uuid4())
        form = self._run.state.forms.add(step, self._record, form_id)
        node.status, node.ended = "paused", self._now()
        self._run.save_node(node)
        future: asyncio.Future[FormAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[form.token] = form, node, future
        self._publish("human_input_required", self.payloads.form_required(form))
        self._active -= 1
        self._pause_if_idle()
        try:
            answer = await future
        except asyncio.CancelledError:
            self._waiting.pop(form.token, None)
            self._active += 1
            raise
        self._end(EndNode(step.id, form.outputs(answer)), scope)
        return answer

    def _pause_if_idle(self) -> None:
        if self._active == 0 and self._waiting:
            self._run.pause([form for form, _, _ in self._waiting.values()])

    def resume(self) -> None:
        """Count nodes from the start: servers do not keep the count during a pause."""
        self._index = self._steps_taken = 0

    def answer(self, form: Form, answer: FormAnswer) -> None:
        """Continue the node that waits for a form, if there is one."""
        if form.token not in self._waiting:
            return
        _, node, future = self._waiting.pop(form.token)
        node.status = "running"
        self._record.steps += 1  # the node runs a second time
        self._steps_taken += 1
        self._index += 1
        node.index = self._index
        shown = {name: {"value_type": "string", "value": v} for name, v in answer.inputs.items()}
        node.node = attrs.evolve(node.node, inputs=shown)
        self._publish("node_started", self.payloads.node_started(node))
        if not self._dialect.since(1, 16):
            if answer.action == TIMEOUT:
                self._publish("human_input_form_timeout", self.payloads.form_timeout(form))
            else:
                filled = self.payloads.form_filled(form, answer)
                self._publish("human_input_form_filled", filled)
        self._active += 1
        future.set_result(answer)


async def _advance(steps: Steps, value: Any, error: Exception | None) -> tuple[bool, Any]:
    """Return the next step, or that there is none and the result of the steps."""
    try:
        if isinstance(steps, AsyncGenerator):
            return False, await (steps.athrow(error) if error else steps.asend(value))
        return False, steps.throw(error) if error else steps.send(value)
    except StopIteration as end:
        return True, end.value
    except StopAsyncIteration:
        return True, None
