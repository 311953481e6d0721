"""A schema as one flat description, however it is composed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

import attrs

from ._document import Document, Node

LIMITS = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems"),
)

_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}


@attrs.frozen
class Flat:
    """What a schema allows, without its references, `allOf`, `anyOf` and `oneOf`.

    Args:
        types: JSON types without ``null``; empty if any is allowed.
        nullable: Whether null is allowed.
        values: The values of an enumeration; None if there is none.
        is_open: Whether other values than the listed ones are possible (`x-extensible-enum`).
        limits: Limits and the default, by keyword.
        properties: Schemas of the members of an object.
        required: Names of the members that must be there.
        items: Schema of the items of an array.
    """

    types: frozenset[str] = frozenset()
    nullable: bool = False
    values: frozenset[Any] | None = None
    is_open: bool = False
    limits: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    properties: Mapping[str, Node] = attrs.field(factory=dict[str, Node])
    required: frozenset[str] = frozenset()
    items: Node | None = None

    def __and__(self, other: Flat) -> Flat:
        """Return what both allow. If both describe something, the second one refines the first."""
        return Flat(
            types=(self.types & other.types) or self.types or other.types,
            nullable=self.nullable or other.nullable,
            values=self.values if other.values is None else other.values,
            is_open=self.is_open or other.is_open,
            limits={**self.limits, **other.limits},
            properties={**self.properties, **other.properties},
            required=self.required | other.required,
            items=other.items or self.items,
        )

    def __or__(self, other: Flat) -> Flat:
        """Return what at least one of them allows."""
        values = None
        if self.values is not None and other.values is not None:
            values = self.values | other.values
        return Flat(
            types=self.types | other.types,
            nullable=self.nullable or other.nullable,
            values=values,
            is_open=self.is_open or other.is_open,
            limits={key: self.limits[key] for key in self.limits if _agree(self, other, key)},
            properties={**other.properties, **self.properties, **_in_both(self, other)},
            required=self.required & other.required,
            items=self.items or other.items,
        )

    @property
    def type(self) -> str:
        """The types as words; ``any`` if all are allowed, ``open object`` without members."""
        names = set(self.types)
        if names == {"object"} and not self.properties:
            return "open object"
        return " or ".join(sorted(names)) or "any"


def _in_both(one: Flat, other: Flat) -> dict[str, Node]:
    """Return the members of both, each with what at least one of them allows."""
    shared = {
        name: (one.properties[name], other.properties[name])
        for name in one.properties.keys() & other.properties.keys()
    }
    return {
        name: Node({"anyOf": [{"$ref": kind.pointer} for kind in kinds]}, kinds[0].pointer)
        for name, kinds in shared.items()
    }


def _agree(one: Flat, other: Flat, limit: str) -> bool:
    return limit in other.limits and one.limits[limit] == other.limits[limit]


def flattened(document: Document, node: Node) -> Flat:
    """Flatten the schema that a node contains or refers to."""
    flat = _own(node)
    if "$ref" in node.value:
        flat = flattened(document, document.resolved(node)) & flat
    for index in range(len(node.value.get("allOf", ()))):
        flat = flat & flattened(document, node.child("allOf", index))
    for keyword in ("anyOf", "oneOf"):
        options = [node.child(keyword, i) for i in range(len(node.value.get(keyword, ())))]
        kinds = [flattened(document, option) for option in options if not _is_null(option)]
        if kinds:
            flat = reduce(Flat.__or__, kinds) & flat  # keywords beside them apply to each
        if len(kinds) < len(options):
            flat = attrs.evolve(flat, nullable=True)
    return flat


def _is_null(option: Node) -> bool:
    return option.value.get("type") == "null"


def _own(node: Node) -> Flat:
    """Return the schema's own keywords, in OpenAPI 3.0 or 3.1."""
    schema = node.value
    kinds = schema.get("type", [])
    types = {kinds} if isinstance(kinds, str) else set(kinds)
    values = schema.get("enum", schema.get("x-extensible-enum"))
    if "const" in schema:
        values = [schema["const"]]
    nullable = bool(schema.get("nullable")) or "null" in types
    listed = None if values is None else frozenset(value for value in values if value is not None)
    types = types - {"null"} or set(_implied(schema, listed or frozenset()))
    limits = {key: schema[key] for key in (*LIMITS, "default") if key in schema}
    return Flat(
        types=frozenset(types),
        nullable=nullable,
        values=listed,
        is_open="x-extensible-enum" in schema,
        limits=limits,
        properties={name: node.child("properties", name) for name in schema.get("properties", ())},
        required=frozenset(schema.get("required", ())),
        items=node.child("items") if "items" in schema else None,
    )


def _implied(schema: Mapping[str, Any], values: frozenset[Any]) -> Iterator[str]:
    """Return the types of a schema that names none, derived from its other keywords."""
    if "properties" in schema:
        yield "object"
    if "items" in schema:
        yield "array"
    yield from (_JSON_TYPES[type(value)] for value in values)
