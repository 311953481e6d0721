"""A run of the emulator: a workflow's steps become the events of a stream."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from typing import cast
from uuid import uuid4

from .._json import JSONObject, is_object
from ._steps import BeginNode, EndNode, NodeError, Outputs, Sleep, Step, Text
from ._workflow import Workflow

logger = logging.getLogger("dify_workflow.emulator")

STOPPED = "Stopped by user."


class Run:
    """A run from its start to its end; it goes on whoever listens.

    Args:
        workflow: What runs.
        inputs: The inputs as the workflow takes them.
        user: Who it is for.
        user_id: Id (UUID) of the end user.
        closing: Set when the emulator stops.
    """

    def __init__(
        self,
        workflow: Workflow,
        inputs: JSONObject,
        user: str,
        user_id: str,
        closing: asyncio.Event,
    ) -> None:
        self.id = str(uuid4())
        self.task_id = str(uuid4())
        self.log_id = str(uuid4())
        self.workflow = workflow
        self.user = user
        self.user_id = user_id
        self.inputs = {**inputs, **self._system_inputs()}
        self.status = "running"
        self.error: str | None = None
        self.outputs: JSONObject = {}
        self.total_tokens = 0
        self.total_steps = 0
        self.exceptions_count = 0
        self.created = time.time()
        self.finished: float | None = None
        self.was_stopped = False
        self.events: list[JSONObject] = []
        self._inputs = inputs
        self._closing = closing
        self._nodes: dict[str, tuple[BeginNode, str, float]] = {}
        self._changed = asyncio.Condition()
        self._stop = asyncio.Event()

    @property
    def elapsed(self) -> float:
        """Duration in seconds; 0 while it runs."""
        return round(self.finished - self.created, 6) if self.finished else 0.0

    async def execute(self) -> None:
        """Run the workflow to its end."""
        await self._publish("workflow_started", self._started())
        work = asyncio.ensure_future(self._work())
        stop = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if work.done():
            work.result()
        else:
            work.cancel()
            await asyncio.wait({work})
            self.was_stopped = True
        # A stopped run stays `running` in detail and logs for ever (DIFY.md section 0.2).
        if not self.was_stopped:
            self.finished = time.time()
        await self._publish("workflow_finished", self._finished())

    def stop(self) -> None:
        """Ask the run to stop; without effect where it has ended."""
        self._stop.set()

    async def published(self, position: int) -> JSONObject | None:
        """Wait for the event at a position; None where the emulator stops before.

        Args:
            position: Its number, from 0.
        """
        async with self._changed:
            await self._changed.wait_for(
                lambda: len(self.events) > position or self._closing.is_set()
            )
        return self.events[position] if len(self.events) > position else None

    async def wake(self) -> None:
        """Let everybody who waits for an event look at whether the emulator stops."""
        async with self._changed:
            self._changed.notify_all()

    async def ended(self) -> None:
        """Wait for the run's last event."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: (
                    self._closing.is_set()
                    or (bool(self.events) and self.events[-1]["event"] == "workflow_finished")
                )
            )

    async def _work(self) -> None:
        try:
            async for step in _steps_of(self.workflow, self._inputs):
                await self._take(step)
        except NodeError as error:
            self.status, self.error = "failed", str(error)
        except Exception as error:
            logger.exception("The workflow %s raised.", self.workflow.name)
            self.status, self.error = "failed", f"{type(error).__name__}: {error}"
        else:
            self.status = "partial-succeeded" if self.exceptions_count else "succeeded"
        if self.status == "failed":
            self.outputs = {}
            self.exceptions_count = self.exceptions_count or 1

    async def _take(self, step: Step) -> None:
        match step:
            case Sleep(seconds):
                await asyncio.sleep(seconds)
            case Text(text, selector):
                data = {"text": text, "from_variable_selector": list(selector)}
                await self._publish("text_chunk", data)
            case Outputs(values):
                self.outputs = values
            case BeginNode():
                self._nodes[step.id] = step, str(uuid4()), time.time()
                await self._publish("node_started", self._node_started(step))
            case EndNode():
                self.total_steps += 1
                self.total_tokens += (step.metadata or {}).get("total_tokens", 0)
                self.exceptions_count += step.status in {"failed", "exception"}
                await self._publish("node_finished", self._node_finished(step))
            case _:
                raise TypeError(f"{step!r} is no step; a workflow yields BeginNode, Text, Sleep, …")

    async def _publish(self, name: str, data: JSONObject) -> None:
        async with self._changed:
            envelope = {"event": name, "workflow_run_id": self.id, "task_id": self.task_id}
            self.events.append({**envelope, "data": data})
            self._changed.notify_all()

    # The payloads, with the keys of 1.14.2 in their order (DIFY.md section 10).

    def _system_inputs(self) -> JSONObject:
        return {
            "sys.files": [],
            "sys.user_id": self.user,
            "sys.app_id": self.workflow.app_id,
            "sys.workflow_id": self.workflow.id,
            "sys.workflow_run_id": self.id,
        }

    def _started(self) -> JSONObject:
        return {
            "id": self.id,
            "workflow_id": self.workflow.id,
            "inputs": self.inputs,
            "created_at": int(self.created),
            "reason": "initial",
        }

    def _finished(self) -> JSONObject:
        now = time.time()
        return {
            "id": self.id,
            "workflow_id": self.workflow.id,
            "status": "stopped" if self.was_stopped else self.status,
            "outputs": {} if self.was_stopped else self.outputs,
            "error": STOPPED if self.was_stopped else self.error,
            "elapsed_time": round(now - self.created, 6),
            "total_tokens": self.total_tokens,
            "total_steps": self.total_steps,
            "created_by": {"id": self.user_id, "user": self.user},
            "created_at": int(self.created),
            "finished_at": int(now),
            "exceptions_count": 0 if self.was_stopped else self.exceptions_count,
            "files": [],
        }

    def _node(self, id: str) -> JSONObject:
        begun, execution_id, _ = self._nodes[id]
        return {
            "id": execution_id,
            "node_id": id,
            "node_type": begun.type,
            "title": begun.title or id,
            "index": 1,
            "predecessor_node_id": None,
        }

    def _node_started(self, step: BeginNode) -> JSONObject:
        _, _, began = self._nodes[step.id]
        return {
            **self._node(step.id),
            "inputs": None,
            "inputs_truncated": False,
            "created_at": int(began),
            "extras": {},
            "iteration_id": None,
            "loop_id": None,
            "agent_strategy": None,
        }

    def _node_finished(self, step: EndNode) -> JSONObject:
        begun, _, began = self._nodes[step.id]
        now = time.time()
        return {
            **self._node(step.id),
            "inputs": begun.inputs,
            "inputs_truncated": False,
            "process_data": {},
            "process_data_truncated": False,
            "outputs": step.outputs,
            "outputs_truncated": False,
            "status": step.status,
            "error": step.error,
            "elapsed_time": round(now - began, 6),
            "execution_metadata": step.metadata,
            "created_at": int(began),
            "finished_at": int(now),
            "files": [],
            "iteration_id": None,
            "loop_id": None,
        }


async def _steps_of(workflow: Workflow, inputs: JSONObject) -> AsyncIterator[Step]:
    """The steps of a workflow between its start and end nodes, which every workflow has."""
    yield BeginNode("start", "start", "Start", inputs)
    yield EndNode("start", inputs)
    outputs: JSONObject = {}
    steps = workflow.body(inputs)
    if inspect.isasyncgen(steps):
        async for step in cast("AsyncGenerator[Step, None]", steps):
            if isinstance(step, Outputs):
                outputs = step.values
            else:
                yield step
    else:
        while True:
            try:
                yield next(cast("Generator[Step, None, JSONObject | None]", steps))
            except StopIteration as end:
                outputs = {} if end.value is None else end.value
                break
    if not is_object(outputs):
        raise TypeError(f"the outputs must be a dict, not {outputs!r}")
    yield BeginNode("end", "end", "End", outputs)
    yield EndNode("end", outputs)
    yield Outputs(outputs)
