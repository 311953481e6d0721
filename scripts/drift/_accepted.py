"""The known differences, each with the reason why it stays (drift-accepted.yml). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from ._difference import Difference

_KEYS = {"kind", "places", "aspect", "ours", "upstream", "reason", "proof"}


class AcceptedError(Exception):
    """An entry is not valid; the message says which and why."""


@attrs.frozen
class Accepted:
    """A known difference, or several of one kind for one reason.

    Args:
        kind: ``new``, ``gone`` or ``changed``.
        places: The places; ``*`` in one matches any text.
        aspect: The aspect that differs; None for new and gone ones.
        ours: Our value.
        upstream: Upstream's value.
        reason: Why ours stays.
        proof: The proof: recordings (``recordings/1.14.2/info``), or a place in notes.
    """

    kind: str
    places: tuple[str, ...]
    aspect: str | None
    ours: Any
    upstream: Any
    reason: str
    proof: tuple[str, ...]

    def place_of(self, difference: Difference) -> str | None:
        """Return the entry's place for the difference; None if it is another difference."""
        if self.kind != difference.kind or self.aspect != difference.aspect:
            return None
        said = (self.ours, self.upstream) == (difference.ours, difference.upstream)
        if difference.kind == "changed" and not said:
            return None
        return next((place for place in self.places if _matches(place, difference.place)), None)


@attrs.frozen
class Sorted:
    """The differences, and which of them are known.

    Args:
        unexplained: Differences without an entry.
        explained: Known differences, with their entries.
        stale: Entries with a place of theirs that no longer differs.
    """

    unexplained: tuple[Difference, ...]
    explained: tuple[tuple[Difference, Accepted], ...]
    stale: tuple[tuple[Accepted, str], ...]


def read(entries: Any) -> tuple[Accepted, ...]:
    """Return the entries of the file.

    Raises:
        AcceptedError: An entry is not valid.
    """
    return tuple(_entry(number, entry) for number, entry in enumerate(entries or [], start=1))


def _entry(number: int, entry: Any) -> Accepted:
    where = f"entry {number} of the accepted differences"
    if not isinstance(entry, dict):
        raise AcceptedError(f"{where} is not a mapping: {entry!r}")
    if strange := entry.keys() - _KEYS:
        raise AcceptedError(f"{where} has unknown keys: {', '.join(sorted(strange))}")
    if missing := {"kind", "places", "reason", "proof"} - entry.keys():
        raise AcceptedError(f"{where} has no value for: {', '.join(sorted(missing))}")
    return Accepted(
        kind=entry["kind"],
        places=_texts(entry["places"]),
        aspect=entry.get("aspect"),
        ours=entry.get("ours"),
        upstream=entry.get("upstream"),
        reason=entry["reason"],
        proof=_texts(entry["proof"]),
    )


def _texts(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def sort(differences: Sequence[Difference], entries: Sequence[Accepted]) -> Sorted:
    """Set aside what is known. The first entry that fits explains a difference."""
    unexplained: list[Difference] = []
    explained: list[tuple[Difference, Accepted]] = []
    used: set[tuple[int, str]] = set()
    for difference in differences:
        fitting = (
            (index, place)
            for index, entry in enumerate(entries)
            if (place := entry.place_of(difference)) is not None
        )
        first = next(fitting, None)
        if first is None:
            unexplained.append(difference)
        else:
            used.add(first)
            explained.append((difference, entries[first[0]]))
    stale = tuple(
        (entry, place)
        for index, entry in enumerate(entries)
        for place in entry.places
        if (index, place) not in used
    )
    return Sorted(tuple(unexplained), tuple(explained), stale)


def _matches(pattern: str, place: str) -> bool:
    """Whether the place matches. Unlike in `fnmatch`, brackets have no special meaning."""
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), place))
