"""openapi.yaml, and validation of a server's answers against the schemas for its version."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from support.recordings import Recording

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parent.parent.parent
HTTP_METHODS = {"get", "post"}
MARKS = {"x-since", "x-until", "x-omitted"}
"""What a property has that is not always there."""


@cache
def spec() -> dict[str, Any]:
    text = (ROOT / "openapi.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)  # every worker reads it
    return loaded


def schemas() -> dict[str, Any]:
    found: dict[str, Any] = spec()["components"]["schemas"]
    return found


def stream_events() -> dict[str, str]:
    """Name of the schema by name of the event."""
    return {name: ref["$ref"].rpartition("/")[2] for name, ref in spec()["x-stream-events"].items()}


def operations() -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for path in spec()["paths"].values()
        for method, operation in path.items()
        if method in HTTP_METHODS
    }


def resolved(value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    target: Any = spec()
    for key in value["$ref"].removeprefix("#/").split("/"):
        target = target[key]
    return target


def json_schema_of(operation: dict[str, Any], status: int) -> str | None:
    """Name of the schema of an operation's JSON answer with that status."""
    responses = operation["responses"]
    response = responses.get(str(status)) or responses.get(f"{status // 100}XX")
    media = resolved(response)["content"].get("application/json") if response else None
    return media["schema"]["$ref"].rpartition("/")[2] if media else None


def operation_of(played: Recording) -> dict[str, Any] | None:
    """The operation that a recorded request calls; None for paths that the API does not have."""
    return _operation_at(played.method, played.target.partition("?")[0].removeprefix("/v1"))


@cache
def _operation_at(method: str, path: str) -> dict[str, Any] | None:
    # Paths without variables first: /workflows/run/{id} must not take /workflows/x/run.
    for template in sorted(spec()["paths"], key=lambda item: "{" in item):
        pattern = re.sub(r"\{[^}]*\}", "[^/]+", template)
        if re.fullmatch(pattern, path):
            operation: dict[str, Any] | None = spec()["paths"][template].get(method.lower())
            if operation is not None:
                return operation
    return None


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def is_sent_by(schema: dict[str, Any], version: str) -> bool:
    """Whether servers of that version have it, as its `x-since` and `x-until` say."""
    since, until = schema.get("x-since", "1.0.0"), schema.get("x-until", version)
    return number(since) <= number(version) <= number(until)


@cache
def validator(schema_name: str, version: str | None = None) -> Draft202012Validator:
    """Checks what servers send, and allows no key and no value that the schemas do not list.

    Args:
        schema_name: Name of the schema.
        version: Version of the server: keys that it does not send must be missing then, and those
            that are marked with versions alone must be there. None for openapi.yaml by itself.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # takes seconds

    closed = {name: _closed(schema, version) for name, schema in schemas().items()}
    root = {"$ref": f"#/components/schemas/{schema_name}", "components": {"schemas": closed}}
    return Draft202012Validator(root)


def _closed(schema: dict[str, Any], version: str | None) -> dict[str, Any]:
    known = {"enum": schema["x-extensible-enum"]} if "x-extensible-enum" in schema else {}
    if "properties" not in schema:
        return {**schema, **known}
    members = schema["properties"]
    required = schema.get("required", [])
    if version is not None:
        members = {name: member for name, member in members.items() if is_sent_by(member, version)}
        by_version = [
            name
            for name, member in members.items()
            if MARKS & member.keys() and "x-omitted" not in member
        ]
        required = [*required, *by_version]
    return {**schema, "properties": members, "required": required, "additionalProperties": False}
