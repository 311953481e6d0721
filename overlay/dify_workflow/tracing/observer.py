"""Tells OpenTelemetry of one run: the shell around what the other modules make of it."""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar, final

import attrs
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.propagate import inject
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    format_trace_id,
    set_span_in_context,
)

from .._call import Call
from .._event import StreamEvent
from .._run_state import RunState
from ..errors import DifyError
from ..events import NodeRetry
from ..models import WorkflowRunResponse
from ..timeline.fold import Fold
from . import attributes
from ._ending import Ending
from ._events import FOLLOWED, without_content
from ._finalizer import later
from ._guard import guarded, harmless
from ._subject import Subject
from ._telemetry import telemetry_of
from .attributes import Attributes
from .settings import Tracing
from .spans import NodeSpan, NodeSpans

T = TypeVar("T")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_MOST_KNOWN = 1000
_KNOWN: OrderedDict[str, SpanContext] = OrderedDict()
"""The spans of the latest runs that this process sent, by run id: who follows one links to it."""


@final
class RunObserver:
    """Tells OpenTelemetry of one run; see `Observer`.

    Args:
        tracing: What is told.
        subject: The run.
    """

    def __init__(self, tracing: Tracing, subject: Subject) -> None:
        self._tracing = tracing
        self._subject = subject
        self._telemetry = telemetry_of(tracing)
        self._parent = get_current()
        self._span: Span | None = None
        self._fold: Fold | None = None
        self._began = 0.0
        self._lock = threading.Lock()
        self._is_over = False

    # ---------------------------------------------------------------------------------- sending

    @harmless
    def begin(self) -> None:
        if self._span is not None:
            return
        subject = self._subject
        known = _KNOWN.get(subject.run_id) if subject.run_id else None
        self._began = time.time()
        self._span = span = self._telemetry.tracer.start_span(
            subject.span_name,
            self._parent,
            SpanKind.CLIENT,
            subject.attributes,
            [Link(known)] if known else None,
            _nanoseconds(self._began),
        )
        if span.is_recording():
            self._fold = Fold()

    @contextmanager
    def sending(self) -> Generator[None, None, None]:
        self.begin()
        token = None
        with guarded():
            token = attach(self._context(get_current()))
        try:
            yield
        except BaseException as error:
            self._finish(Ending(error))
            raise
        finally:
            if token is not None:
                detach(token)

    def marked(self, call: Call[T]) -> Call[T]:
        with guarded():
            if self._tracing.content and self._span is not None:
                inputs = attributes.as_json(call.operation.request["json"]["inputs"])
                self._span.set_attribute("dify.run.inputs", inputs or "{}")
            request = {**call.operation.request}
            request["headers"] = self._headers() | request.get("headers", {})
            operation = attrs.evolve(call.operation, request=request)
            return attrs.evolve(call, operation=operation, observer=self)
        return call

    def _headers(self) -> dict[str, str]:
        """What lets the server's trace join this one, by W3C Trace Context and by Dify's own rule.

        Dify takes X-Trace-Id before the request's own trace id, which is to count here.
        """
        headers: dict[str, str] = {}
        inject(headers, self._context(self._parent))
        if self._span is not None and self._subject.own_trace_id is None:
            context = self._span.get_span_context()
            if context.is_valid:
                headers["X-Trace-Id"] = format_trace_id(context.trace_id)
        return {name: value for name, value in headers.items() if _is_field(name, value)}

    def _context(self, around: Context) -> Context:
        return around if self._span is None else set_span_in_context(self._span, around)

    # -------------------------------------------------------------------------------- meanwhile

    @harmless
    def retried(self, error: DifyError, attempt: int, wait: float) -> None:
        about = attributes.of_failure(error)
        self._count_retry("request", about)
        more: Attributes = {"dify.retry.attempt": attempt, "dify.retry.wait": wait}
        self._happened("dify.retry", about | more)

    @harmless
    def told(self, event: StreamEvent[object]) -> None:
        if type(event) not in FOLLOWED:
            return
        if isinstance(event, NodeRetry):
            self._count_retry("node", {})
        if self._fold is not None:
            kept = event if self._tracing.content else without_content(event)
            self._fold.take(kept, time.time())

    @harmless
    def reattached(self) -> None:
        self._count_retry("stream", {})
        self._happened("dify.stream.reattached", {})

    def _count_retry(self, kind: str, about: Attributes) -> None:
        self._telemetry.retries.add(1, self._subject.common | about | {"dify.retry.kind": kind})

    def _happened(self, name: str, about: Attributes) -> None:
        if self._span is not None:
            self._span.add_event(name, about)

    # ----------------------------------------------------------------------------------- the end

    def ended(self, run: RunState, failure: DifyError | None) -> None:
        self._finish(Ending(failure, run))

    def answered(self, run: WorkflowRunResponse) -> None:
        self._finish(Ending(answer=run))

    def left(self, run: RunState, *, in_finalizer: bool) -> None:
        end = Ending(run=run, is_left=True)
        if self._span is None or self._is_over:
            return
        if in_finalizer:
            later(partial(self._finish, end))
        else:
            self._finish(end)

    @harmless
    def _finish(self, end: Ending) -> None:
        with self._lock:
            span = self._span
            if self._is_over or span is None:
                return
            self._is_over = True
        try:
            about = self._about(end)
            self._measure(end, about)
            self._remember(span, about)
            if span.is_recording():
                self._describe(span, end, about)
        finally:
            span.end(_nanoseconds(end.time))

    def _about(self, end: Ending) -> Attributes:
        about = end.attributes(content=self._tracing.content)
        if end.is_left and not self._subject.leaves_early:
            about["dify.stream.left"] = True
        if self._fold is not None:
            about |= attributes.of_usage(self._fold.timeline)
        return about

    def _measure(self, end: Ending, about: Attributes) -> None:
        subject, telemetry = self._subject, self._telemetry
        kinds = ("dify.run.status", "error.type")
        labels = subject.common | {name: about[name] for name in kinds if name in about}
        telemetry.runs.add(1, labels)
        if subject.shows_whole_run and not end.is_left:
            telemetry.duration.record(max(end.time - self._began, 0.0), labels)
        tokens = about.get("dify.run.total_tokens")
        if isinstance(tokens, int) and about.get("dify.run.status") != "paused":
            telemetry.tokens.add(tokens, labels)

    def _remember(self, span: Span, about: Attributes) -> None:
        run_id, context = about.get("dify.run.id"), span.get_span_context()
        if self._subject.run_id is None and isinstance(run_id, str) and context.is_valid:
            _KNOWN[run_id] = context
            while len(_KNOWN) > _MOST_KNOWN:
                _KNOWN.popitem(last=False)

    def _describe(self, span: Span, end: Ending, about: Attributes) -> None:
        content = self._tracing.content
        span.set_attributes(about)
        if "error.type" in about:
            span.set_status(Status(StatusCode.ERROR, end.message if content else None))
        if end.failure is not None:
            span.add_event("exception", attributes.of_exception(end.failure, content=content))
        if self._fold is None:
            return
        nodes = NodeSpans(
            self._fold.timeline,
            self._began,
            end.time,
            content=content,
            is_followed=self._subject.run_id is not None,
        )
        for happening in nodes.happenings():
            span.add_event(happening.name, happening.attributes, happening.time)
        if self._tracing.nodes:
            for node in nodes.spans():
                self._tell(node, self._context(self._parent))

    def _tell(self, node: NodeSpan, around: Context) -> None:
        """Make the span of a node, and of all in it."""
        span = self._telemetry.tracer.start_span(
            node.name, around, attributes=node.attributes, start_time=node.begin
        )
        if node.error is not None:
            span.set_status(Status(StatusCode.ERROR, node.error or None))
        for happening in node.happenings:
            span.add_event(happening.name, happening.attributes, happening.time)
        for inner in node.inside:
            self._tell(inner, set_span_in_context(span, around))
        span.end(node.end)


def observer_of(
    tracing: Tracing, method: str, base_url: str, *, own_trace_id: str | None, run_id: str | None
) -> RunObserver | None:
    """Who tells OpenTelemetry of a run; None where that cannot be had.

    Args:
        tracing: What is told.
        method: Name of the method that was called.
        base_url: Base URL of the server.
        own_trace_id: The trace id that the request names itself.
        run_id: Id of the run, where it is followed and not sent.
    """
    with guarded():
        subject = Subject.of(method, base_url, tracing.name, own_trace_id, run_id)
        return RunObserver(tracing, subject)
    return None


def _is_field(name: object, value: object) -> bool:
    """Whether these can be name and value of a header (RFC 9110, section 5)."""
    if not isinstance(name, str) or not isinstance(value, str):
        return False
    is_value = value.isascii() and value.isprintable() and value == value.strip()
    return is_value and _TOKEN.fullmatch(name) is not None


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
