"""What spans tell: their attributes, and the nodes of a run as spans of their own. Pure.

Events say twice when nodes were at work: by when they arrive, which is late where whoever reads the
stream is slow, and by the server's times, which are whole seconds with exact durations.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import attrs

from .._json import JSON, encode
from ..errors import APIStatusError
from ..models import WorkflowRunResponse
from ..timeline.facts import Facts
from ..timeline.model import Execution, Instant, Timeline, ahead, settle, with_inner

Attribute: TypeAlias = str | bool | int | float
Attributes: TypeAlias = dict[str, Attribute]

_ERROR_TYPES = {"failed": "WorkflowFailedError", "exception": "NodeFailedError"}
"""By status of what failed."""

# -------------------------------------------------------------------------------- attributes


def present(values: Mapping[str, Attribute | None]) -> Attributes:
    """The attributes of which something is known."""
    return {name: value for name, value in values.items() if value is not None}


def as_json(value: JSON) -> str | None:
    """A value as an attribute; None where there is none."""
    if value is None:
        return None
    try:
        return encode(value).decode()
    except ValueError:  # NaN, or half a surrogate pair: servers up to 1.7 send them
        return json.dumps(value)


def of_run(run: WorkflowRunResponse, *, content: bool) -> Attributes:
    """How a run ended.

    Args:
        run: The run.
        content: Whether its outputs are shown.
    """
    return present(
        {
            "dify.run.id": run.id,
            "dify.task.id": run.task_id,
            "dify.workflow.id": run.workflow_id,
            "dify.run.status": str(run.status),
            "dify.run.elapsed_time": run.elapsed_time,
            "dify.run.total_tokens": run.total_tokens,
            "dify.run.total_steps": run.total_steps,
            "dify.run.exceptions_count": run.exceptions_count,
            "dify.run.outputs": as_json(run.outputs) if content else None,
            "error.type": _ERROR_TYPES.get(str(run.status)),
        }
    )


def of_failure(failure: BaseException) -> Attributes:
    """What kind of error there was; what it says may quote inputs."""
    known: dict[str, Attribute | None] = {"error.type": type(failure).__name__}
    if isinstance(failure, APIStatusError):
        known["http.response.status_code"] = failure.status_code
        known["dify.error.code"] = failure.code
    return present(known)


def of_usage(timeline: Timeline) -> Attributes:
    """Tokens that went in and came out, where the nodes tell of all that the run used."""
    told = [usage for node in with_inner(timeline.executions) if (usage := _usage(node))]
    asked, answered = sum(each[0] for each in told), sum(each[1] for each in told)
    if not told or asked + answered != timeline.tokens:
        return {}
    return {"gen_ai.usage.input_tokens": asked, "gen_ai.usage.output_tokens": answered}


def _of_node(node: Execution, *, content: bool) -> Attributes:
    model = Facts(node.model)
    asked, answered = _usage(node) or (None, None)
    known: dict[str, Attribute | None] = {
        "dify.node.id": node.node_id,
        "dify.node.execution_id": node.id,
        "dify.node.type": node.kind or None,
        "dify.node.title": node.title,
        "dify.node.status": node.status,
        "dify.node.elapsed_time": node.elapsed,
        "dify.node.parallel_branch": node.branch,
        "dify.node.total_tokens": node.tokens or None,
        "dify.node.total_price": None if node.price is None else str(node.price),
        "dify.node.currency": node.currency or None,
        "dify.node.told_late": True if node.end and node.end.arrived is None else None,
        "error.type": _ERROR_TYPES["exception"] if node.status in _ERROR_TYPES else None,
        "gen_ai.request.model": model.text("model_name"),
        "dify.model.provider": model.text("model_provider"),
        "gen_ai.usage.input_tokens": asked,
        "gen_ai.usage.output_tokens": answered,
    }
    if node.around is not None:
        known[f"dify.{node.around.kind}.index"] = node.round
    if content:
        known["dify.node.inputs"] = as_json(node.values.get("Inputs"))
        known["dify.node.outputs"] = as_json(node.values.get("Outputs"))
    return present(known)


def _usage(node: Execution) -> tuple[int, int] | None:
    usage = Facts(node.model).inside("usage")
    asked, answered = usage.count("prompt_tokens"), usage.count("completion_tokens")
    return None if asked is None or answered is None else (asked, answered)


# -------------------------------------------------------------------------------- spans


@attrs.frozen
class SpanEvent:
    """An event within a span."""

    name: str
    time: int  # Unix nanoseconds
    attributes: Attributes


@attrs.frozen
class NodeSpan:
    """A node at work."""

    name: str
    begin: int  # Unix nanoseconds
    end: int
    attributes: Attributes
    error: str | None  # None where it did not fail
    events: tuple[SpanEvent, ...]
    inside: tuple[NodeSpan, ...]  # where it is an iteration or a loop


class NodeSpans:
    """Turns the timeline of a run into spans.

    None sticks out of what it is in. A node is at work when its events arrived; where one arrived
    late by the server's clock, in the second that the server names. A node that worked in one go
    lasts as long as the server says, and none begins before one that was told to have ended before
    it.

    Args:
        timeline: The run.
        begin: When its span began, in seconds by this machine's clock.
        end: When it ends.
        content: Whether inputs, outputs and error texts are shown.
        is_followed: Whether the run was begun before, by somebody else: of nodes that ended before
            this, it is not known when they ran.
    """

    def __init__(
        self, timeline: Timeline, begin: float, end: float, *, content: bool, is_followed: bool
    ) -> None:
        settle(timeline.instants)
        self._timeline = timeline
        self._begin, self._end = begin, end
        self._content = content
        self._is_followed = is_followed
        self._ahead = ahead(timeline.instants)
        self._times: dict[int, tuple[float, float]] = {}
        self._place(list(with_inner(timeline.executions)))

    def spans(self) -> tuple[NodeSpan, ...]:
        """The spans of all nodes that stand in no other one."""
        return self._within(self._timeline.executions, self._begin, self._end)

    def events(self) -> Iterable[SpanEvent]:
        """What happened to the run and its stream."""
        for gap in self._timeline.gaps:
            seconds = 0.0 if gap.end is None else max(gap.end.time - gap.begin.time, 0.0)
            about: Attributes = {"dify.stream.gap.seconds": round(seconds, 6)}
            yield self._event("dify.stream.gap", gap.begin, about)
        for pause in self._timeline.pauses:
            yield self._event("dify.run.paused", pause.begin)
            if pause.end is not None:
                yield self._event("dify.run.resumed", pause.end)

    def _within(self, nodes: Iterable[Execution], begin: float, end: float) -> tuple[NodeSpan, ...]:
        return tuple(self._span(node, begin, end) for node in nodes if self._was_seen(node))

    def _was_seen(self, node: Execution) -> bool:
        """Whether it was seen at work; in a run that this client sent, all were."""
        seen = (node.begin.arrived, node.end and node.end.arrived)
        return not self._is_followed or any(each is not None for each in seen)

    def _span(self, node: Execution, least: float, most: float) -> NodeSpan:
        begin, end = (min(max(each, least), most) for each in self._times[id(node)])
        attributes = _of_node(node, content=self._content)
        error = (node.error or "") if self._content else ""
        return NodeSpan(
            f"{node.kind} {node.title}".strip(),
            nanoseconds(begin),
            nanoseconds(end),
            attributes,
            error if "error.type" in attributes else None,
            tuple(self._events_in(node)),
            self._within(node.inside, begin, end),
        )

    def _events_in(self, node: Execution) -> Iterable[SpanEvent]:
        for attempt in node.attempts:
            known = {
                "dify.node.retry.number": attempt.number,
                "dify.node.retry.error": attempt.error if self._content else None,
            }
            yield self._event("dify.node.retry", attempt.end, present(known))
        for form in node.forms.values():
            yield self._event("dify.human_input.required", form.begin)
            if form.end is not None:
                yield self._event("dify.human_input.closed", form.end)

    def _event(
        self, name: str, instant: Instant, attributes: Attributes | None = None
    ) -> SpanEvent:
        return SpanEvent(name, nanoseconds(self._local(instant)), attributes or {})

    def _local(self, instant: Instant) -> float:
        """When something was by this machine's clock, in Unix seconds."""
        return instant.time + self._ahead

    def _place(self, nodes: list[Execution]) -> None:
        """Place the nodes, in the order in which their beginnings and ends were told."""
        told = [(node.begin.order, False, at) for at, node in enumerate(nodes)]
        told += [(node.end.order, True, at) for at, node in enumerate(nodes) if node.end]
        now = 0.0
        for _, is_end, at in sorted(told):
            node = nodes[at]
            if is_end:
                now = max(now, self._times[id(node)][1])
            else:
                self._times[id(node)] = begin, _ = self._extent(node, now)
                now = begin
        # Events that arrive late and together push nodes beyond the end of the run: they are moved
        # back, because the run's span has room for all that the server did.
        latest = self._end
        for _, is_end, at in sorted(told, reverse=True):
            node = nodes[at]
            begin, end = self._times[id(node)]
            late = max((end if is_end else begin) - latest, 0.0)
            moves_whole = _lasts(node) is not None
            begin -= late if moves_whole or not is_end else 0.0
            end -= late if moves_whole or is_end else 0.0
            self._times[id(node)] = begin, end
            if not is_end:
                latest = begin

    def _extent(self, node: Execution, least: float) -> tuple[float, float]:
        begin = self._local(node.begin)
        end = self._end if node.end is None else self._local(node.end)
        lasts = _lasts(node)
        if node.end is None or lasts is None:
            begin = max(begin, least)
            return begin, max(begin, end)
        latest = end - lasts  # that it began, if its end was not told late
        was_seen = node.begin.arrived is not None or node.end.arrived is None
        begin = max(min(begin, latest) if was_seen else latest, least)
        return begin, begin + lasts


def _lasts(node: Execution) -> float | None:
    """Seconds that a node was at work in one go, as the server says; None where it does not."""
    is_one_go = not (node.is_container or node.attempts or node.forms)
    return node.elapsed if is_one_go and node.end is not None else None


def nanoseconds(seconds: float) -> int:
    """Seconds as OpenTelemetry counts time."""
    return round(seconds * 1_000_000_000)
