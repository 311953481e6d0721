"""Extensions of griffe, which reads the code for the reference: attrs, links, and no modules."""

from __future__ import annotations

import re
from typing import Any

from griffe import (
    Alias,
    Attribute,
    Class,
    Extension,
    Function,
    Module,
    Object,
    Parameter,
    ParameterKind,
    Parameters,
)

_DECORATORS = {"attrs.frozen", "attrs.define", "_attrs_define"}
_HIDDEN = "..."
"""Shown for a default that is made for each object."""

_NAME = re.compile(r"(?<![`\[])`([A-Z]\w+)(\.[a-z]\w+)?`(?![`\]])")


class AttrsExtension(Extension):
    """Adds the ``__init__`` of attrs to each attrs class, so that its Args have types."""

    def on_class(self, *, cls: Class, **_kwargs: Any) -> None:
        """Handle a class whose members are known."""
        if "__init__" in cls.members or not _is_attrs(cls):
            return
        fields = _fields(cls)
        this = Parameter("self", kind=ParameterKind.positional_or_keyword)
        made = Function("__init__", parameters=Parameters(this, *map(_parameter, fields)))
        cls.set_member("__init__", made)
        for field in fields:
            if not field.has_docstring:
                del cls.members[field.name]  # it is shown as a parameter


def _is_attrs(cls: Class) -> bool:
    return any(str(each.value).split("(")[0] in _DECORATORS for each in cls.decorators)


def _fields(cls: Class) -> list[Attribute]:
    return [
        member
        for member in cls.members.values()
        if isinstance(member, Attribute)
        and member.annotation is not None
        and not str(member.annotation).startswith("ClassVar")
    ]


def _parameter(field: Attribute) -> Parameter:
    default = None if field.value is None else str(field.value)
    if default is not None and "field(" in default:
        default = _HIDDEN if "factory" in default or "default" in default else None
    kind = ParameterKind.positional_or_keyword
    return Parameter(field.name, annotation=field.annotation, kind=kind, default=default)


class LinksExtension(Extension):
    """Makes links of the exported names in docstrings, such as `DifyWorkflow.logs`."""

    def on_package(self, *, pkg: Module, **_kwargs: Any) -> None:
        """Handle a package whose names are resolved."""
        _link(pkg, pkg, {str(name) for name in pkg.exports or ()})


def _link(obj: Object, pkg: Module, exported: set[str]) -> None:
    def linked(found: re.Match[str]) -> str:
        name, member = found[1], (found[2] or "")
        if name not in exported:
            return found[0]
        described = pkg[name].members.get(member.removeprefix("."))
        is_described = described is not None and described.has_docstring
        return f"[{found[0]}][{pkg.name}.{name}{member if is_described else ''}]"

    if obj.docstring:
        obj.docstring.value = _NAME.sub(linked, obj.docstring.value)
    for member in obj.members.values():
        if not isinstance(member, Alias):
            _link(member, pkg, exported)


class ModulesExtension(Extension):
    """Removes docstrings of modules. The pages of the reference have texts of their own."""

    def on_module(self, *, mod: Module, **_kwargs: Any) -> None:
        """Handle a module whose docstring is known."""
        mod.docstring = None
