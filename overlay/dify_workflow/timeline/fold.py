"""Builds the timeline of a run from its events, one by one. Pure.

It does not keep the events, and of streamed text only the joined pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from itertools import pairwise

from .._json import JSON, is_list
from ..events.base import StreamEvent
from .facts import Facts
from .model import ROUNDS, Attempt, Execution, Form, Instant, Round, Span, Streamed, Timeline

_VALUES = ("inputs", "process_data", "outputs", "files")
_OF_MODEL = ("usage", "model_name", "model_provider")
_LENGTHS = ("iteration_length", "iterator_length", "loop_length")
_DEEPEST = 20
"""The largest depth of iterations and loops that is shown. Dify allows less."""
_WAITS = "waits for a person"

_COUNTED = frozenset(
    {"parallel_branch_started", "parallel_branch_finished", "tts_message", "tts_message_end"}
)
"""Events that are only counted: nodes carry their branches, and sound cannot be shown."""


class Fold:
    """Folds the events of one run, in their order, into its timeline.

    Args:
        content: Whether inputs, outputs and the like are kept, which may use much memory.
    """

    def __init__(self, *, content: bool = True) -> None:
        self.timeline = Timeline()
        self._content = content
        self._by_id: dict[str, Execution] = {}
        self._by_node: dict[str, Execution] = {}
        """The latest execution that was reported for each node."""
        self._count = 0
        self._reported: float | None = None
        self._arrived: float | None = None
        self._before: tuple[int, float | None] = (0, None)
        """Number and arrival of the latest event that reported something new."""
        self._waits: Span | None = None
        self._gap: Span | None = None
        self._event = ""
        """Name of the current event."""
        self._is_replayed = False
        self._handlers: dict[str, Callable[[Facts], None]] = {
            "workflow_started": self._run_started,
            "workflow_finished": self._run_finished,
            "workflow_paused": self._run_paused,
            "stream_gap": self._gap_reported,
            "node_started": self._node_started,
            "node_finished": self._node_finished,
            "node_retry": self._node_retried,
            "iteration_started": self._opened,
            "loop_started": self._opened,
            "iteration_next": self._next,
            "loop_next": self._next,
            "iteration_completed": self._completed,
            "loop_completed": self._completed,
            "human_input_required": self._form_required,
            "human_input_form_filled": self._form_closed,
            "human_input_form_timeout": self._form_closed,
            "agent_log": self._agent_step,
            "reasoning_chunk": self._reasoned,
            "text_chunk": self._text_came,
            "text_replace": self._text_replaced,
        }

    def take(self, event: StreamEvent[object], arrived: float | None = None) -> None:
        """Add an event.

        Args:
            event: The event.
            arrived: When it arrived, in seconds by any clock; None if unknown.
        """
        self._count += 1
        raw, data = Facts(event.raw), Facts(event.raw.get("data"))
        self._event = event.event
        self._is_replayed = _is_replayed(self._event, data)
        self._reported = arrived
        # A replay reports the past, so its arrival says nothing about when things happened.
        self._arrived = None if self._is_replayed else arrived
        run = self.timeline
        run.events[self._event] += 1
        run.run_id = run.run_id or raw.text("workflow_run_id")
        if run.task_id is None and (task_id := raw.text("task_id")) != run.run_id:
            run.task_id = task_id  # in a replay, this key holds the run's id
        if self._event == "error":  # the run could not be set up
            run.status, run.error, run.end = "failed", raw.text("message"), self._instant()
        elif handler := self._handlers.get(self._event):
            handler(data)
        elif self._content and self._event not in _COUNTED:
            run.others.append(event.raw)
        if not self._is_replayed and self._event != "stream_gap":
            self._before = (self._count, arrived)

    def lose(self, reason: str, arrived: float | None = None) -> None:
        """Note that the stream was lost for good.

        Args:
            reason: The reason.
            arrived: When the client knew it.
        """
        begin = self._last_reported()
        self._count += 1
        self._reported = self._arrived = arrived
        self.timeline.is_lost = True
        self.timeline.gaps.append(Span(begin, self._instant(), reason))

    # -------------------------------------------------------------------------------- instants

    def _known(self, instant: Instant) -> Instant:
        self.timeline.instants.append(instant)
        return instant

    def _last_reported(self) -> Instant:
        order, arrived = self._before
        return self._known(Instant(order, arrived=arrived))

    def _instant(
        self, stamp: float | None = None, after: Instant | None = None, seconds: float | None = None
    ) -> Instant:
        """Return the moment that the event reports."""
        instant = Instant(self._count, stamp, self._arrived, after, seconds or 0.0, self._reported)
        for span in (self._gap, self._waits):
            if span is not None:
                span.end = instant
        self._gap = self._waits = None  # any event ends a gap or a wait
        return self._known(instant)

    # -------------------------------------------------------------------------------- the run

    def _run_started(self, data: Facts) -> None:
        run = self.timeline
        if data.text("reason") == "resumption":
            self._instant(data.number("created_at"))
            run.status, run.end = "running", None
        run.begin = run.begin or self._instant(data.number("created_at"))
        run.workflow_id = run.workflow_id or data.text("workflow_id")
        if self._content:
            run.values = data.values("inputs") | run.values

    def _run_finished(self, data: Facts) -> None:
        run = self.timeline
        run.elapsed = data.number("elapsed_time")
        whole = None if run.pauses else run.begin
        run.end = self._instant(data.number("finished_at"), whole, run.elapsed)
        self._ended(data)

    def _run_paused(self, data: Facts) -> None:
        run = self.timeline
        self._ended(data)
        if self._waits is None:  # a resumed stream reports a pause again
            leg = None if run.pauses else run.begin
            run.end = self._instant(None, leg, data.number("elapsed_time"))
            self._waits = Span(run.end)
            run.pauses.append(self._waits)

    def _ended(self, data: Facts) -> None:
        run = self.timeline
        run.status = data.text("status") or "unknown"
        run.error = data.text("error")
        run.workflow_id = run.workflow_id or data.text("workflow_id")
        run.tokens = data.count("total_tokens")
        if self._content:
            run.values |= data.values("outputs", "files")

    def _gap_reported(self, data: Facts) -> None:
        self._gap = Span(self._last_reported(), None, data.text("reason") or "")
        self.timeline.gaps.append(self._gap)

    # -------------------------------------------------------------------------------- nodes

    def _node_started(self, data: Facts) -> None:
        node = self._execution(data)
        if node.end is None:
            node.status, node.note = "running", ""

    def _node_finished(self, data: Facts) -> None:
        node = self._execution(data)
        if node.end is not None and self._is_replayed:
            return  # reported again, with fewer keys
        self._keep(node, data, *_VALUES)
        process, cost = data.inside("process_data"), data.inside("execution_metadata")
        node.model = {name: process.raw[name] for name in _OF_MODEL if name in process.raw}
        if node.around is not None:
            index = cost.count(f"{node.around.kind}_index")
            node.round = node.round if index is None else index
        node.tokens = cost.count("total_tokens") or 0
        node.price, node.currency = cost.price("total_price"), cost.text("currency") or ""
        self._end(node, data)

    def _end(self, node: Execution, data: Facts) -> None:
        node.status = data.text("status") or "unknown"
        node.error = data.text("error")
        node.note = _WAITS if node.status == "paused" else ""
        if node.status == "paused":
            return
        node.elapsed = data.number("elapsed_time")
        # For a node that waited, this is the time after the wait.
        begin, seconds = (node.begin, None if node.forms else node.elapsed)
        node.end = self._instant(data.number("finished_at"), begin, seconds)
        for form in node.forms.values():
            form.end = form.end or node.end  # Dify 1.16 does not report that forms were answered

    def _node_retried(self, data: Facts) -> None:
        # Older servers give this event an id of its own.
        node = self._named(data, data.text("id"))
        begin = node.attempts[-1].end if node.attempts else node.begin
        elapsed = data.number("elapsed_time")
        end = self._instant(data.number("finished_at"), begin, elapsed)
        number = data.count("retry_index") or len(node.attempts) + 1
        node.attempts.append(Attempt(number, end, data.text("error") or "", elapsed))

    def _keep(self, node: Execution, data: Facts, *names: str) -> None:
        if self._content:
            node.values |= data.values(*names)
            node.truncated |= data.truncated(*names)

    # -------------------------------------------------------------------------------- rounds

    def _opened(self, data: Facts) -> None:
        node_id = data.text("node_id") or "?"
        known = self._by_node.get(node_id)
        if known is not None and known.end is not None:  # repeated, in a round of another one
            self._by_id.pop(data.text("id") or node_id, None)
        node = self._execution(data)
        meta = data.inside("metadata")
        lengths = (meta.count(name) for name in _LENGTHS)
        node.length = next((length for length in lengths if length is not None), 0)
        self._keep(node, data, "inputs")
        if self._event == "loop_started":  # its first round is not reported
            node.rounds[0] = Round(0, node.begin)

    def _next(self, data: Facts) -> None:
        node = self._execution(data)
        index = data.count("index") or 0
        loops = self._event == "loop_next"
        before = data.raw.get("pre_loop_output" if loops else "pre_iteration_output")
        if not node.is_container:
            node.length = 0
        if node.length and index >= node.length and not loops:
            return  # up to Dify 1.8 there is one more event than there are items
        # Its time is that of the whole iteration; only the arrival of the event is known.
        begin = self._instant(after=node.begin)
        node.rounds[index] = Round(index, begin, (before or None) if self._content else None)

    def _completed(self, data: Facts) -> None:
        node = self._execution(data)
        if not node.is_container:
            node.length = 0
        node.tokens = data.count("total_tokens") or 0
        self._keep(node, data, "inputs", "outputs")
        self._end(node, data)
        for kind in ROUNDS:
            durations = data.inside("execution_metadata").inside(f"{kind}_duration_map")
            for index, each in node.rounds.items():
                each.duration = durations.number(str(index)) or each.duration

    # ------------------------------------------------------------------------- within a node

    def _form_required(self, data: Facts) -> None:
        node = self._named(data)
        identifier = data.text("form_id") or str(len(node.forms))
        if identifier in node.forms:
            return  # reported again
        node.status, node.note = "paused", _WAITS
        form = Form(
            self._instant(after=node.begin),
            data.text("form_content") or "",
            data.raw.get("inputs"),
            data.raw.get("actions"),
            data.number("expiration_time"),
        )
        node.forms[identifier] = form

    def _form_closed(self, data: Facts) -> None:
        node = self._named(data)
        is_answer = self._event == "human_input_form_filled"
        action = data.text("action_text") or data.text("action_id")
        node.note = (action or "") if is_answer else "nobody answered in time"
        waiting = [form for form in node.forms.values() if form.end is None]
        if waiting:
            form = waiting[0]
            form.end = self._instant(after=form.begin)
            form.answer = action if is_answer else "Nobody answered in time."
            form.content = data.text("rendered_content") or form.content
            form.values = data.raw.get("submitted_data")

    def _agent_step(self, data: Facts) -> None:
        node = self._named(data, data.text("node_execution_id"))
        node.note = data.text("label") or ""
        if self._content:
            node.steps[data.text("id") or str(len(node.steps))] = data.raw

    def _reasoned(self, data: Facts) -> None:
        node = self._named(data)
        node.note = "thinking"
        if self._content:
            node.reasoning = node.reasoning or StringIO()
            node.reasoning.write(data.text("reasoning") or "")

    def _text_came(self, data: Facts) -> None:
        piece = data.text("text") or ""
        self.timeline.text.write(piece)
        selector: JSON = data.raw.get("from_variable_selector")
        source: JSON = selector[0] if is_list(selector) and selector else None
        node = self._by_node.get(source) if isinstance(source, str) else None
        if node is None:
            return
        streamed = node.streamed
        if streamed is None:
            streamed = node.streamed = Streamed(self._instant(), self._instant())
        streamed.end.order, streamed.end.arrived = self._count, self._arrived
        streamed.pieces += 1
        streamed.characters += len(piece)

    def _text_replaced(self, data: Facts) -> None:
        self.timeline.text = StringIO()
        self.timeline.text.write(data.text("text") or "")

    # ------------------------------------------------------------ which execution, and its parent

    def _execution(self, data: Facts) -> Execution:
        """Return the execution that a payload is about, and create it if it is new."""
        node_id = data.text("node_id") or "?"
        identifier = data.text("id") or node_id
        node = self._by_id.get(identifier) or self._by_other_id(node_id, identifier, data)
        if node is None:
            node = self._new(identifier, node_id, data)
        self._by_id[identifier] = self._by_node[node_id] = node
        return node

    def _named(self, data: Facts, identifier: str | None = None) -> Execution:
        """Return the execution with an id, or the latest one of the node in the payload."""
        node_id = data.text("node_id") or "?"
        known = self._by_id.get(identifier) if identifier else None
        known = known or self._by_node.get(node_id)
        return known or self._execution(Facts({**data.raw, "id": node_id}))

    def _by_other_id(self, node_id: str, identifier: str, data: Facts) -> Execution | None:
        """Return the iteration or loop that has its node's id live, and another id in replays."""
        known = self._by_node.get(node_id)
        if known is None or data.text("node_type") not in ROUNDS or not known.is_container:
            return None
        if identifier == node_id:  # live, after a replay reported it first
            return known if known.end is None else None
        if known.id != node_id:  # another execution of it
            return None
        known.id = identifier
        return known

    def _new(self, identifier: str, node_id: str, data: Facts) -> Execution:
        begin = self._instant(data.number("created_at"))
        title = data.text("title") or data.text("node_title") or node_id
        node = Execution(identifier, node_id, title, data.text("node_type") or "", begin)
        node.branch = data.text("parallel_start_node_id")
        self._put(node, data)
        self.timeline.nodes.setdefault(node_id, []).append(node)
        return node

    def _put(self, node: Execution, data: Facts) -> None:
        """Add an execution to the run, or to its iteration or loop."""
        top = self.timeline.executions
        around = [self._container(data.text(f"{kind}_id"), kind, node.begin) for kind in ROUNDS]
        found = sorted((each for each in around if each), key=lambda each: each.begin.order)
        for outer, inner in pairwise(found):
            # Only an execution that runs inside both shows that one contains the other.
            if inner.around is None and inner not in _line(outer):
                top.remove(inner)
                _put_inside(inner, outer)
        if found:
            _put_inside(node, found[-1])
        else:
            top.append(node)

    def _container(self, node_id: str | None, kind: str, begin: Instant) -> Execution | None:
        """Return the iteration or loop with an id. Replays leave out its own events."""
        if node_id is None:
            return None
        found = self._by_node.get(node_id)
        if found is None or not found.is_container:
            found = Execution(node_id, node_id, kind.capitalize(), kind, begin)
            self._by_node[node_id] = self._by_id[node_id] = found
            self.timeline.executions.append(found)
            self.timeline.nodes.setdefault(node_id, []).append(found)
        return found


def _put_inside(node: Execution, around: Execution) -> None:
    line = _line(around)
    around = line[max(len(line) - _DEEPEST, 0)]
    node.around = around
    if node.round is None:  # the end of an iteration in parallel is more exact
        node.round = next(reversed(around.rounds), None)
    around.inside.append(node)


def _line(node: Execution) -> list[Execution]:
    """Yield a node and everything around it, from the inside out."""
    found = [node]
    while (around := found[-1].around) is not None:
        found.append(around)
    return found


def _is_replayed(event: str, data: Facts) -> bool:
    """Whether an event comes from a replay. Nodes in replays have fewer keys than live ones."""
    is_node = event in {"node_started", "node_finished"} and bool(data.raw)
    return is_node and not data.raw.keys() & {"inputs_truncated", "parallel_id"}
