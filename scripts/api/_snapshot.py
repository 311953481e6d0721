"""The public API of a package as text: a line for each name, parameter, type and default.

griffe reads the source, so the text is the same with every version of Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import griffe

Snapshot = Mapping[str, str]
"""The text for each public place, such as ``dify_workflow.DifyWorkflow.info(timeout)``."""

PACKAGES: Mapping[str, Sequence[str]] = {
    "dify_workflow": (
        "",
        ".batch",
        ".codegen",
        ".dsl",
        ".emulator",
        ".profiles",
        ".report",
        ".tracing",
    ),
    "dify_workflow_api": ("", ".models", ".types", ".errors", ".api"),
}
"""The modules of each package that are public. All modules below ``.api`` are public."""

_PUBLIC_MODULES = {
    *(package + suffix for package, suffixes in PACKAGES.items() for suffix in suffixes),
    "dify_workflow._base_error",
    "dify_workflow.errors",
    "dify_workflow.models",
}
"""Modules whose classes are listed there. Classes of other modules are listed with subclasses."""

_EVERY_MODEL = re.compile(r"\.models\.\w+\.(__\w+__|additional_\w+|from_dict|to_dict)\b")
"""The members of every generated model. They are written only once."""

_OPERATION = frozenset({"sync", "sync_detailed", "asyncio", "asyncio_detailed"})
"""The public names of a generated endpoint's module. The others are imported or private."""


def snapshot(package: str, folders: Sequence[Path]) -> Snapshot:
    """Return the public API of a package.

    Args:
        package: Its name.
        folders: Folders with it and with the packages that it imports from.
    """
    loader = griffe.GriffeLoader(search_paths=list(folders), allow_inspection=False)
    for name in PACKAGES:
        loader.load(name)
    loader.resolve_aliases(implicit=False, external=False)
    facts: dict[str, str] = {}
    for suffix in PACKAGES[package]:
        module = loader.modules_collection[package + suffix]
        inner = _endpoints(module) if suffix == ".api" else [module]
        for each in inner:
            for name in _public_names(each):
                facts.update(_facts(f"{each.path}.{name}", _target(each.members[name])))
    return dict(sorted((_shared(place), fact) for place, fact in facts.items()))


def _shared(place: str) -> str:
    """Return the place, or the common place for members of every generated model."""
    return _EVERY_MODEL.sub(r".models.*.\1", place)


def as_text(facts: Snapshot) -> str:
    """Return the snapshot as the text of a file."""
    return "".join(f"{place}: {fact}\n" for place, fact in facts.items())


def from_text(text: str) -> Snapshot:
    """Return the snapshot in the text of a file."""
    return dict(line.split(": ", 1) for line in text.splitlines())


def _endpoints(package: griffe.Object) -> Iterator[griffe.Object]:
    for member in package.modules.values():
        yield member
        yield from _endpoints(member)


def _public_names(module: griffe.Object) -> list[str]:
    """Return the names of ``__all__`` or, without it, all public names defined there."""
    if module.exports is not None:
        return sorted(str(name) for name in module.exports if str(name) in module.members)
    defined = [
        name
        for name, member in module.members.items()
        if not member.is_alias and not member.is_module
    ]
    is_endpoint = ".api." in module.path
    return [n for n in defined if (n in _OPERATION if is_endpoint else not n.startswith("_"))]


def _target(member: griffe.Object | griffe.Alias) -> griffe.Object:
    return member.final_target if isinstance(member, griffe.Alias) else member


def _facts(place: str, thing: griffe.Object) -> Iterator[tuple[str, str]]:
    if isinstance(thing, griffe.Class):
        yield from _facts_of_class(place, thing)
    elif isinstance(thing, griffe.Function):
        yield place, "async function" if "async" in thing.labels else "function"
        yield from _facts_of_call(place, thing)
    elif isinstance(thing, griffe.Attribute):
        yield place, _described(thing)
    else:
        yield place, str(thing.kind.value)


def _facts_of_class(place: str, cls: griffe.Class) -> Iterator[tuple[str, str]]:
    bases = ", ".join(str(base) for base in cls.bases if _is_public(base, cls.package))
    yield place, f"class({bases})"
    for name, member in _members(cls).items():
        if name == "__init__" and isinstance(member, griffe.Function):
            yield from _facts_of_call(place, member)
        elif not name.startswith("_") or _is_protocol(name, member):
            yield from _facts(f"{place}.{name}", member)


def _is_public(base: str | griffe.Expr, package: griffe.Object) -> bool:
    """Whether users know a base class: it is exported, or comes from another package."""
    name = str(base).partition("[")[0]
    path = base.canonical_path if isinstance(base, griffe.Expr) else name
    is_own = path.partition(".")[0] in PACKAGES
    return not is_own or name in {str(exported) for exported in package.exports or ()}


def _is_protocol(name: str, member: griffe.Object) -> bool:
    """Whether Python calls it for a syntax that not every object supports, such as ``with``."""
    # The base classes show whether a class is generic.
    is_own = name.startswith("__") and not hasattr(object, name) and name != "__class_getitem__"
    return is_own and member.is_function


def _members(cls: griffe.Class) -> dict[str, griffe.Object]:
    """Return its own members, and those of its private base classes."""
    members: dict[str, griffe.Object] = {}
    for base in reversed(cls.mro()):
        if base.name.startswith("_") or base.module.path not in _PUBLIC_MODULES:
            members.update({name: _target(member) for name, member in base.members.items()})
    return members | {name: _target(member) for name, member in cls.members.items()}


def _facts_of_call(place: str, function: griffe.Function) -> Iterator[tuple[str, str]]:
    """Return a line for each parameter, with its position if it has one, and one for the result."""
    first = 1 if function.parent is not None and function.parent.is_class else 0
    for position, parameter in enumerate(function.parameters):
        if position < first:
            continue  # self or cls
        kind = parameter.kind.value if parameter.kind else "positional"
        at = "" if kind == "keyword-only" else f" {position}"
        default = "" if parameter.required else f" = {parameter.default}"
        yield f"{place}({parameter.name})", f"{kind}{at}, {parameter.annotation}{default}"
    if function.name != "__init__":
        yield f"{place}()", str(function.returns)


def _described(attribute: griffe.Attribute) -> str:
    """Return the type of an attribute, with a field's default; for an alias, the type it names."""
    kind = str(attribute.annotation or "")
    value = " ".join(str(attribute.value or "").split())
    if "property" in attribute.labels:
        return f"property {kind}"
    if kind in {"", "TypeAlias"}:
        return "str" if value[:1] in {"'", '"'} else value
    is_field = attribute.parent is not None and attribute.parent.is_class
    return f"{kind} = {value}" if is_field and value else kind
