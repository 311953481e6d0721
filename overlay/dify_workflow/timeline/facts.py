"""Reads a payload field by field, whatever its shape, so that a report shows what is readable."""

from __future__ import annotations

import math
from decimal import Decimal

import attrs

from .._json import JSON, JSONObject, is_object
from ..models.run import price_of


def _object(value: JSON) -> JSONObject:
    return value if is_object(value) else {}


@attrs.frozen
class Facts:
    """A JSON object in which any field may be missing or have the wrong type.

    Args:
        raw: The object; anything else counts as an empty one.
    """

    raw: JSONObject = attrs.field(converter=_object)

    def text(self, name: str) -> str | None:
        """Return a text that is not empty."""
        value: JSON = self.raw.get(name)
        return value if isinstance(value, str) and value else None

    def number(self, name: str) -> float | None:
        """Return a number that can be used to calculate times."""
        value: JSON = self.raw.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number and abs(value) < _MOST and math.isfinite(value) else None

    def count(self, name: str) -> int | None:
        """Return a whole number of 0 or more."""
        value = self.number(name)
        return int(value) if value is not None and value >= 0 else None

    def price(self, name: str) -> Decimal | None:
        """Return a price."""
        return price_of(self.raw.get(name))

    def inside(self, name: str) -> Facts:
        """Return the object in a field."""
        return Facts(self.raw.get(name))

    def values(self, *names: str) -> dict[str, JSON]:
        """Return the fields that are not empty, with their names as headings."""
        found = {name: self.raw.get(name) for name in names}
        return {_heading(name): each for name, each in found.items() if each not in (None, {}, [])}

    def truncated(self, *names: str) -> set[str]:
        """Return the headings of the fields that the server cut."""
        return {_heading(name) for name in names if self.raw.get(f"{name}_truncated") is True}


_MOST = 1e12
"""Times beyond this one, in the year 33,658, are ignored."""


def _heading(name: str) -> str:
    return name.replace("_", " ").capitalize()
