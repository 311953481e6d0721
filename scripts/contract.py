"""Check that the overlay fits the generated code: `make contract`.

mypy checks that every generated name, parameter and field that the overlay uses exists. It cannot
check the rest. Events are found by their names in the spec. A field of a facade type that no code
sets would keep its default for ever.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import yaml

ROOT = Path(__file__).resolve().parent.parent
OVERLAY = Path("overlay", "dify_workflow")

REQUESTS = frozenset({"WorkflowFile", "WorkflowLogsRequest", "WorkflowRunRequest"})
"""Facade types that users create themselves."""


def main() -> int:
    """Print what does not fit; return 1 if something does not."""
    from dify_workflow import events, models  # noqa: PLC0415  # the new ones
    from dify_workflow_api import models as wire  # noqa: PLC0415  # the new ones

    spec = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
    sources = sources_of(ROOT / OVERLAY)
    wrong = [
        *event_problems(spec["x-stream-events"], events.EVENT_CLASSES, wire),
        *field_problems(facade_types(models), sources),
    ]
    print("\n".join(wrong) or "The events and fields of the overlay have their sources.")
    if unsent := list(unsent_fields(wire, sources)):
        print(f"No method sends: {', '.join(unsent)}")
    names = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(OVERLAY)], cwd=ROOT, check=False
    )
    return int(bool(wrong) or names.returncode != 0)


def sources_of(overlay: Path) -> list[str]:
    """Return the source of the modules that convert answers. The emulator makes answers instead."""
    paths = sorted(
        path for place in ("*", "_*/*", "models/*") for path in overlay.glob(f"{place}.py")
    )
    return [path.read_text(encoding="utf-8") for path in paths]


def event_problems(
    listed: Iterable[str], classes: Mapping[str, type[Any]], wire: ModuleType
) -> Iterator[str]:
    """Yield events of the spec without a class, and classes without an event or a model."""
    for name in listed:
        if name not in classes:
            yield f"x-stream-events lists {name}, which has no event class: make generate"
    for name, cls in classes.items():
        if name not in listed:
            yield f"events.{cls.__name__} is for {name}, which x-stream-events does not list"
        if not hasattr(wire, cls._model):  # the generator wrote both
            yield f"events.{cls.__name__} reads a {cls._model}, which is not generated"


def facade_types(models: ModuleType) -> Iterator[type[Any]]:
    """Return the types that the overlay makes from answers."""
    for name in models.__all__:
        cls = getattr(models, name)
        if attrs.has(cls) and name not in REQUESTS:
            yield cls


def field_problems(types: Iterable[type[Any]], sources: Iterable[str]) -> Iterator[str]:
    """Yield fields of facade types that no call in the overlay sets."""
    given = arguments_by_class(sources)
    for cls in types:
        positional, named = given[cls.__name__]
        parameters = list(inspect.signature(cls).parameters)
        for missing in set(parameters[positional:]) - named:
            yield f"{cls.__name__}.{missing} has no source: nothing in the overlay sets it"


def unsent_fields(wire: ModuleType, sources: Iterable[str]) -> Iterator[str]:
    """Yield fields of request bodies that the overlay never sends. This is not an error."""
    given = arguments_by_class(sources)
    for name in sorted(given):
        cls = getattr(wire, name, None)
        if name.endswith("Body") and cls is not None:
            fields = {field.name for field in attrs.fields(cls) if field.init}
            yield from (f"{name}.{field}" for field in sorted(fields - given[name][1]))


def arguments_by_class(sources: Iterable[str]) -> dict[str, tuple[int, set[str]]]:
    """Return what calls pass to each class: most positional arguments, and names of the others."""
    given: dict[str, tuple[int, set[str]]] = defaultdict(lambda: (0, set()))
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                positional, names = given[called]
                names |= {each.arg for each in node.keywords if each.arg is not None}
                given[called] = (max(positional, len(node.args)), names)
    return given


if __name__ == "__main__":
    sys.exit(main())
