"""Checks of what tests give to the emulator, so that a mistake is an error at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[Any, Any, Any], None]
"""A validator of attrs: takes the object, the attribute and its value."""

_REQUESTS = re.compile(r"([A-Z]+( (/(?!v1/).*)?)?)?")
_HEADER = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


def check_number(
    name: str, value: Any, least: float = 0, most: float = math.inf, *, is_whole: bool = False
) -> None:
    """Check a number.

    Raises:
        TypeError: It is not a number, or not a whole one.
        ValueError: It is less than `least`, more than `most`, or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, int if is_whole else int | float):
        kind = "a whole number" if is_whole else "a number"
        raise TypeError(f"{name} must be {kind}, not {value!r}.")
    if not least <= value <= most:
        bounds = f"at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"{name} must be {bounds}, not {value!r}.")


def check_type(name: str, value: Any, kind: type) -> None:
    """Check the type of a value.

    Raises:
        TypeError: It is of another type.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {kind.__name__}, not {value!r}.")


def check_choice(name: str, value: Any, choices: Collection[Any]) -> None:
    """Check that a value is one of these.

    Raises:
        ValueError: It is another value.
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}.")


def check_requests(name: str, value: Any) -> None:
    """Check the start of method and path of requests.

    Raises:
        TypeError: It is not text.
        ValueError: No request begins so.
    """
    check_type(name, value, str)
    if not _REQUESTS.fullmatch(value):
        raise ValueError(
            f"{name} must begin like a request without the base URL's path, such as "
            f"'POST /workflows/run', not {value!r}."
        )


def check_header(name: str, value: Any) -> None:
    """Check the name or value of a header.

    Raises:
        TypeError: It is not text.
        ValueError: It cannot be sent.
    """
    check_type(name, value, str)
    if not _HEADER.fullmatch(value):
        raise ValueError(f"{name} cannot be sent in a header: {value!r}.")


def number(least: float = 0, most: float = math.inf, *, is_whole: bool = False) -> Check:
    """`check_number` as a validator of attrs."""
    return lambda _, attribute, value: check_number(
        attribute.name, value, least, most, is_whole=is_whole
    )


def is_a(kind: type) -> Check:
    """`check_type` as a validator of attrs."""
    return lambda _, attribute, value: check_type(attribute.name, value, kind)
