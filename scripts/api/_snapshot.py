"""The public API of a package as text: a line for each name, parameter, type and default.

Read from the source by griffe, so that the text is the same whatever Python reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import griffe

Snapshot = Mapping[str, str]
"""What is said of each public place, such as ``dify_workflow.DifyWorkflow.info(timeout)``."""

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
"""The modules of each package that are its API; all below ``.api`` belong to it."""

_PUBLIC_MODULES = {
    *(package + suffix for package, suffixes in PACKAGES.items() for suffix in suffixes),
    "dify_workflow._base_error",
    "dify_workflow.errors",
    "dify_workflow.models",
}
"""Modules whose classes are looked up where they stand; others lend their members to heirs."""

_EVERY_MODEL = re.compile(r"\.models\.\w+\.(__\w+__|additional_\w+|from_dict|to_dict)\b")
"""What every generated model has, which is written down once."""

_OPERATION = frozenset({"sync", "sync_detailed", "asyncio", "asyncio_detailed"})
"""What a module of a generated endpoint offers; the rest of it is imported or private."""


def snapshot(package: str, folders: Sequence[Path]) -> Snapshot:
    """The API of a package.

    Args:
        package: Its name.
        folders: Where it and the packages that it imports from are looked for.
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
    """The place, or the one that stands for what every generated model has."""
    return _EVERY_MODEL.sub(r".models.*.\1", place)


def as_text(facts: Snapshot) -> str:
    """The snapshot as it is kept in a file."""
    return "".join(f"{place}: {fact}\n" for place, fact in facts.items())


def from_text(text: str) -> Snapshot:
    """The snapshot in the text of a file."""
    return dict(line.split(": ", 1) for line in text.splitlines())


def _endpoints(package: griffe.Object) -> Iterator[griffe.Object]:
    for member in package.modules.values():
        yield member
        yield from _endpoints(member)


def _public_names(module: griffe.Object) -> list[str]:
    """The names of ``__all__``; without it, what is defined there and is not private."""
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
    """Whether users know a base class: it is exported, or comes from elsewhere."""
    name = str(base).partition("[")[0]
    path = base.canonical_path if isinstance(base, griffe.Expr) else name
    is_own = path.partition(".")[0] in PACKAGES
    return not is_own or name in {str(exported) for exported in package.exports or ()}


def _is_protocol(name: str, member: griffe.Object) -> bool:
    """Whether Python calls it for a syntax, such as ``with``, that not every object allows."""
    # That a class is generic is seen by its bases.
    is_own = name.startswith("__") and not hasattr(object, name) and name != "__class_getitem__"
    return is_own and member.is_function


def _members(cls: griffe.Class) -> dict[str, griffe.Object]:
    """Its own members, and those of its private bases, which nothing else shows."""
    members: dict[str, griffe.Object] = {}
    for base in reversed(cls.mro()):
        if base.name.startswith("_") or base.module.path not in _PUBLIC_MODULES:
            members.update({name: _target(member) for name, member in base.members.items()})
    return members | {name: _target(member) for name, member in cls.members.items()}


def _facts_of_call(place: str, function: griffe.Function) -> Iterator[tuple[str, str]]:
    """A fact a parameter, with its position where it has one, and one of what comes back."""
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
    """Type of an attribute, with the default of a field; of an alias the type that it names."""
    kind = str(attribute.annotation or "")
    value = " ".join(str(attribute.value or "").split())
    if "property" in attribute.labels:
        return f"property {kind}"
    if kind in {"", "TypeAlias"}:
        return "str" if value[:1] in {"'", '"'} else value
    is_field = attribute.parent is not None and attribute.parent.is_class
    return f"{kind} = {value}" if is_field and value else kind
