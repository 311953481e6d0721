"""An upstream document for tests: openapi.yaml in the style of Dify's published one.

Other names of schemas, `allOf`, OpenAPI 3.0's `nullable`, a discriminator instead of
`x-stream-events`, errors in descriptions instead of `x-errors`. It promises the same.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from .spec import MARKS, spec


def published() -> dict[str, Any]:
    """A fresh copy, to be changed as upstream might."""
    document = copy.deepcopy(spec())
    document["openapi"] = "3.0.1"
    for path in document["paths"].values():
        for method in ("get", "post"):
            if method in path:
                _describe(path[method])
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        _leave_out_marked(schema)
    events = _events(document.pop("x-stream-events"), schemas)
    document.pop("x-errors")
    document = _rewritten(document)
    document["components"]["schemas"] |= events
    answer = document["paths"]["/workflows/run"]["post"]["responses"]["200"]
    document["paths"]["/workflows/run"]["post"]["responses"]["200"] = {
        **document["components"]["responses"][answer["$ref"].rpartition("/")[2]],
        "description": "As `text/event-stream`, a stream of `RunChunk` objects.",
    }
    document["paths"]["/chat-messages"] = {
        "post": {
            "description": "**Available for**: Chatflow, Agent apps.\n\nTalk.",
            "tags": ["workflows"],
            "responses": {"200": {"description": "What it says."}},
        }
    }
    return document


def _describe(operation: dict[str, Any]) -> None:
    operation["description"] = "**Available for**: Chatflow, Workflow apps.\n\nDoes it."
    for status, codes in operation.pop("x-errors", {}).items():
        lines = [f"- `{code}` : Something is wrong." for code in codes]
        operation["responses"][str(status)] = {"description": "\n".join(lines)}


def _leave_out_marked(schema: dict[str, Any]) -> None:
    """What is not always there is not required, and has no mark that says so."""
    members = schema.get("properties", {})
    schema["required"] = [
        name for name in schema.get("required", []) if not MARKS & members[name].keys()
    ]


def _events(listed: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """A schema with a discriminator, of which each event is a kind."""
    mapping = {}
    for name, reference in listed.items():
        message = reference["$ref"].rpartition("/")[2]
        schemas[message] = {
            "allOf": [{"$ref": "#/components/schemas/RunChunk"}, schemas[message]],
        }
        mapping[name] = f"#/components/schemas/Dify{message}"
    chunk = {
        "type": "object",
        "properties": {"event": {"type": "string", "enum": list(mapping)}},
        "discriminator": {"propertyName": "event", "mapping": mapping},
    }
    return {"RunChunk": chunk}


def _rewritten(value: Any) -> Any:
    """A part of the document in the words of OpenAPI 3.0, with other names of schemas."""
    if isinstance(value, list):
        return [_rewritten(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "schemas" in value:
        named = {f"Dify{name}": _rewritten(schema) for name, schema in value["schemas"].items()}
        return {**_rewritten({k: v for k, v in value.items() if k != "schemas"}), "schemas": named}
    if isinstance(value.get("$ref"), str):
        renamed = re.sub("schemas/(?!RunChunk)", "schemas/Dify", value["$ref"])
        return {"$ref": renamed}
    written = {name: _rewritten(item) for name, item in value.items() if not name.startswith("x-")}
    return _nullable(written)


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    kinds = schema.get("type")
    if isinstance(kinds, list) and "null" in kinds and len(kinds) == 2:
        (kind,) = [kind for kind in kinds if kind != "null"]
        schema |= {"type": kind, "nullable": True}
    options = schema.get("anyOf", [])
    if {"type": "null"} in options:
        kept = [option for option in options if option != {"type": "null"}]
        schema.pop("anyOf")
        schema |= {"allOf": kept, "nullable": True}
    return schema
