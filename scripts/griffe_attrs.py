"""Shows griffe, which reads the code for the reference, what attrs adds to a class."""

from __future__ import annotations

from typing import Any

from griffe import Attribute, Class, Extension, Function, Parameter, ParameterKind, Parameters

_DECORATORS = {"attrs.frozen", "attrs.define", "_attrs_define"}
_HIDDEN = "..."
"""Shown for a default that is made for each object."""


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
