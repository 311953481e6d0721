"""Runs a workflow: its steps become events, one after the other or at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from types import GeneratorType
from typing import Any, Protocol, cast
from uuid import uuid4

import attrs

from .._json import JSON, JSONObject
from ._dialect import Dialect
from ._forms import Form, Forms
from ._payloads import NodeRun, Payloads, Scope
from ._record import RunRecord
from ._steps import (
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


class Publish(Protocol):
    """Takes the events of a run."""

    def __call__(self, event: str, data: JSONObject, *, top_level: bool = False) -> None: ...


class Rounds:
    """What came of the items of an iteration.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self.results: list[JSON] = [None] * count
        self.durations = [0.0] * count
        self.failed: set[int] = set()


class Engine:
    """Drives the steps of one run and counts what they cost.

    Args:
        record: The run.
        dialect: The server's version.
        publish: Where events go.
        forms: Where forms are kept.
        save_node: Called with each node as it starts and ends.
        paused: Called with the forms that a run waits for, when nothing else of it goes on.
    """

    def __init__(
        self,
        record: RunRecord,
        dialect: Dialect,
        publish: Publish,
        forms: Forms,
        *,
        save_node: Callable[[NodeRun], None],
        paused: Callable[[list[Form]], None],
    ) -> None:
        self.payloads = Payloads(dialect, record)
        self.nodes: list[NodeRun] = []
        self._record = record
        self._dialect = dialect
        self._publish = publish
        self._forms = forms
        self._save_node = save_node
        self._paused = paused
        self._last: dict[tuple[object, str], NodeRun] = {}
        self._waiting: dict[str, tuple[Form, NodeRun, asyncio.Future[FormAnswer]]] = {}
        self._going_on = 1
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
        outputs = await self._drive(self._steps, scope, self._first)
        shown: JSONObject = {} if outputs is None else outputs
        if not isinstance(shown, dict):
            raise TypeError(f"the outputs must be a dict, not {outputs!r}")
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
        self._publish("node_started", self.payloads.node_started(node))
        if self._dialect.form_events and answer.action == TIMEOUT:
            self._publish("human_input_form_timeout", self.payloads.form_timeout(form))
        elif self._dialect.form_events:
            self._publish("human_input_form_filled", self.payloads.form_filled(form, answer))
        self._going_on += 1
        future.set_result(answer)
        return True

    # ------------------------------------------------------------------------------ the steps

    async def _drive(
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
                raise TypeError(f"{step!r} is no step; a workflow yields BeginNode, Text, Sleep, …")

    def _text(self, step: Text) -> None:
        if step.of_model or self._dialect.all_text:
            data = {"text": step.text, "from_variable_selector": list(step.selector)}
            self._publish("text_chunk", data)

    def _emit(self, step: Emit) -> None:
        if step.event != "reasoning_chunk" or self._dialect.reasoning:
            self._publish(step.event, step.data, top_level=step.top_level)

    # ------------------------------------------------------------------------------ the nodes

    def _begin(self, step: BeginNode, scope: Scope) -> NodeRun:
        position = len(self.nodes) + 1
        before = self.nodes[-1].node.id if self.nodes else None
        node = NodeRun(step, scope, position, before)
        self.nodes.append(node)
        self._last[scope.within, step.id] = node
        self._count(scope)
        self._save_node(node)
        self._publish("node_started", self.payloads.node_started(node))
        return node

    def _count(self, scope: Scope) -> None:
        """Count a step; nodes inside an iteration or loop counted only up to 1.8."""
        if self._dialect.node_positions or not (scope.iteration or scope.loop):
            self._record.steps += 1

    def _end(self, step: EndNode, scope: Scope) -> None:
        node = self._node(step.id, scope)
        node.status, node.error, node.ended = step.status, step.error, time.time()
        node.outputs = step.outputs
        self._record.tokens += (step.metadata or {}).get("total_tokens", 0)
        if step.status == "exception" or (
            step.status == "failed" and self._dialect.counts_exceptions == "retries"
        ):
            self._record.exceptions += 1
        self._save_node(node)
        self._publish("node_finished", self.payloads.node_ended(node, step))

    def _retry(self, step: RetryNode, scope: Scope) -> None:
        node = self._node(step.id, scope)
        node.retries.append((time.time(), step.error))
        self._save_node(node)
        self._record.steps += 1
        if self._dialect.counts_exceptions == "retries":
            self._record.exceptions += 1
        self._publish("node_retry", self.payloads.node_retry(node, step.error))

    def _node(self, id: str, scope: Scope) -> NodeRun:
        """The node of that id that started last in this round, which others may go on beside."""
        node = self._last.get((scope.within, id))
        if node is None:
            raise ValueError(f"no node {id!r} has started")
        return node

    # --------------------------------------------------------- iterations, loops and branches

    async def _iterate(self, step: Iteration, scope: Scope) -> list[JSON]:
        record = self._mark(step.id, "iteration", step.title, scope)
        self._publish("iteration_started", self.payloads.rounds_started(step))
        rounds = Rounds(len(step.items))
        try:
            await self._go_through(step, scope, rounds, record)
        except NodeError:
            self._rounds_over(step, record, {"output": None}, rounds.durations, failed=True)
            raise
        results = rounds.results
        if step.on_error == "remove-abnormal-output":
            results = [each for index, each in enumerate(results) if index not in rounds.failed]
        self._rounds_over(step, record, {"output": results}, rounds.durations, failed=False)
        return results

    async def _go_through(
        self, step: Iteration, scope: Scope, rounds: Rounds, record: NodeRun
    ) -> None:
        """Work on the items of an iteration."""

        def announce(index: int) -> None:
            before = rounds.results[index - 1] if index else None
            self._publish("iteration_next", self.payloads.round_next(step, index, before))

        async def work(index: int) -> None:
            began = time.monotonic()
            inner = attrs.evolve(scope, iteration=(step.id, index), within=(record.id, index))
            try:
                steps = step.each(step.items[index], index)
                rounds.results[index] = await self._drive(steps, inner)
            except NodeError:
                rounds.failed.add(index)
                if step.on_error == "terminated":
                    raise
            finally:
                rounds.durations[index] = time.monotonic() - began

        indexes = range(len(step.items))
        if step.parallel:
            for index in indexes:
                announce(index)
            await self._all([work(index) for index in indexes])
        else:
            for index in indexes:
                announce(index)
                await work(index)
        if self._dialect.last_next and step.items:
            announce(len(step.items))

    async def _loop(self, step: Loop, scope: Scope) -> JSONObject:
        record = self._mark(step.id, "loop", step.title, scope)
        self._publish("loop_started", self.payloads.rounds_started(step))
        variables = dict(step.variables)
        durations: list[float] = []
        try:
            for index in range(step.rounds):
                if index:
                    self._publish("loop_next", self.payloads.round_next(step, index, {}))
                began = time.monotonic()
                inner = attrs.evolve(scope, loop=(step.id, index), within=(record.id, index))
                changed = await self._drive(step.each(index, dict(variables)), inner)
                durations.append(time.monotonic() - began)
                if changed is None:
                    break
                variables |= changed
        except NodeError:
            self._rounds_over(step, record, {}, durations, failed=True)
            raise
        outputs = {**variables, "loop_round": len(durations)}
        self._rounds_over(step, record, outputs, durations, failed=False)
        return variables

    def _mark(self, id: str, kind: str, title: str | None, scope: Scope) -> NodeRun:
        """Number an iteration or loop among the nodes; it has no node events of its own."""
        before = self.nodes[-1].node.id if self.nodes else None
        node = NodeRun(BeginNode(id, kind, title), scope, len(self.nodes) + 1, before)
        self.nodes.append(node)
        self._count(scope)
        self._save_node(node)
        return node

    def _rounds_over(
        self,
        step: Iteration | Loop,
        node: NodeRun,
        outputs: JSONObject,
        durations: list[float],
        *,
        failed: bool,
    ) -> None:
        node.status, node.ended = "failed" if failed else "succeeded", time.time()
        node.outputs = outputs
        self._save_node(node)
        kind = "iteration" if isinstance(step, Iteration) else "loop"
        data = self.payloads.rounds_completed(step, outputs, durations, failed=failed)
        self._publish(f"{kind}_completed", data)

    async def _branches(self, branches: Sequence[Steps], scope: Scope) -> list[JSON]:
        parallel_id = str(uuid4())
        works = [self._branch(branch, scope, parallel_id) for branch in branches]
        if self._dialect.runs_branches_at_once:
            return await self._all(works)
        return [await work for work in works]

    async def _branch(self, steps: Steps, scope: Scope, parallel_id: str) -> JSON:
        """A branch; up to 1.8 it is announced with its first node."""
        if not self._dialect.parallel_keys:
            return await self._drive(steps, scope)
        first = await _advance(steps, None, None)
        if not isinstance(first[1], BeginNode):
            raise TypeError(f"a branch begins with a node, not with {first[1]!r}")
        inner = attrs.evolve(scope, parallel_id=parallel_id, branch=first[1].id)
        self._publish("parallel_branch_started", self.payloads.branch(inner, ended=False))
        error: str | None = None
        try:
            return await self._drive(steps, inner, first)
        except NodeError as failure:
            error = str(failure)
            raise
        finally:
            data = self.payloads.branch(inner, error, ended=True)
            self._publish("parallel_branch_finished", data)

    async def _all(self, works: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        """Go on with several things at once; the first failure ends them all."""
        if not works:
            return []
        left = len(works)
        self._going_on += left - 1

        async def counted(work: Coroutine[Any, Any, Any]) -> Any:
            nonlocal left
            result: Any = None
            try:
                result = await work
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
        form = Form.of(step, self._record.id)
        self._forms.add(form, self._record.app)
        node.status, node.ended = "paused", time.time()
        self._save_node(node)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[FormAnswer] = loop.create_future()
        self._waiting[form.token] = form, node, future
        self._publish("human_input_required", self.payloads.form_required(form))
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
