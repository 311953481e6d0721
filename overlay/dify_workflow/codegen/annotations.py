"""Turn types into annotations, and write the TypedDicts that they need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from ..dsl import Choice, Key, ListOf, OneOf, Plain, Record, Type, Unknown
from .names import Names, is_plain, part_name
from .text import comment, docstring, fitting, is_short, literal

_OF_PLAIN = {
    "str": ("str",),
    "int": ("int",),
    "number": ("int", "float"),
    "bool": ("bool",),
    "object": ("dict[str, Any]",),
    "file": ("OutputFile",),
    "input file": ("WorkflowFile", "UploadedFile", "Path"),
    "none": ("None",),
}
_INDENT = "    "


@attrs.frozen
class Annotation:
    """An annotation, which can be written on one line or on several.

    Args:
        options: The parts of a union; with only one part it is not a union.
        name: The name before the brackets, for a single option with brackets.
        items: The parts in the brackets.
        is_tuple: Whether the items are separate, as in ``Literal``.
    """

    options: tuple[Annotation | str, ...] = ()
    name: str = ""
    items: tuple[Annotation | str, ...] = ()
    is_tuple: bool = False

    def __str__(self) -> str:
        if self.name:
            return f"{self.name}[{', '.join(map(str, self.items))}]"
        return " | ".join(map(str, self.options))

    def lines(self, before: str, after: str = "", *, indent: str, in_brackets: bool) -> list[str]:
        """The annotation as lines, as a formatter would write it.

        Args:
            before: Text before it on its line, without the indent.
            after: Text after it.
            indent: Spaces at the beginning of each line.
            in_brackets: Whether it is in brackets, so that a union can be split without its own.
        """
        whole = f"{indent}{before}{self}{after}"
        if is_short(whole):
            return [whole]
        inner = indent + _INDENT
        if self.name:
            return [
                f"{indent}{before}{self.name}[",
                *self._inside(inner),
                f"{indent}]{after}",
            ]
        if len(self.options) == 1:
            only = self.options[0]
            if isinstance(only, str):
                return [whole]
            return only.lines(before, after, indent=indent, in_brackets=in_brackets)
        if in_brackets:
            return self._options(before, after, indent)
        return [f"{indent}{before}(", *self._options("", "", inner), f"{indent}){after}"]

    def _inside(self, indent: str) -> Iterator[str]:
        if self.is_tuple:
            yield from (f"{indent}{item}," for item in self.items)
            return
        for item in self.items:
            if isinstance(item, str):
                yield f"{indent}{item}"
            else:
                yield from item.lines("", indent=indent, in_brackets=True)

    def _options(self, before: str, after: str, indent: str) -> list[str]:
        whole = f"{indent}{before}{self}{after}"
        if is_short(whole):
            return [whole]
        last = len(self.options) - 1
        found: list[str] = []
        for number, option in enumerate(self.options):
            start = before if number == 0 else "| "
            end = after if number == last else ""
            if isinstance(option, str):
                found.append(f"{indent}{start}{option}{end}")
            else:
                found += option.lines(start, end, indent=indent, in_brackets=True)
        return found


@attrs.define
class Annotations:
    """Turns types into annotations, and collects the TypedDicts that they need.

    Args:
        names: The names of the module.
        blocks: The lines of each TypedDict, those that others need first.
    """

    names: Names
    blocks: list[list[str]] = attrs.field(factory=list[list[str]])

    def of(self, type: Type, name: str) -> Annotation:  # noqa: A002  # there is no better word
        """The annotation for a type.

        Args:
            type: The type.
            name: Name for a TypedDict, if the type needs one.
        """
        match type:
            case Plain():
                return Annotation(_OF_PLAIN[type.name])
            case Choice():
                options = tuple(map(literal, type.options))
                return Annotation(name="Literal", items=options, is_tuple=True)
            case ListOf():
                return Annotation(name="list", items=(self.of(type.item, name),))
            case Record():
                given = self.names.new(name)
                self.blocks.append(self.typed_dict(given, type.keys))
                return Annotation((given,))
            case OneOf():
                return Annotation(
                    tuple(
                        option for each in type.types for option in _options_of(self.of(each, name))
                    )
                )
            case Unknown():
                return Annotation(("Any",))

    def typed_dict(
        self,
        name: str,
        keys: Sequence[Key],
        *,
        text: str = "",
        is_final: bool = False,
    ) -> list[str]:
        """The lines of a TypedDict: a class, or a call if a key cannot be a name in a class.

        Args:
            name: Its name.
            keys: Its keys.
            text: Its docstring.
            is_final: Whether it is part of a union, in which checkers need final classes.
        """
        entries = [(key, self._entry(name, key)) for key in keys]
        if all(is_plain(key.name) for key in keys):
            return _class(name, "TypedDict", entries, text, is_final=is_final)
        if not is_final:
            return [*_call(name, entries), *(docstring(text) if text else ())]
        base = self.names.new(f"_{name}")
        self.blocks.append(_call(base, entries))
        return _class(name, base, [], text, is_final=True)

    def _entry(self, name: str, key: Key) -> Annotation:
        found = self.of(key.type, part_name(name, key.name))
        return found if key.required else Annotation(name="NotRequired", items=(found,))


def _options_of(annotation: Annotation) -> tuple[Annotation | str, ...]:
    return annotation.options or (annotation,)


def _class(
    name: str, base: str, entries: list[tuple[Key, Annotation]], text: str, *, is_final: bool
) -> list[str]:
    lines = ["@final"] if is_final else []
    lines += fitting(f"class {name}({base}):", [f"class {name}(", f"{_INDENT}{base}", "):"])
    if text:
        lines += docstring(text, _INDENT)
        lines += [""] if entries else []
    elif not entries:
        lines.append(f"{_INDENT}pass")
    for key, annotation in entries:
        lines += comment(_why_any(key.type), _INDENT)
        lines += annotation.lines(f"{key.name}: ", indent=_INDENT, in_brackets=False)
        lines += docstring(key.description, _INDENT) if key.description else []
    return lines


def _call(name: str, entries: list[tuple[Key, Annotation]]) -> list[str]:
    inner = _INDENT * 2
    lines = [f"{name} = TypedDict(", f'{_INDENT}"{name}",', f"{_INDENT}{{"]
    for key, annotation in entries:
        lines += comment(key.description, inner)
        lines += comment(_why_any(key.type), inner)
        before = f"{literal(key.name)}: "
        lines += annotation.lines(before, ",", indent=inner, in_brackets=True)
    return [*lines, f"{_INDENT}}},", ")"]


def _why_any(type: Type) -> str:  # noqa: A002  # there is no better word
    """Why a type or a part of it is Any; empty if no part is."""
    match type:
        case Unknown():
            return f"Any: {type.reason}."
        case ListOf():
            return _why_any(type.item)
        case OneOf():
            reasons = [_why_any(each) for each in type.types]
            return next(filter(None, reasons), "")
        case _:
            return ""
