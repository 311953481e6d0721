"""The tracer and the instruments, made once for each pair of providers."""

from __future__ import annotations

import threading
from weakref import WeakKeyDictionary

import attrs
from opentelemetry.metrics import Counter, Histogram, get_meter
from opentelemetry.trace import Tracer, get_tracer

from .._version import __version__
from .settings import Tracing

_SCOPE = "dify_workflow"

_SECONDS = tuple(round(0.01 * 2**power, 2) for power in range(18))
"""Bounds of a duration's buckets: those of the GenAI conventions, and on to 22 minutes, as Dify
lets workflows run for 20."""


@attrs.frozen(eq=False)
class Telemetry:
    """What spans and metrics are made with.

    Args:
        tracer: Makes spans.
        runs: Counts runs, by how they ended.
        duration: How long runs took, in seconds.
        tokens: Counts tokens.
        retries: Counts what was tried again.
    """

    tracer: Tracer
    runs: Counter
    duration: Histogram
    tokens: Counter
    retries: Counter


_MADE: WeakKeyDictionary[Tracing, Telemetry] = WeakKeyDictionary()
_LOCK = threading.Lock()


def telemetry_of(tracing: Tracing) -> Telemetry:
    """What spans and metrics of these settings are made with.

    Args:
        tracing: The settings.
    """
    with _LOCK:
        if (made := _MADE.get(tracing)) is None:
            made = _MADE[tracing] = _made(tracing)
    return made


def _made(tracing: Tracing) -> Telemetry:
    meter = get_meter(_SCOPE, __version__, tracing.meter_provider)
    return Telemetry(
        get_tracer(_SCOPE, __version__, tracing.tracer_provider),
        runs=meter.create_counter("dify.runs", "{run}", "Runs, by how they ended."),
        duration=meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "How long runs took.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        ),
        tokens=meter.create_counter("dify.tokens", "{token}", "Tokens that runs used."),
        retries=meter.create_counter(
            "dify.retries", "{retry}", "Requests, streams and nodes that were tried again."
        ),
    )
