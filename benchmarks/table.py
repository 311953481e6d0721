"""The results as tables and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from .cases import AIOHTTP, ASYNC, LIVE_RATE, LIVE_STREAMS, RELAY_AIOHTTP, SYNC
from .environments import title
from .race import Result

_HEADS = ("", "min", "median", "max", "target", "", "time")


def plain(results: Sequence[Result]) -> str:
    """Return the table for a terminal."""
    lines: list[str] = []
    case = None
    for result in results:
        if result.case is not case:
            case = result.case
            lines += ["", case.title, ("{:<58}" + "{:>8}" * 4 + "{:>7}{:>12}").format(*_HEADS)]
        cells = (title(result.contestant), *_ratios(result), *_verdict(result), _figure(result))
        lines.append(("  {:<56}" + "{:>8}" * 4 + "{:>7}{:>12}").format(*cells))
    return "\n".join(lines[1:])


def markdown(results: Sequence[Result]) -> str:
    """Return the table for docs/performance.md: only this client, in every case."""
    lines = [
        "| case | min | median | max | target | |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for result in results:
        if result.has_target:
            cells = (_title(result), *_ratios(result), *_verdict(result))
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def streams(results: Sequence[Result]) -> str:
    """Return the table of a relay's cost, by contestant."""
    lines = [
        "| 50 texts a second, each read | processor's time a text | streams on a core |",
        "|---|--:|--:|",
    ]
    for result in sorted(results, key=lambda result: result.median):
        if result.case.name == "live":
            microseconds = result.microseconds / LIVE_STREAMS
            carried = 1e6 / (microseconds * LIVE_RATE)
            cells = (title(result.contestant), f"{microseconds:.0f} µs", f"{carried:.0f}")
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def document(results: Sequence[Result]) -> dict[str, Any]:
    """Return the results as JSON, with the machine that they are from."""
    return {
        "machine": {
            "processors": os.cpu_count(),
            "architecture": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
            **{name: version(name) for name in ("httpx", "httpcore", "h11", "aiohttp", "orjson")},
        },
        "results": [
            {
                "case": result.case.name,
                "title": result.case.title,
                "contestant": result.contestant,
                "amount": result.amount,
                "measured": result.case.measure,
                "figures": result.figures,
                "processor_seconds": result.cpu,
                "ratios": result.ratios,
                "unit": result.case.units,
                "target": result.target if result.has_target else None,
            }
            for result in results
        ],
    }


def written(results: Sequence[Result]) -> str:
    """Return the document as text."""
    return json.dumps(document(results), indent=1, ensure_ascii=False) + "\n"


def _title(result: Result) -> str:
    """Return the case's title, or how the contestant does the same in another way."""
    if result.contestant in {AIOHTTP, RELAY_AIOHTTP}:
        return "the same, over aiohttp"
    both = result.contestant == ASYNC and SYNC in result.case.contestants
    return "the same, async" if both else result.case.title


def _ratios(result: Result) -> tuple[str, str, str]:
    return (
        f"{min(result.ratios):.2f}",
        f"{result.median:.2f}",
        f"{max(result.ratios):.2f}",
    )


def _verdict(result: Result) -> tuple[str, str]:
    if not result.has_target:
        return "", ""
    return f"{result.target:g} {result.case.units}", "holds" if result.holds else "misses"


def _figure(result: Result) -> str:
    median = statistics.median(result.figures)
    if result.case.measure == "memory":
        return f"{median / 1e6:.1f} MB"
    return f"{median:.2f} s" if median >= 1 else f"{median * 1e3:.2f} ms"
