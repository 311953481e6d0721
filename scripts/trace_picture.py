"""Draws docs/trace.svg: a run of the emulator, with its spans as a trace viewer shows them.

OpenTelemetry's SDK exported the spans. The run is that of docs/report.svg up to the form. It has
parallel branches, a retried request, an iteration with a failed item, a loop, and a stream that
breaks and is resumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from dify_workflow.emulator import Emulator
from dify_workflow.report.markup import Attributes, Markup, element
from dify_workflow.tracing import Tracing

from .report_picture import EVENTS_BEFORE_THE_BREAK, article

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "trace.svg"
WIDTH, LABEL, ROOM, ROW, INDENT, TOP = 960, 260, 84, 24, 18, 14
SHORT = 0.01
"""Shorter durations, in seconds, are shown as an upper bound."""
STYLE = """
.paper{fill:#fff;stroke:#d5d9e0}text{font:13px system-ui,sans-serif;fill:#1f2430}
.time,.event{fill:#5b6472;font-size:12px}.mine{fill:#8b93a1}.run{fill:#3f51b5}.node{fill:#2a9d8f}
.failed{fill:#c62828}.mark{fill:#e69500;stroke:#fff}
@media(prefers-color-scheme:dark){.paper{fill:#181b22;stroke:#353b47}text{fill:#e6e8ee}
.time,.event{fill:#9aa3b2}.run{fill:#8c9eff}.mark{stroke:#181b22}}
"""


def recorded() -> list[ReadableSpan]:
    """Return the spans of a run, in the order of their starts."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing = Tracing(name="article", tracer_provider=provider)
    with Emulator(article) as emulator, emulator.client("article", tracing=tracing) as client:
        emulator.faults.cut_stream(after_events=EVENTS_BEFORE_THE_BREAK, on="POST")
        emulator.faults.delay(0.2, on="GET /workflow/")
        with provider.get_tracer("shop").start_as_current_span("POST /articles"):
            client.run_workflow({"topic": "boxes"})
    return sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)


def in_tree(
    spans: list[ReadableSpan], parent: int | None = None, depth: int = 0
) -> Iterator[tuple[ReadableSpan, int]]:
    """Yield the spans with their depths, each after the span around it."""
    for span in spans:
        context = span.get_span_context()
        if context is not None and (span.parent.span_id if span.parent else None) == parent:
            yield span, depth
            yield from in_tree(spans, context.span_id, depth + 1)


def kind(span: ReadableSpan) -> str:
    """Return the colour class of a span."""
    if span.status.status_code is StatusCode.ERROR:
        return "failed"
    attributes = span.attributes or {}
    return (
        "run" if "dify.method" in attributes else "node" if "dify.node.id" in attributes else "mine"
    )


def row(span: ReadableSpan, depth: int, at: int, begin: int, whole: int) -> Iterator[Markup]:
    """Draw a span."""

    def place(time: int | None) -> float:
        share = ((time or begin) - begin) / whole
        return round(LABEL + share * (WIDTH - LABEL - ROOM), 1)

    top, (left, right) = TOP + at * ROW, (place(span.start_time), place(span.end_time))
    seconds = ((span.end_time or 0) - (span.start_time or 0)) / 1e9
    yield element("text", {"x": 14 + depth * INDENT, "y": top + 16}, span.name)
    bar = {"x": left, "y": top + 6, "width": max(right - left, 2), "height": 12, "rx": 3}
    yield element("rect", {"class": kind(span), **bar})
    told = f"{seconds:.2f} s" if seconds >= SHORT else f"< {SHORT} s"
    yield element("text", {"class": "time", "x": max(right, left + 2) + 9, "y": top + 16}, told)
    for event in span.events:
        x = place(event.timestamp)
        diamond = f"M{x} {top + 5}l6 7l-6 7l-6 -7z"
        yield element("path", {"class": "mark", "d": diamond}, element("title", {}, event.name))


def picture(spans: list[ReadableSpan]) -> str:
    """Draw the whole picture."""
    rows = list(in_tree(spans))
    begin = min(span.start_time or 0 for span in spans)
    whole = max(span.end_time or 0 for span in spans) - begin
    height = 2 * TOP + ROW * len(rows)
    size: Attributes = {"width": WIDTH, "height": height, "viewBox": f"0 0 {WIDTH} {height}"}
    paper: Attributes = {"x": 0.5, "y": 0.5, "width": WIDTH - 1, "height": height - 1, "rx": 10}
    drawn = element(
        "svg",
        {"xmlns": "http://www.w3.org/2000/svg", **size, "role": "img"},
        element("title", {}, f"A trace of {len(rows)} spans"),
        element("desc", {}, "; ".join(span.name for span, _ in rows)),
        Markup(f"<style>{STYLE}</style>"),
        element("rect", {"class": "paper", **paper}),
        *(
            part
            for at, (span, depth) in enumerate(rows)
            for part in row(span, depth, at, begin, whole)
        ),
    )
    return f"{drawn}\n"


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(picture(recorded()), encoding="utf-8")
    print(f"Written: {PICTURE.name}")


if __name__ == "__main__":
    main()
