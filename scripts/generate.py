"""Write everything that is derived from openapi.yaml.

- ``generated/dify_workflow_api``: the low-level client, by openapi-python-client.
- ``generated/provenance.json``: what it was made from, and with which versions.
- ``overlay/dify_workflow/events.py``: a class for each entry of ``x-stream-events``.
- ``overlay/dify_workflow/_shapes.py``: the keys of every payload a server sends.

Running it twice changes nothing; ``make check-generated`` relies on that.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
SPEC = ROOT / "openapi.yaml"
CONFIG = ROOT / "generator-config.yml"
TEMPLATES = ROOT / "generator-templates"
GENERATED = ROOT / "generated"
PACKAGE = GENERATED / "dify_workflow_api"
OVERLAY = ROOT / "overlay" / "dify_workflow"

Schema = Mapping[str, Any]

BASES = {None: "StreamEvent", "final": "FinalEvent", "failure": "FailureEvent"}
"""Base class of an event by its `x-role`."""


def main() -> None:
    """Write all of it."""
    spec = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
    generate_client()
    write_provenance()
    write_python(OVERLAY / "events.py", events_module(spec))
    write_python(OVERLAY / "_shapes.py", shapes_module(spec))


def generate_client() -> None:
    """Run the generator into an empty folder, so that nothing stale stays behind."""
    shutil.rmtree(PACKAGE, ignore_errors=True)
    command = [
        sys.executable,
        *("-m", "openapi_python_client", "generate"),
        *("--path", str(SPEC)),
        *("--config", str(CONFIG)),
        *("--custom-template-path", str(TEMPLATES)),
        *("--meta", "none"),
        *("--output-path", str(PACKAGE)),
        "--fail-on-warning",
    ]
    subprocess.run(command, check=True, cwd=ROOT)
    # `*args: object` cannot be handed on to httpx's `__exit__` under `mypy --strict`.
    replace_in(PACKAGE / "client.py", "*args: object", "*args: Any", times=4)
    # The generator writes the marker of typed packages (PEP 561) only with project metadata.
    (PACKAGE / "py.typed").touch()


def replace_in(path: Path, old: str, new: str, *, times: int) -> None:
    """Replace a text that must be there so often: another generator may need another change."""
    text = path.read_text(encoding="utf-8")
    if text.count(old) != times:
        raise SystemExit(f"{path}: expected {old!r} {times} times, found {text.count(old)}")
    path.write_text(text.replace(old, new), encoding="utf-8")


def write_provenance() -> None:
    """Write what the generated tree was made from."""
    sources = [SPEC, CONFIG, *sorted(TEMPLATES.iterdir())]
    provenance = {
        "made_by": "make generate",
        "sha256": {
            str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sources
        },
        "versions": {name: version(name) for name in ("openapi-python-client", "ruff")},
    }
    text = json.dumps(provenance, indent=2) + "\n"
    (GENERATED / "provenance.json").write_text(text, encoding="utf-8")


def write_python(path: Path, text: str) -> None:
    """Write a module, formatted."""
    path.write_text(text, encoding="utf-8")
    subprocess.run(["ruff", "format", "--quiet", str(path)], check=True, cwd=ROOT)


# ------------------------------------------------------------------------------------ events


def events_module(spec: Schema) -> str:
    """The overlay's event classes: name, docstring and payload of each as the spec has them."""
    events = dict(stream_events(spec))
    classes = [event_class(spec, name, schema) for name, schema in events.items()]
    names = [class_name(name) for name in events]
    payloads = sorted({payload_of(spec, schema)[0] for schema in events.values()})
    lines = [
        '"""A class for each event of a workflow stream (`x-stream-events` in openapi.yaml).',
        "",
        "Written by scripts/generate.py; change openapi.yaml and run `make generate` instead.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import TYPE_CHECKING, ClassVar, final",
        "",
        "from ._event import FailureEvent, FinalEvent, StreamEvent, UnknownEvent",
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
            for name in ["EVENT_CLASSES", *sorted([*names, *BASES.values(), "UnknownEvent"])]
        ),
        "]",
        "",
    ]
    return "\n".join(lines)


def stream_events(spec: Schema) -> Iterator[tuple[str, str]]:
    """Name of each event and of the schema of its whole message."""
    for name, reference in spec["x-stream-events"].items():
        yield name, referenced(reference)


def class_name(event: str) -> str:
    """Name of an event's class; the error event must not take an exception's name."""
    return (
        "StreamErrorEvent" if event == "error" else "".join(map(str.capitalize, event.split("_")))
    )


def payload_of(spec: Schema, message: str) -> tuple[str, str | None]:
    """Schema of the payload and the message's key that holds it (None: the message itself)."""
    data = spec["components"]["schemas"][message]["properties"].get("data")
    return (message, None) if data is None else (referenced(data), "data")


def event_class(spec: Schema, name: str, message: str) -> str:
    """Source of an event's class."""
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
    """The beginning of a docstring: its first sentence on a line of its own, then the rest."""
    first, _, rest = text.partition(". ")
    lines = [f'    """{first.removesuffix(".")}.', ""]
    if rest:
        wrapped = textwrap.wrap(rest, 95, initial_indent="    ", subsequent_indent="    ")
        lines += [*wrapped, ""]
    return lines


# ------------------------------------------------------------------------------------ shapes


def shapes_module(spec: Schema) -> str:
    """Required keys and nested payloads of every schema that an answer or an event uses."""
    schemas = spec["components"]["schemas"]
    names = sorted(response_schemas(spec))
    lines = [
        '"""The keys of every payload a server sends, and which of them hold payloads in turn.',
        "",
        "Written by scripts/generate.py; change openapi.yaml and run `make generate` instead.",
        '"""',
        "",
        "SHAPES: dict[str, tuple[frozenset[str], dict[str, str]]] = {",
    ]
    for name in names:
        required = schemas[name].get("required", [])
        nested = {
            key: target
            for key, value in schemas[name].get("properties", {}).items()
            if (target := object_reference(spec, value))
        }
        keys = ", ".join(map(repr, sorted(required)))
        lines.append(
            f"    {name!r}: (frozenset({{{keys}}}), {nested!r}),"
            if keys
            else f"    {name!r}: (frozenset(), {nested!r}),"
        )
    lines += [
        "}",
        '"""Required keys, and model name by key of a nested payload or list, by model name."""',
        "",
    ]
    return "\n".join(lines)


def response_schemas(spec: Schema) -> set[str]:
    """Names of the object schemas that a successful answer or a stream event can hold."""
    pending = [schema for _, schema in stream_events(spec)]
    for path in spec["paths"].values():
        for method, operation in path.items():
            if method not in {"get", "post"}:
                continue
            for status, response in operation["responses"].items():
                if status.endswith("XX"):
                    continue
                resolved = resolve(spec, response)
                media = resolved["content"].get("application/json")
                if media:
                    pending.append(referenced(media["schema"]))
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name in found:
            continue
        found.add(name)
        properties = spec["components"]["schemas"][name].get("properties", {})
        pending += [
            target for value in properties.values() if (target := object_reference(spec, value))
        ]
    return found


def object_reference(spec: Schema, schema: Schema) -> str | None:
    """Name of the object schema that a property holds: itself, a list's items, or null besides."""
    candidates = [schema, schema.get("items", {}), *schema.get("anyOf", [])]
    for candidate in candidates:
        if "$ref" in candidate:
            name = referenced(candidate)
            if spec["components"]["schemas"][name].get("type") == "object":
                return name
    return None


def referenced(reference: Schema) -> str:
    """Name of the component that a reference names."""
    name: str = reference["$ref"].rpartition("/")[2]
    return name


def resolve(spec: Schema, value: Schema) -> Schema:
    """The value itself, or what it refers to."""
    if "$ref" not in value:
        return value
    for key in value["$ref"].removeprefix("#/").split("/"):
        spec = spec[key]
    return spec


if __name__ == "__main__":
    main()
