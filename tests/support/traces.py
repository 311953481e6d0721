"""Spans and metrics as OpenTelemetry's SDK exports them."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Sampler

from dify_workflow.tracing import Tracing
from support.waiting import PATIENCE


class _Kept(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.news = threading.Condition()

    def export(self, spans: Any) -> SpanExportResult:
        with self.news:
            self.spans += spans
            self.news.notify_all()
        return SpanExportResult.SUCCESS


class Traces:
    """Providers of their own, and what came of them.

    Args:
        sampler: Which traces are recorded; by default all.
    """

    def __init__(self, sampler: Sampler | None = None) -> None:
        self._kept = _Kept()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider(sampler=sampler)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._kept))
        self.meters = MeterProvider([self._reader])

    def tracing(self, **settings: Any) -> Tracing:
        return Tracing(tracer_provider=self.tracers, meter_provider=self.meters, **settings)

    @property
    def spans(self) -> list[ReadableSpan]:
        """Those that have ended, in the order of their beginnings."""
        return sorted(self._kept.spans, key=lambda span: span.start_time or 0)

    def runs(self, count: int = 1) -> list[ReadableSpan]:
        """The spans of so many runs, for whose ends it is waited."""

        def ended() -> list[ReadableSpan]:
            return [span for span in self.spans if "dify.method" in attributes(span)]

        with self._kept.news:
            assert self._kept.news.wait_for(lambda: len(ended()) >= count, timeout=PATIENCE)
        found = ended()
        assert len(found) == count, found
        return found

    def run(self) -> ReadableSpan:
        return self.runs()[0]

    def inside(self, parent: ReadableSpan) -> dict[str, list[ReadableSpan]]:
        """The spans right inside another one, by name."""
        found: dict[str, list[ReadableSpan]] = {}
        for span in self.spans:
            if span.parent is not None and span.parent.span_id == identity(parent):
                found.setdefault(span.name, []).append(span)
        return found

    def node(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def metric(self, name: str, *labels: str) -> dict[tuple[Any, ...], Any]:
        """The values of a metric, by the values of labels; of a histogram how often and the sum."""
        found: dict[tuple[Any, ...], Any] = {}
        data = self._reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points if metric.name == name else ():
                        key = tuple((point.attributes or {}).get(label) for label in labels)
                        one: Any = point
                        value = one.value if hasattr(one, "value") else (one.count, one.sum)
                        assert key not in found, "labels that tell points apart"
                        found[key] = value
        return found

    def everything(self) -> str:
        """All that an exporter sees, as text."""
        data = self._reader.get_metrics_data()
        return json.dumps(
            [[span.to_json() for span in self.spans], data.to_json() if data else None]
        )


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    return span.attributes or {}


def identity(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def times(span: ReadableSpan) -> tuple[int, int]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time, span.end_time


def seconds(span: ReadableSpan) -> float:
    begin, end = times(span)
    return (end - begin) / 1e9


def happenings(span: ReadableSpan) -> dict[str, Mapping[str, Any]]:
    """What happened in a span, by name."""
    return {event.name: event.attributes or {} for event in span.events}
