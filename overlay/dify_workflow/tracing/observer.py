"""Reports a run to OpenTelemetry. An error in this module never fails or delays a run."""

from __future__ import annotations

import atexit
import logging
import re
import threading
import time
from _thread import start_new_thread  # threading's own takes locks
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial, wraps
from typing import ParamSpec, TypeVar, final
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import attrs
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.metrics import get_meter
from opentelemetry.propagate import inject
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    format_trace_id,
    get_tracer,
    set_span_in_context,
)

from .._bounded import BoundedDict
from .._http.request import Call
from .._json import SHAPE_ERRORS
from .._streams.run_state import RunState
from .._version import __version__
from ..errors import DifyError, InvalidResponseError
from ..events import AgentLog, NodeRetry, ReasoningChunk, TextChunk, TextReplace
from ..events.base import StreamEvent
from ..models import WorkflowRunResponse
from ..timeline.fold import Fold
from .settings import Tracing
from .spans import (
    Attributes,
    NodeSpan,
    NodeSpans,
    as_json,
    nanoseconds,
    of_failure,
    of_run,
    of_usage,
    present,
)

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("dify_workflow")

_SCOPE = "dify_workflow"
_PORTS = {"http": 80, "https": 443}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ENDS_EARLY = "submit_workflow"
"""The method that returns before its run has ended."""

_TEXTS = (TextChunk, TextReplace, ReasoningChunk, AgentLog)
"""Events that are not reported: the texts that models write, piece by piece."""

_SECONDS = tuple(round(0.01 * 2**power, 2) for power in range(18))
"""Bounds of a duration's buckets: those of the GenAI conventions, continued to 22 minutes. Dify
lets workflows run for 20 minutes."""

_KNOWN = BoundedDict[str, SpanContext](1000)
"""Spans of the latest runs that this process sent, by run id. Those who follow a run link to it."""


# -------------------------------------------------------------------------------- safety

_was_logged = False


@contextmanager
def guarded() -> Generator[None, None, None]:
    """Log the first exception of the process that is raised here, and suppress them all."""
    try:
        yield
    except Exception:
        global _was_logged  # noqa: PLW0603  # a switch
        if not _was_logged:
            _was_logged = True
            logger.warning(
                "Tracing failed. Runs continue without it. This is logged once.", exc_info=True
            )


def _harmless(method: Callable[P, None]) -> Callable[P, None]:
    @wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        with guarded():
            method(*args, **kwargs)

    return call


_left: deque[Callable[[], None]] = deque()
"""Work for finalizers. The garbage collector can run in a thread that holds a lock of an exporter.
So the work is done in a thread of its own, or at the latest when the interpreter exits."""


def _later(work: Callable[[], None]) -> None:
    _left.append(work)
    try:
        start_new_thread(_catch_up, ())
    except RuntimeError:  # the interpreter is exiting
        _catch_up()


@atexit.register
def _catch_up() -> None:
    while _left:
        try:
            work = _left.popleft()
        except IndexError:  # another thread was faster
            return
        work()


# -------------------------------------------------------------------------------- telemetry


class _Telemetry:
    """The tracer and the instruments, made once for each pair of providers."""

    def __init__(self, tracing: Tracing) -> None:
        self.tracer = get_tracer(_SCOPE, __version__, tracing.tracer_provider)
        meter = get_meter(_SCOPE, __version__, tracing.meter_provider)
        self.runs = meter.create_counter("dify.runs", "{run}", "Runs, by how they ended.")
        self.tokens = meter.create_counter("dify.tokens", "{token}", "Tokens that runs used.")
        self.retries = meter.create_counter(
            "dify.retries", "{retry}", "Requests, streams and nodes that were tried again."
        )
        self.duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "How long runs took.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )


_made: WeakKeyDictionary[Tracing, _Telemetry] = WeakKeyDictionary()
_lock = threading.Lock()


def _telemetry_of(tracing: Tracing) -> _Telemetry:
    with _lock:
        if (made := _made.get(tracing)) is None:
            made = _made[tracing] = _Telemetry(tracing)
    return made


# -------------------------------------------------------------------------------- the run


@attrs.frozen(kw_only=True)
class _Ending:
    """The end of a run, or of following it."""

    failure: BaseException | None = None
    run: RunState | None = None  # from the events of a stream
    outcome: WorkflowRunResponse | None = None  # set if the run has ended or paused
    is_left: bool = False  # the stream was closed before its end
    time: float = attrs.field(factory=time.time)  # Unix seconds


@final
class _RunObserver:
    """Reports one run to OpenTelemetry; see `Observer`."""

    def __init__(
        self,
        tracing: Tracing,
        method: str,
        base_url: str,
        own_trace_id: str | None,
        run_id: str | None,
    ) -> None:
        self._tracing = tracing
        self._leaves_early = method == _ENDS_EARLY
        self._own_trace_id = own_trace_id
        self._followed = run_id
        operation = "invoke_workflow" if run_id is None else "follow_workflow"
        server = urlsplit(base_url)
        self._name = f"{operation} {tracing.name}" if tracing.name else operation
        self._labels = present(
            {
                "gen_ai.operation.name": operation,
                "gen_ai.provider.name": "dify",
                "gen_ai.agent.name": tracing.name,
                "server.address": server.hostname or "",
                "server.port": server.port or _PORTS.get(server.scheme),
                "dify.method": method,
            }
        )
        self._telemetry = _telemetry_of(tracing)
        self._parent = get_current()
        self._span: Span | None = None
        self._fold: Fold | None = None
        self._began = 0.0
        self._lock = threading.Lock()
        self._is_over = False

    # ---------------------------------------------------------------------------------- sending

    @_harmless
    def begin(self) -> None:
        if self._span is not None:
            return
        known = _KNOWN.get(self._followed) if self._followed else None
        ids = present({"dify.run.id": self._followed, "dify.trace.id": self._own_trace_id})
        self._began = time.time()
        self._span = span = self._telemetry.tracer.start_span(
            self._name,
            self._parent,
            SpanKind.CLIENT,
            self._labels | ids,
            [Link(known)] if known else None,
            nanoseconds(self._began),
        )
        if span.is_recording():
            self._fold = Fold(content=self._tracing.content)

    @contextmanager
    def sending(self) -> Generator[None, None, None]:
        self.begin()
        token = None
        with guarded():
            token = attach(self._context(get_current()))
        try:
            yield
        except BaseException as error:
            self._finish(_Ending(failure=error))
            raise
        finally:
            if token is not None:
                detach(token)

    def marked(self, call: Call[T]) -> Call[T]:
        with guarded():
            if self._tracing.content and self._span is not None:
                inputs = as_json(call.operation.request["json"]["inputs"])
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
        if self._span is not None and self._own_trace_id is None:
            context = self._span.get_span_context()
            if context.is_valid:
                headers["X-Trace-Id"] = format_trace_id(context.trace_id)
        return {name: value for name, value in headers.items() if _is_field(name, value)}

    def _context(self, around: Context) -> Context:
        return around if self._span is None else set_span_in_context(self._span, around)

    # -------------------------------------------------------------------------------- meanwhile

    @_harmless
    def retried(self, error: DifyError, attempt: int, wait: float) -> None:
        about = of_failure(error)
        self._count_retry("request", about)
        more: Attributes = {"dify.retry.attempt": attempt, "dify.retry.wait": wait}
        self._happened("dify.retry", about | more)

    @_harmless
    def on_event(self, event: StreamEvent[object]) -> None:
        if isinstance(event, NodeRetry):
            self._count_retry("node", {})
        if self._fold is not None and not isinstance(event, _TEXTS):
            self._fold.take(event, time.time())

    @_harmless
    def reattached(self) -> None:
        self._count_retry("stream", {})
        self._happened("dify.stream.reattached", {})

    def _count_retry(self, kind: str, about: Attributes) -> None:
        self._telemetry.retries.add(1, self._labels | about | {"dify.retry.kind": kind})

    def _happened(self, name: str, about: Attributes) -> None:
        if self._span is not None:
            self._span.add_event(name, about)

    # ----------------------------------------------------------------------------------- the end

    def ended(self, run: RunState, failure: DifyError | None) -> None:
        self._finish(_Ending(failure=failure, run=run))

    def answered(self, run: WorkflowRunResponse) -> None:
        self._finish(_Ending(outcome=run))

    def left(self, run: RunState, *, in_finalizer: bool) -> None:
        if self._span is None or self._is_over:
            return
        end = _Ending(run=run, is_left=True)
        if in_finalizer:
            _later(partial(self._finish, end))
        else:
            self._finish(end)

    @_harmless
    def _finish(self, end: _Ending) -> None:
        with self._lock:
            span = self._span
            if self._is_over or span is None:
                return
            self._is_over = True
        try:
            if end.run is not None:
                end = attrs.evolve(end, outcome=_outcome(end.run))
            about = self._about(end)
            self._measure(end, about)
            self._remember(span, about)
            if span.is_recording():
                self._describe(span, end, about)
        finally:
            span.end(nanoseconds(end.time))

    def _about(self, end: _Ending) -> Attributes:
        run, about = end.run, Attributes()
        if run is not None:
            about |= present({"dify.run.id": run.run_id, "dify.task.id": run.task_id})
        if end.outcome is not None:
            about |= of_run(end.outcome, content=self._tracing.content)
        elif end.is_left:
            about["dify.run.status"] = "running"
        if end.failure is not None:
            about |= of_failure(end.failure)
        if end.is_left and not self._leaves_early:
            about["dify.stream.left"] = True
        if self._fold is not None:
            about |= of_usage(self._fold.timeline)
        return about

    def _measure(self, end: _Ending, about: Attributes) -> None:
        telemetry = self._telemetry
        kinds = ("dify.run.status", "error.type")
        labels = self._labels | {name: about[name] for name in kinds if name in about}
        telemetry.runs.add(1, labels)
        if self._followed is None and not self._leaves_early and not end.is_left:
            telemetry.duration.record(max(end.time - self._began, 0.0), labels)
        tokens = about.get("dify.run.total_tokens")
        if isinstance(tokens, int) and about.get("dify.run.status") != "paused":
            telemetry.tokens.add(tokens, labels)

    def _remember(self, span: Span, about: Attributes) -> None:
        run_id, context = about.get("dify.run.id"), span.get_span_context()
        if self._followed is None and isinstance(run_id, str) and context.is_valid:
            _KNOWN[run_id] = context

    def _describe(self, span: Span, end: _Ending, about: Attributes) -> None:
        content, failure = self._tracing.content, end.failure
        span.set_attributes(about)
        message = end.outcome.message if end.outcome else None
        if failure is not None:
            message, kind = str(failure), type(failure)
            exception = {
                "exception.type": f"{kind.__module__}.{kind.__qualname__}",
                "exception.message": message if content else None,
            }
            span.add_event("exception", present(exception))
        if "error.type" in about:
            span.set_status(Status(StatusCode.ERROR, message if content else None))
        if self._fold is None:
            return
        nodes = NodeSpans(
            self._fold.timeline,
            self._began,
            end.time,
            content=content,
            is_followed=self._followed is not None,
        )
        for event in nodes.events():
            span.add_event(event.name, event.attributes, event.time)
        if self._tracing.nodes:
            for node in nodes.spans():
                self._tell(node, self._context(self._parent))

    def _tell(self, node: NodeSpan, around: Context) -> None:
        """Make the spans of a node and of all nodes in it."""
        span = self._telemetry.tracer.start_span(
            node.name, around, attributes=node.attributes, start_time=node.begin
        )
        if node.error is not None:
            span.set_status(Status(StatusCode.ERROR, node.error or None))
        for event in node.events:
            span.add_event(event.name, event.attributes, event.time)
        for inner in node.inside:
            self._tell(inner, set_span_in_context(span, around))
        span.end(node.end)


def observer_of(
    tracing: Tracing, method: str, base_url: str, *, own_trace_id: str | None, run_id: str | None
) -> _RunObserver | None:
    """Return the observer that reports a run; None if it cannot be made.

    Args:
        tracing: What to report.
        method: Name of the method that was called.
        base_url: Base URL of the server.
        own_trace_id: The trace id in the request, if it has one.
        run_id: Id of the run, if it is followed and not sent.
    """
    with guarded():
        return _RunObserver(tracing, method, base_url, own_trace_id, run_id)
    return None


def _outcome(run: RunState) -> WorkflowRunResponse | None:
    try:
        return run.result()
    except (InvalidResponseError, *SHAPE_ERRORS):
        return None  # the final event is not valid; reading the result raises an error


def _is_field(name: object, value: object) -> bool:
    """Whether these are valid as name and value of a header (RFC 9110, section 5)."""
    if not isinstance(name, str) or not isinstance(value, str):
        return False
    is_value = value.isascii() and value.isprintable() and value == value.strip()
    return is_value and _TOKEN.fullmatch(name) is not None
