"""Writes the overlay's event classes, from `x-stream-events`. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ._spec import Schema

BASES = {None: "StreamEvent", "final": "FinalEvent", "failure": "FailureEvent"}
"""Base class of an event by its `x-role`."""


def events_module(spec: Schema) -> str:
    """Return the overlay's event classes: name, docstring and payload of each as in the spec."""
    events = dict(stream_events(spec))
    classes = [event_class(spec, name, schema) for name, schema in events.items()]
    names = [class_name(name) for name in events]
    payloads = sorted({payload_of(spec, schema)[0] for schema in events.values()})
    lines = [
        '"""A class for each event of a workflow stream (`x-stream-events` in openapi.yaml).',
        "",
        "Written by scripts/generate; change openapi.yaml and run `make generate` instead.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import TYPE_CHECKING, ClassVar, final",
        "",
        "from .base import FailureEvent, FinalEvent, StreamEvent, UnknownEvent, UnreadableEvent",
        "",
        "if TYPE_CHECKING:",
        f"    from dify_workflow_api.models import {', '.join(payloads)}",
        "",
        *classes,
        "",
        "EVENT_CLASSES: dict[str, type[StreamEvent[object]]] = {",
        *(f"    {name!r}: {class_name(name)}," for name in events),
        "}",
        '"""Event class by the name in the message\'s `event` key."""',
        "",
        "__all__ = [",
        *(
            f"    {name!r},"
            for name in [
                "EVENT_CLASSES",
                *sorted([*names, *BASES.values(), "UnknownEvent", "UnreadableEvent"]),
            ]
        ),
        "]",
        "",
    ]
    return "\n".join(lines)


def stream_events(spec: Schema) -> Iterator[tuple[str, str]]:
    """Return the name of each event, with the name of its message's schema."""
    for name, reference in spec["x-stream-events"].items():
        yield name, referenced(reference)


def class_name(event: str) -> str:
    """Return the name of an event's class. That of ``error`` must not be that of an exception."""
    return (
        "StreamErrorEvent" if event == "error" else "".join(map(str.capitalize, event.split("_")))
    )


def payload_of(spec: Schema, message: str) -> tuple[str, str | None]:
    """Return the payload's schema and the key that holds it (None: the message is the payload)."""
    data = spec["components"]["schemas"][message]["properties"].get("data")
    return (message, None) if data is None else (referenced(data), "data")


def event_class(spec: Schema, name: str, message: str) -> str:
    """Return the source of an event's class."""
    payload, key = payload_of(spec, message)
    schema = spec["components"]["schemas"][message]
    since = f" Since Dify {schema['x-since']}." if "x-since" in schema else ""
    until = f" Until Dify {schema['x-until']}." if "x-until" in schema else ""
    return "\n".join(
        [
            "",
            "@final",
            f'class {class_name(name)}({BASES[schema.get("x-role")]}["{payload}"]):',
            *docstring(f"{schema['description'].strip()}{since}{until}"),
            f"    Its ``data`` is a `dify_workflow_api.models.{payload}`.",
            '    """',
            "",
            "    __slots__ = ()",
            f"    _model: ClassVar[str | None] = {payload!r}",
            *([] if key else ["    _payload_key: ClassVar[str | None] = None"]),
            "",
        ]
    )


def docstring(text: str) -> list[str]:
    """Return the docstring's start: the first sentence on its own line, then the rest."""
    first, _, rest = text.partition(". ")
    lines = [f'    """{first.removesuffix(".")}.', ""]
    if rest:
        wrapped = textwrap.wrap(rest, 95, initial_indent="    ", subsequent_indent="    ")
        lines += [*wrapped, ""]
    return lines


def referenced(reference: Schema) -> str:
    """Return the name of the component in a reference."""
    name: str = reference["$ref"].rpartition("/")[2]
    return name
