"""openapi.yaml, and validation against its schemas as a server of some version answers."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parent.parent.parent


@cache
def spec() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
    return loaded


def schemas() -> dict[str, Any]:
    found: dict[str, Any] = spec()["components"]["schemas"]
    return found


def stream_events() -> dict[str, str]:
    """Name of the schema by name of the event."""
    return {name: ref["$ref"].rpartition("/")[2] for name, ref in spec()["x-stream-events"].items()}


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def may_be_missing(schema: dict[str, Any], version: str) -> bool:
    """Whether a server of that version may leave the property out, as the spec's marks say."""
    return (
        "x-omitted" in schema
        or ("x-since" in schema and number(version) < number(schema["x-since"]))
        or ("x-until" in schema and number(version) > number(schema["x-until"]))
    )


@cache
def validator(schema_name: str, version: str) -> Draft202012Validator:
    """Checks payloads of servers of that version: only marked properties may be missing."""
    marked = copy.deepcopy(schemas())
    for schema in marked.values():
        properties = schema.get("properties", {})
        schema["required"] = [
            name
            for name in schema.get("required", [])
            if not may_be_missing(properties[name], version)
        ]
    root = {"$ref": f"#/components/schemas/{schema_name}", "components": {"schemas": marked}}
    return Draft202012Validator(root)
