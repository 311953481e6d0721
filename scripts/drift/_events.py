"""The events of a run's stream in a document. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ._contract import Fact, Facts, facts_of_schema
from ._document import Document, Node

RUN = ("paths", "/workflows/run", "post", "responses", "200")
"""The schema of which each event is one kind."""


def facts_of_events(document: Document) -> Facts:
    """Yield each event with its members. Its place has the name."""
    for name, message in events(document):
        place = f"event {name}"
        yield place, Fact(message.pointer, {})
        for below, fact in facts_of_schema(document, place, message, required=True):
            if below not in {place, f"{place} event"}:
                yield below, fact


def events(document: Document) -> Iterator[tuple[str, Node]]:
    """Yield name and message of each event.

    `x-stream-events` lists them in openapi.yaml. Dify's document has a schema with a discriminator
    that lists them, and names that schema in the answer of a run.
    """
    if "x-stream-events" in document.root.value:
        listed = document.root.child("x-stream-events")
        for name in listed.value:
            yield name, document.resolved(listed.child(name))
        return
    mapping = _mapping(document)
    for name in mapping:
        yield name, document.resolved(Node({"$ref": mapping[name]}, "#"))


def _mapping(document: Document) -> dict[str, str]:
    answer = str(document.resolved(document.root.child(*RUN)).value)
    schemas = document.root.child("components", "schemas").value
    for name, schema in schemas.items():
        mapping: dict[str, str] = schema.get("discriminator", {}).get("mapping", {})
        if mapping and name in answer:
            return mapping
    return {}
