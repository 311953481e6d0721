"""The input of openapi-python-client, made from openapi.yaml. Pure.

openapi.yaml says which keys a server may leave out. The generated models read such a key as None.
So each key of an answer is required here, and nullable if it may be missing. Then a key is a value
or None, and never the generator's `UNSET`. Requests stay unchanged, because a server treats a
missing key and a null key differently.

The known values of an open enumeration are an `enum` here; generator-templates/ opens it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ._spec import Schema

_REFERENCE = re.compile(r"#/components/(\w+)/([\w.-]+)")


def generator_input(spec: Schema) -> dict[str, Any]:
    """Return the document with all keys of answers required, and with enumerations.

    Args:
        spec: openapi.yaml.
    """
    sent = sent_by_servers(spec)
    schemas = {
        name: _enumerated(_whole(schema) if name in sent else schema)
        for name, schema in spec["components"]["schemas"].items()
    }
    return {**spec, "components": {**spec["components"], "schemas": schemas}}


def sent_by_servers(spec: Schema) -> set[str]:
    """Return the names of the schemas of answers and events, with all schemas inside them."""
    answers = [
        operation["responses"]
        for path in spec["paths"].values()
        for operation in path.values()
        if "responses" in operation
    ]
    found: set[tuple[str, str]] = set()
    ahead = list(_references([answers, spec["x-stream-events"]]))
    while ahead:
        section, name = place = ahead.pop()
        if place not in found:
            found.add(place)
            ahead += _references(spec["components"][section][name])
    return {name for section, name in found if section == "schemas"}


def _references(value: Any) -> Iterator[tuple[str, str]]:
    """Yield section and name of each component that a part of the document refers to."""
    for reference in _REFERENCE.finditer(str(value)):
        yield reference[1], reference[2]


def _whole(schema: Schema) -> Schema:
    """Make all keys of an object required, and nullable if they may be missing."""
    if "properties" not in schema:
        return schema
    required = schema.get("required", ())
    properties = {
        name: member if name in required else _nullable(member)
        for name, member in schema["properties"].items()
    }
    return {**schema, "required": list(properties), "properties": properties}


def _enumerated(schema: Schema) -> Schema:
    """Make an enumeration of a schema's known values."""
    known = schema.get("x-extensible-enum")
    return schema if known is None else {**schema, "enum": known}


def _nullable(schema: Schema) -> Schema:
    """Return a schema that allows null, too."""
    null = {"type": "null"}
    if "$ref" in schema:
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return {**beside, "anyOf": [{"$ref": schema["$ref"]}, null]}
    if "anyOf" in schema:
        options = schema["anyOf"]
        return schema if null in options else {**schema, "anyOf": [*options, null]}
    if "type" not in schema:  # any JSON
        return schema
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return schema if "null" in kinds else {**schema, "type": [*kinds, "null"]}
