"""Write everything that is derived from openapi.yaml.

- ``generated/dify_workflow_api``: the low-level client, by openapi-python-client.
- ``generated/provenance.json``: what it was made from, and with which versions.
- ``overlay/dify_workflow/events.py``: a class for each entry of ``x-stream-events``.

Running it twice changes nothing; ``make check-generated`` relies on that.
"""

from __future__ import annotations

import hashlib
import json
import re
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
    read_missing_keys_as_none()
    # The generator writes the marker of typed packages (PEP 561) only with project metadata.
    (PACKAGE / "py.typed").touch()


def read_missing_keys_as_none() -> None:
    """Let models read a key that a server leaves out as None, instead of failing.

    What servers of other versions leave out is nullable in the spec, and so in the types. The
    generator has no setting for it, and its model template is too large to keep a copy of.
    """
    count = 0
    for path in sorted((PACKAGE / "models").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        text, found = re.subn(r'\bd\.pop\("([^"]+)"\)', r'd.pop("\1", None)', text)
        path.write_text(text, encoding="utf-8")
        count += found
    if not count:
        raise SystemExit("No model reads its keys as expected; has the generator changed?")
    command = ["ruff", "format", "--quiet", "--isolated", "--target-version", "py311"]
    subprocess.run([*command, str(PACKAGE)], check=True, cwd=ROOT)


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


def referenced(reference: Schema) -> str:
    """Name of the component that a reference names."""
    name: str = reference["$ref"].rpartition("/")[2]
    return name


if __name__ == "__main__":
    main()
