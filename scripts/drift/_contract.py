"""The contract of a document: one fact for each place. All documents have the same places. Pure.

A place is named by what is sent over the wire, not by the names of schemas:
``GET /workflows/logs query limit``, ``POST /workflows/run 200 data.reasons[].form_id``,
``event node_finished data.status``, ``POST /files/upload error 413 file_too_large``. Variables in
paths have no name (``/files/{}/preview``), because they have none on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from ._document import METHODS, Document, Node
from ._schema import flattened

Facets = Mapping[str, Any]
Facts = Iterator[tuple[str, "Fact"]]

_MARKS = ("x-since", "x-until", "x-omitted")
"""Marks of openapi.yaml for a key that may be missing, and is null in the models then."""

_WITH_MEMBERS = ("application/json", "multipart/form-data")
"""Media types whose members are compared."""

_NAMED = re.compile(r"^\s*(?:[-*]\s*)?`([a-z][a-z0-9_]+)`\s*:", re.MULTILINE)
"""An error in the description of an answer in Dify's document: a line that begins with its name."""

_RUN = ("paths", "/workflows/run", "post", "responses", "200")
"""The answer whose schema has one kind for each event."""

_DEEPEST = 12
"""The largest depth of members: a schema may have itself as a member."""


@attrs.frozen
class Fact:
    """The facts about a place.

    Args:
        pointer: The place in the document, as a JSON Pointer after a ``#``.
        facets: The values, by aspect (``type``, ``required``, ``default``, …).
        is_open: Whether the values are the known ones, and others are possible.
    """

    pointer: str
    facets: Facets
    is_open: bool = False


@attrs.frozen
class Contract:
    """The whole contract of a document for users of workflow apps.

    Args:
        facts: The facts, by place.
        common: Names of errors that every operation may have.
    """

    facts: Mapping[str, Fact]
    common: frozenset[str] = frozenset()


def operations(document: Document) -> Iterator[tuple[str, Node]]:
    """Yield each operation with its method and path."""
    for path in document.root.value["paths"]:
        item = document.root.child("paths", path)
        for method in METHODS:
            if method in item.value:
                yield f"{method.upper()} {path}", item.child(method)


def place_of(operation: str) -> str:
    """Return the place of an operation, without names of variables."""
    return re.sub(r"\{[^}]*\}", "{}", operation)


def facts_of_operation(document: Document, name: str, node: Node) -> Facts:
    """Yield the facts about one operation, except its errors."""
    place = place_of(name)
    yield place, Fact(node.pointer, {})
    yield from _parameters(document, place, name, node)
    body = document.resolved(node.child("requestBody"))
    if body.value:
        required = {"required": bool(body.value.get("required"))}
        yield from _content(document, f"{place} body", body, required)
    for status in node.value.get("responses", {}):
        if str(status).startswith("2"):
            answer = document.resolved(node.child("responses", status))
            yield from _content(document, f"{place} {status}", answer, {})


def _parameters(document: Document, place: str, name: str, node: Node) -> Facts:
    path = document.root.child("paths", name.partition(" ")[2])
    variables = re.findall(r"\{([^}]*)\}", name)
    for owner in (path, node):
        for index in range(len(owner.value.get("parameters", ()))):
            parameter = document.resolved(owner.child("parameters", index))
            where, called = parameter.value["in"], parameter.value["name"]
            if where == "path" and called in variables:
                called = str(variables.index(called) + 1)
            required = bool(parameter.value.get("required"))
            schema = parameter.child("schema")
            yield from facts_of_schema(
                document, f"{place} {where} {called}", schema, required=required
            )


def _content(document: Document, place: str, node: Node, facets: dict[str, Any]) -> Facts:
    kinds = node.value.get("content", {})
    facets["media"] = sorted(kinds)
    schemas = [node.child("content", kind, "schema") for kind in _WITH_MEMBERS if kind in kinds]
    for schema in schemas:
        facets["type"] = flattened(document, schema).type
    yield place, Fact(node.pointer, facets)
    for schema in schemas:
        yield from _members(document, place, schema, 0)


def facts_of_schema(
    document: Document, place: str, node: Node, *, required: bool, depth: int = 0
) -> Facts:
    """Yield the facts of a schema at a place, and below it."""
    flat = flattened(document, node)
    is_marked = any(mark in node.value for mark in _MARKS)
    facets: dict[str, Any] = {"type": flat.type, "required": required and not is_marked}
    if not is_marked and flat.type != "any":
        facets["nullable"] = flat.nullable
    if flat.values is not None:
        facets["values"] = sorted(flat.values, key=str)
    facets.update(flat.limits)
    yield place, Fact(node.pointer, facets, flat.is_open)
    yield from _members(document, place, node, depth)


def _members(document: Document, place: str, node: Node, depth: int) -> Facts:
    """Yield the facts of the members of an object, and of the items of an array."""
    if depth == _DEEPEST:
        return
    flat = flattened(document, node)
    joint = "." if depth else " "
    for name, schema in flat.properties.items():
        yield from facts_of_schema(
            document,
            f"{place}{joint}{name}",
            schema,
            required=name in flat.required,
            depth=depth + 1,
        )
    if flat.items is not None:
        yield from facts_of_schema(
            document, f"{place}[]", flat.items, required=True, depth=depth + 1
        )


# -------------------------------------------------------------------------------- errors


def facts_of_errors(document: Document, place: str, operation: Node) -> Facts:
    """Yield each error of an operation, by status and name.

    openapi.yaml lists them: `x-errors` of an operation, by status, and `x-errors` of the document
    for errors of every operation. Dify's document has them in the descriptions of answers, and as
    the `code` of its examples.
    """
    for status, code, pointer in _errors(document, operation):
        yield f"{place} error {status} {code}", Fact(pointer, {})


def common_errors(document: Document) -> frozenset[str]:
    """Return status and name of the errors that every operation has."""
    listed = document.root.value.get("x-errors", {})
    return frozenset(f"{status} {code}" for status, codes in listed.items() for code in codes)


def _errors(document: Document, operation: Node) -> Iterator[tuple[str, str, str]]:
    for status, codes in operation.value.get("x-errors", {}).items():
        for code in codes:
            yield str(status), code, f"{operation.pointer}/x-errors/{status}"
    for status in operation.value.get("responses", {}):
        answer = document.resolved(operation.child("responses", status))
        if str(status).startswith(("4", "5")):
            for code in sorted(_named(answer)):
                yield str(status), code, answer.pointer


def _named(answer: Node) -> set[str]:
    codes = set(_NAMED.findall(answer.value.get("description", "")))
    for media in answer.value.get("content", {}).values():
        for example in media.get("examples", {}).values():
            value = example.get("value")
            if isinstance(value, dict) and isinstance(value.get("code"), str):
                codes.add(value["code"])
    return codes


# -------------------------------------------------------------------------------- events


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
    answer = str(document.resolved(document.root.child(*_RUN)).value)
    schemas = document.root.child("components", "schemas").value
    for name, schema in schemas.items():
        mapping: dict[str, str] = schema.get("discriminator", {}).get("mapping", {})
        if mapping and name in answer:
            return mapping
    return {}
