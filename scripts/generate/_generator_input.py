"""What openapi-python-client is given instead of openapi.yaml. Pure.

openapi.yaml says which keys a server may leave out. The generated models read such a key as None,
so that there is never a third thing besides a value and None (the generator's `UNSET`): here, each
key of an answer is required, and nullable where it may be missing. What clients send stays as it
is, since a server tells a key that is left out from one that is null.

The values that are known of an open enumeration are an `enum` here; generator-templates/ opens it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ._spec import Schema

_REFERENCE = re.compile(r"#/components/(\w+)/([\w.-]+)")


def generator_input(spec: Schema) -> dict[str, Any]:
    """The document with every key of what servers send required, and with enumerations.

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
    """Names of the schemas of answers and events, and of what is in them."""
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
    """Section and name of each component that a part of the document refers to."""
    for reference in _REFERENCE.finditer(str(value)):
        yield reference[1], reference[2]


def _whole(schema: Schema) -> Schema:
    """An object of which all keys are required, and null where they may be missing."""
    if "properties" not in schema:
        return schema
    required = schema.get("required", ())
    properties = {
        name: member if name in required else _nullable(member)
        for name, member in schema["properties"].items()
    }
    return {**schema, "required": list(properties), "properties": properties}


def _enumerated(schema: Schema) -> Schema:
    """A schema whose known values are an enumeration."""
    known = schema.get("x-extensible-enum")
    return schema if known is None else {**schema, "enum": known}


def _nullable(schema: Schema) -> Schema:
    """A schema that allows null, too."""
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
