"""The content of spans: their attributes, and the nodes of a run as spans of their own. Pure.

There are two sources for the times of a node. The arrival of its events is late if the reader of
the stream is slow. The server's times are whole seconds with exact durations.
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
"""By the status of what failed."""

# -------------------------------------------------------------------------------- attributes


def present(values: Mapping[str, Attribute | None]) -> Attributes:
    """Return the attributes that have a value."""
    return {name: value for name, value in values.items() if value is not None}


def as_json(value: JSON) -> str | None:
    """Return a value as an attribute; None if there is no value."""
    if value is None:
        return None
    try:
        return encode(value).decode()
    except ValueError:  # NaN, or half a surrogate pair: servers up to 1.7 send them
        return json.dumps(value)


def of_run(run: WorkflowRunResponse, *, content: bool) -> Attributes:
    """Return the attributes for the end of a run.

    Args:
        run: The run.
        content: Whether to include its outputs.
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
    """Return the type of an error. Its text is left out because it may quote inputs."""
    known: dict[str, Attribute | None] = {"error.type": type(failure).__name__}
    if isinstance(failure, APIStatusError):
        known["http.response.status_code"] = failure.status_code
        known["dify.error.code"] = failure.code
    return present(known)


def of_usage(timeline: Timeline) -> Attributes:
    """Return the tokens used for input and output, if the nodes report all that the run used."""
    reports = [usage for node in with_inner(timeline.executions) if (usage := _usage(node))]
    asked, answered = sum(each[0] for each in reports), sum(each[1] for each in reports)
    if not reports or asked + answered != timeline.tokens:
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
    """The span of a node."""

    name: str
    begin: int  # Unix nanoseconds
    end: int
    attributes: Attributes
    error: str | None  # None if it did not fail
    events: tuple[SpanEvent, ...]
    inside: tuple[NodeSpan, ...]  # for an iteration or a loop


class NodeSpans:
    """Turns the timeline of a run into spans.

    No span is longer than the one around it. Times are arrival times. If an event arrived late by
    the server's clock, its time is in the second that the server names. A node that ran without a
    break lasts as long as the server says. No node begins before one that was reported to have
    ended before it.

    Args:
        timeline: The run.
        begin: When its span began, in seconds by this machine's clock.
        end: When it ends.
        content: Whether to include inputs, outputs and error texts.
        is_followed: Whether the run was started earlier or elsewhere. Then it is unknown when the
            nodes ran that ended before.
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
        """Return the spans of the outermost nodes."""
        return self._within(self._timeline.executions, self._begin, self._end)

    def events(self) -> Iterable[SpanEvent]:
        """Return what happened to the run and its stream."""
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
        """Whether events of it arrived while it ran. True if this client sent the run."""
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
        """Return a time by this machine's clock, in Unix seconds."""
        return instant.time + self._ahead

    def _place(self, nodes: list[Execution]) -> None:
        """Set the times of the nodes, in the order in which their starts and ends were reported."""
        reported = [(node.begin.order, False, at) for at, node in enumerate(nodes)]
        reported += [(node.end.order, True, at) for at, node in enumerate(nodes) if node.end]
        now = 0.0
        for _, is_end, at in sorted(reported):
            node = nodes[at]
            if is_end:
                now = max(now, self._times[id(node)][1])
            else:
                self._times[id(node)] = begin, _ = self._extent(node, now)
                now = begin
        # Events that arrive late and together push nodes beyond the end of the run. They are moved
        # back, because the server did all of it within the run's span.
        latest = self._end
        for _, is_end, at in sorted(reported, reverse=True):
            node = nodes[at]
            begin, end = self._times[id(node)]
            late = max((end if is_end else begin) - latest, 0.0)
            moves_whole = node.lasted is not None
            begin -= late if moves_whole or not is_end else 0.0
            end -= late if moves_whole or is_end else 0.0
            self._times[id(node)] = begin, end
            if not is_end:
                latest = begin

    def _extent(self, node: Execution, least: float) -> tuple[float, float]:
        begin = self._local(node.begin)
        end = self._end if node.end is None else self._local(node.end)
        if node.end is None or node.lasted is None:
            begin = max(begin, least)
            return begin, max(begin, end)
        latest = end - node.lasted  # of its start, if its end was not reported late
        was_seen = node.begin.arrived is not None or node.end.arrived is None
        begin = max(min(begin, latest) if was_seen else latest, least)
        return begin, begin + node.lasted


def nanoseconds(seconds: float) -> int:
    """Convert seconds to nanoseconds, as OpenTelemetry counts time."""
    return round(seconds * 1_000_000_000)
