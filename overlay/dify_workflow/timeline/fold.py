"""Events of a run into its timeline, one by one. Pure.

Events are kept only where the report shows them: of a text its pieces are not, but how they join.
"""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

from .._event import FailureEvent, StreamEvent
from .._json import JSON, is_list, is_object
from .._replay import StreamGap
from .._run_state import is_resumption
from ..events import (
    AgentLog,
    HumanInputFormFilled,
    HumanInputFormTimeout,
    HumanInputRequired,
    IterationCompleted,
    IterationNext,
    IterationStarted,
    LoopCompleted,
    LoopNext,
    LoopStarted,
    NodeFinished,
    NodeRetry,
    NodeStarted,
    ParallelBranchFinished,
    ParallelBranchStarted,
    ReasoningChunk,
    StreamErrorEvent,
    TextChunk,
    TextReplace,
    TtsMessage,
    TtsMessageEnd,
    WorkflowFinished,
    WorkflowPaused,
    WorkflowStarted,
)
from .executions import ROUNDS, Executions
from .facts import Facts
from .instants import Instant
from .model import Attempt, Execution, Form, Round, Span, Streamed, Timeline

_VALUES = ("inputs", "process_data", "outputs", "files")

_COUNTED = (ParallelBranchStarted, ParallelBranchFinished, TtsMessage, TtsMessageEnd)
"""Events that are counted only: nodes tell of their branches, and sound cannot be shown."""


class Folding:
    """Folds the events of one run, in the order in which they came, into its timeline."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self._executions = Executions(self.timeline.executions, self._instant)
        self._count = 0
        self._arrived: float | None = None
        self._before: tuple[int, float | None] = (0, None)
        """The latest event that told something for the first time: its number and arrival."""
        self._waits: Span | None = None
        self._gap: Span | None = None
        self._handlers: dict[type, Callable[[StreamEvent[object], Facts], None]] = {
            WorkflowStarted: self._run_started,
            WorkflowFinished: self._run_finished,
            WorkflowPaused: self._run_paused,
            StreamErrorEvent: self._not_set_up,
            StreamGap: self._gap_told,
            NodeStarted: self._node_started,
            NodeFinished: self._node_finished,
            NodeRetry: self._node_retried,
            IterationStarted: self._opened,
            LoopStarted: self._opened,
            IterationNext: self._next,
            LoopNext: self._next,
            IterationCompleted: self._completed,
            LoopCompleted: self._completed,
            HumanInputRequired: self._form_required,
            HumanInputFormFilled: self._form_closed,
            HumanInputFormTimeout: self._form_closed,
            AgentLog: self._agent_step,
            ReasoningChunk: self._reasoned,
            TextChunk: self._text_came,
            TextReplace: self._text_replaced,
        }

    def take(self, event: StreamEvent[object], arrived: float | None = None) -> None:
        """Add an event.

        Args:
            event: The event.
            arrived: When it arrived, in seconds by any clock; None where that is not known.
        """
        self._count += 1
        is_new = not isinstance(event, StreamGap) and not _is_told_again(event)
        # A replay tells what was, so when it arrives says nothing.
        self._arrived = None if _is_told_again(event) else arrived
        run = self.timeline
        run.events[event.event] += 1
        run.run_id = run.run_id or Facts(event.raw).text("workflow_run_id")
        run.task_id = run.task_id or (event.task_id if isinstance(event.task_id, str) else None)
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event, Facts(event.raw.get("data")))
        elif not isinstance(event, _COUNTED):
            run.others.append(event.raw)
        if is_new:
            self._before = (self._count, arrived)

    def lose(self, reason: str, arrived: float | None = None) -> None:
        """Note that the stream was lost for good.

        Args:
            reason: Why.
            arrived: When that was known.
        """
        order, before = self._before
        begin = self._known(Instant(order, arrived=before))
        self._count += 1
        self._arrived = arrived
        self.timeline.is_lost = True
        self.timeline.gaps.append(Span(begin, self._instant(), reason))

    # -------------------------------------------------------------------------------- instants

    def _known(self, instant: Instant) -> Instant:
        self.timeline.instants.append(instant)
        return instant

    def _instant(
        self, stamp: float | None = None, after: Instant | None = None, seconds: float | None = None
    ) -> Instant:
        """The moment that the event tells of."""
        instant = self._known(Instant(self._count, stamp, self._arrived, after, seconds or 0.0))
        for span in (self._gap, self._waits):
            if span is not None:
                span.end = instant
        self._gap = self._waits = None  # something happened, whatever it was
        return instant

    # -------------------------------------------------------------------------------- the run

    def _run_started(self, event: StreamEvent[object], data: Facts) -> None:
        run = self.timeline
        if isinstance(event, WorkflowStarted) and is_resumption(event):
            self._instant(data.number("created_at"))
            run.status, run.end = "running", None
        run.begin = run.begin or self._instant(data.number("created_at"))
        run.workflow_id = run.workflow_id or data.text("workflow_id")
        run.values = data.values("inputs") | run.values

    def _run_finished(self, event: StreamEvent[object], data: Facts) -> None:
        run = self.timeline
        run.elapsed = data.number("elapsed_time")
        whole = None if run.pauses else run.begin
        run.end = self._instant(data.number("finished_at"), whole, run.elapsed)
        self._ended(data)

    def _run_paused(self, event: StreamEvent[object], data: Facts) -> None:
        run = self.timeline
        self._ended(data)
        if self._waits is None:  # a pause is told again to whoever takes the stream up
            leg = None if run.pauses else run.begin
            run.end = self._instant(None, leg, data.number("elapsed_time"))
            self._waits = Span(run.end)
            run.pauses.append(self._waits)

    def _ended(self, data: Facts) -> None:
        run = self.timeline
        run.status = data.text("status") or "unknown"
        run.error = data.text("error")
        run.workflow_id = run.workflow_id or data.text("workflow_id")
        run.values |= data.values("outputs", "files")
        run.tokens, run.steps = data.count("total_tokens"), data.count("total_steps")

    def _not_set_up(self, event: StreamEvent[object], _data: Facts) -> None:
        if isinstance(event, FailureEvent):
            run = self.timeline
            run.status, run.error = "failed", Facts(event.raw).text("message")
            run.end = self._instant()

    def _gap_told(self, _event: StreamEvent[object], data: Facts) -> None:
        order, arrived = self._before
        begin = self._known(Instant(order, arrived=arrived))
        self._gap = Span(begin, None, data.text("reason") or "")
        self.timeline.gaps.append(self._gap)

    # -------------------------------------------------------------------------------- nodes

    def _node_started(self, _event: StreamEvent[object], data: Facts) -> None:
        node = self._executions.of(data)
        if node.end is None:
            node.status = "running"

    def _node_finished(self, event: StreamEvent[object], data: Facts) -> None:
        node = self._executions.of(data)
        if node.end is not None and _is_told_again(event):
            return  # told again, with less
        node.values |= data.values(*_VALUES)
        node.truncated |= data.truncated(*_VALUES)
        cost = data.inside("execution_metadata")
        if (
            node.around is not None
            and (index := cost.count(f"{node.around.kind}_index")) is not None
        ):
            node.round = index
        node.tokens = cost.count("total_tokens") or 0
        node.price, node.currency = cost.amount("total_price"), cost.text("currency") or ""
        node.status = data.text("status") or "unknown"
        node.error = data.text("error")
        if node.status != "paused":
            self._end(node, data)

    def _end(self, node: Execution, data: Facts) -> None:
        node.elapsed = data.number("elapsed_time")
        # Of a node that waited, that is the time after it.
        begin, seconds = (node.begin, None if node.forms else node.elapsed)
        node.end = self._instant(data.number("finished_at"), begin, seconds)
        for form in node.forms.values():
            form.end = form.end or node.end  # 1.16 does not tell that they were answered

    def _node_retried(self, _event: StreamEvent[object], data: Facts) -> None:
        node = self._executions.of(data)
        begin = node.attempts[-1].end if node.attempts else node.begin
        elapsed = data.number("elapsed_time")
        end = self._instant(data.number("finished_at"), begin, elapsed)
        number = data.count("retry_index") or len(node.attempts) + 1
        node.attempts.append(Attempt(number, end, data.text("error") or "", elapsed))

    # -------------------------------------------------------------------------------- rounds

    def _opened(self, event: StreamEvent[object], data: Facts) -> None:
        node = self._executions.opened(data)
        meta = data.inside("metadata")
        lengths = (meta.count(name) for name in _LENGTHS)
        node.length = next((length for length in lengths if length is not None), 0)
        node.values |= data.values("inputs")
        node.truncated |= data.truncated("inputs")
        if isinstance(event, LoopStarted):  # its first round is not told
            node.rounds[0] = Round(0, node.begin)

    def _next(self, event: StreamEvent[object], data: Facts) -> None:
        node = self._executions.of(data)
        index = data.count("index") or 0
        loops = isinstance(event, LoopNext)
        before = data.raw.get("pre_loop_output" if loops else "pre_iteration_output")
        node.length = node.length or 0
        if index >= node.length > 0 and not loops:
            return  # up to Dify 1.8 there is one event more than items
        # Its time is that of the whole iteration: when it came is all that is known.
        node.rounds[index] = Round(index, self._instant(after=node.begin), before or None)

    def _completed(self, _event: StreamEvent[object], data: Facts) -> None:
        node = self._executions.of(data)
        node.length = node.length or 0
        cost = data.inside("execution_metadata")
        node.values |= data.values("inputs", "outputs")
        node.truncated |= data.truncated("inputs", "outputs")
        node.tokens = data.count("total_tokens") or 0
        node.status = data.text("status") or "unknown"
        node.error = data.text("error")
        self._end(node, data)
        for kind in ROUNDS:
            durations = cost.inside(f"{kind}_duration_map")
            for index, each in node.rounds.items():
                each.duration = durations.number(str(index)) or each.duration

    # -------------------------------------------------------------------------------- the rest

    def _form_required(self, _event: StreamEvent[object], data: Facts) -> None:
        node = self._executions.named(data)
        identifier = data.text("form_id") or str(len(node.forms))
        if identifier in node.forms:
            return  # told again
        node.status = "paused"
        form = Form(
            self._instant(after=node.begin),
            data.text("form_content") or "",
            data.raw.get("inputs"),
            data.raw.get("actions"),
            data.number("expiration_time"),
        )
        node.forms[identifier] = form

    def _form_closed(self, event: StreamEvent[object], data: Facts) -> None:
        node = self._executions.named(data)
        waiting = [form for form in node.forms.values() if form.end is None]
        if waiting:
            form = waiting[0]
            form.end = self._instant(after=form.begin)
            is_answer = isinstance(event, HumanInputFormFilled)
            action = data.text("action_text") or data.text("action_id")
            form.answer = action if is_answer else "Nobody answered in time."
            form.content = data.text("rendered_content") or form.content
            form.values = data.raw.get("submitted_data")

    def _agent_step(self, _event: StreamEvent[object], data: Facts) -> None:
        node = self._executions.named(data, data.text("node_execution_id"))
        node.steps[data.text("id") or str(len(node.steps))] = data.raw

    def _reasoned(self, _event: StreamEvent[object], data: Facts) -> None:
        node = self._executions.named(data)
        node.reasoning = node.reasoning or StringIO()
        node.reasoning.write(data.text("reasoning") or "")

    def _text_came(self, _event: StreamEvent[object], data: Facts) -> None:
        piece = data.text("text") or ""
        self.timeline.text.write(piece)
        selector: JSON = data.raw.get("from_variable_selector")
        source: JSON = selector[0] if is_list(selector) and selector else None
        node = self._executions.latest(source) if isinstance(source, str) else None
        if node is None:
            return
        streamed = node.streamed
        if streamed is None:
            streamed = node.streamed = Streamed(self._instant(), self._instant())
        streamed.end.order, streamed.end.arrived = self._count, self._arrived
        streamed.pieces += 1
        streamed.characters += len(piece)

    def _text_replaced(self, _event: StreamEvent[object], data: Facts) -> None:
        self.timeline.text = StringIO()
        self.timeline.text.write(data.text("text") or "")


_LENGTHS = ("iteration_length", "iterator_length", "loop_length")


def _is_told_again(event: StreamEvent[object]) -> bool:
    """Whether an event comes from a replay, which tells nodes with fewer keys than any live one."""
    data: JSON = event.raw.get("data")
    is_node = isinstance(event, NodeStarted | NodeFinished) and is_object(data)
    return is_node and "inputs_truncated" not in data and "parallel_id" not in data
