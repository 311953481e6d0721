"""A payload read field by field, whatever its shape: a report shows what can be read."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation

import attrs

from .._json import JSON, JSONObject, is_object


def _object(value: JSON) -> JSONObject:
    return value if is_object(value) else {}


@attrs.frozen
class Facts:
    """A JSON object of which no field has to be there, or be what the spec says.

    Args:
        raw: The object; anything else counts as an empty one.
    """

    raw: JSONObject = attrs.field(converter=_object)

    def text(self, name: str) -> str | None:
        """A text that is not empty."""
        value: JSON = self.raw.get(name)
        return value if isinstance(value, str) and value else None

    def number(self, name: str) -> float | None:
        """A number that time can be calculated with."""
        value: JSON = self.raw.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number and abs(value) < _MOST and math.isfinite(value) else None

    def count(self, name: str) -> int | None:
        """A whole number, not below zero."""
        value = self.number(name)
        return int(value) if value is not None and value >= 0 else None

    def amount(self, name: str) -> Decimal | None:
        """A decimal number that comes as text."""
        try:
            amount = Decimal(str(self.raw.get(name)))
        except InvalidOperation:
            return None
        return amount if amount.is_finite() else None

    def inside(self, name: str) -> Facts:
        """The object in a field."""
        return Facts(self.raw.get(name))

    def values(self, *names: str) -> dict[str, JSON]:
        """The fields that hold something, by their names as headings."""
        found = {name: self.raw.get(name) for name in names}
        return {_heading(name): each for name, each in found.items() if each not in (None, {}, [])}

    def truncated(self, *names: str) -> set[str]:
        """The headings of the fields that the server cut."""
        return {_heading(name) for name in names if self.raw.get(f"{name}_truncated") is True}


_MOST = 1e12
"""A time beyond this is none: it is the year 33,658."""


def _heading(name: str) -> str:
    return name.replace("_", " ").capitalize()
