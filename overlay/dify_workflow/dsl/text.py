"""Read DSL text as plain values. It is not trusted: its size, depth and aliases are limited."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from .._extras import needs
from .._json import is_object
from ..errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

_TAGS = re.compile("^%TAG", re.MULTILINE)
"""Directives for tags: thousands of them take minutes to read, and exports do not have any."""

_ANSWER = re.compile(r'\s*\{\s*"data"\s*:')
"""The beginning of the JSON in which Dify's console API sends an export."""

MAX_BYTES = 5 * 1024 * 1024
"""Maximum size of a file in bytes."""

MAX_DEPTH = 100
"""Maximum number of nested lists and mappings."""

MAX_DIGITS = 100
"""Maximum number of digits: long numbers take minutes to read, and Python cannot write them."""

MAX_VALUES = 1_000_000
"""Maximum number of values; an alias counts as many values as its target has."""


class DSLError(InvalidRequestError):
    """A file is not an app that was exported as DSL, or not a workflow that the API can run."""


def read_text(path: Path) -> str:
    """The text of a file; of a stored answer of the console API, the export in it.

    Raises:
        DSLError: It cannot be read, is too large, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DSLError(f"{path} cannot be read: {error.strerror or error}.") from None
    if len(data) > MAX_BYTES:
        raise DSLError(f"{path} is larger than {MAX_BYTES // 1024**2} MB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DSLError(f"{path} is not UTF-8 text.") from None
    if _ANSWER.match(text):
        with suppress(orjson.JSONDecodeError):
            answer = orjson.loads(text)
            if is_object(answer) and isinstance(export := answer.get("data"), str):
                return export
    return text


def load(text: str, name: str) -> Any:
    """Read a YAML text.

    Args:
        text: The text.
        name: Name of the text in error messages, such as the file's name.

    Raises:
        DSLError: It is not YAML, or is nested too deeply, or has too many values.
        ImportError: PyYAML is not installed.
    """
    with needs("DSL files are YAML, which needs", "types", "yaml"):
        import yaml  # noqa: PLC0415  # an extra
    if _TAGS.search(text):
        raise DSLError(f"{name} has YAML tags of its own.")
    safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same language; C is faster
    loader: Any = type("Loader", (safe,), {})
    loader.add_constructor("tag:yaml.org,2002:int", _integer)
    try:
        _check(yaml.parse(text, Loader=loader), name)
        return yaml.load(text, Loader=loader)  # noqa: S506  # a safe loader
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        if isinstance(error, DSLError):
            raise
        place = getattr(error, "problem_mark", None)
        where = "" if place is None else f" (line {place.line + 1})"
        raise DSLError(f"{name} is not valid YAML{where}.") from None


def _integer(loader: Any, node: Any) -> int:
    """Read a whole number; this replaces PyYAML's constructor."""
    if len(node.value) > MAX_DIGITS:
        raise ValueError
    number: int = loader.construct_yaml_int(node)
    return number


def _check(events: Iterable[Any], name: str) -> None:
    """Refuse text with too many values or levels.

    Args:
        events: The events of PyYAML's parser.
        name: Name of the text in error messages.

    Raises:
        DSLError: It has too many levels or values.
    """
    sizes: dict[str, int] = {}  # number of values by anchor
    unfinished: list[tuple[str | None, int]] = []  # anchor, and the count at its start
    count = 0
    for event in events:
        kind = type(event).__name__
        if kind == "AliasEvent":
            if event.anchor not in sizes:
                raise DSLError(f"{name} has an alias that contains itself or has no target.")
            count += sizes[event.anchor]
        elif kind == "ScalarEvent" or kind.endswith("StartEvent"):
            unfinished.append((getattr(event, "anchor", None), count))
            count += 1
        if kind == "ScalarEvent" or kind.endswith("EndEvent"):
            anchor, start = unfinished.pop()
            if anchor:
                sizes[anchor] = count - start
        if len(unfinished) > MAX_DEPTH:
            raise DSLError(f"{name} is nested more than {MAX_DEPTH} levels deep.")
        if count > MAX_VALUES:
            raise DSLError(f"{name} has more than {MAX_VALUES:,} values.")
