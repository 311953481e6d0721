"""The differences between two contracts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs

from ._contract import Contract, Fact

Kind = Literal["new", "gone", "changed"]

OPEN = frozenset({"any", "open object"})
"""Types below which a document has no facts, so that nothing can differ."""


@attrs.frozen
class Difference:
    """A place where upstream differs.

    Args:
        kind: ``new`` if only upstream has the place, ``gone`` if only ours has it.
        place: The place; see `_contract`.
        aspect: What differs (``type``, ``required``, …); None for new and gone ones.
        ours: Our value; None if there is none.
        upstream: Upstream's value; None if there is none.
        ours_at: JSON Pointer into ours; None if it has no such place.
        upstream_at: JSON Pointer into upstream's; None if it has no such place.
    """

    kind: Kind
    place: str
    aspect: str | None = None
    ours: Any = None
    upstream: Any = None
    ours_at: str | None = None
    upstream_at: str | None = None


def differences(ours: Contract, upstream: Contract) -> list[Difference]:
    """Yield every difference. If a whole part is new or gone, yield only its top."""
    found = [
        *_absent("new", upstream.facts, ours.facts),
        *_absent("gone", ours.facts, upstream.facts),
        *(
            difference
            for place, fact in ours.facts.items()
            if place in upstream.facts
            for difference in _changes(place, fact, upstream.facts[place])
        ),
    ]
    return [each for each in found if not _is_common_error(each.place, ours.common)]


def _absent(
    kind: Kind, here: Mapping[str, Fact], there: Mapping[str, Fact]
) -> Iterator[Difference]:
    """Yield places that only one contract has, unless a place above explains it."""
    for place, fact in here.items():
        if place in there or _is_covered(place, here, there):
            continue
        if kind == "new":
            yield Difference(
                kind, place, upstream=fact.facets.get("type"), upstream_at=fact.pointer
            )
        else:
            yield Difference(kind, place, ours=fact.facets.get("type"), ours_at=fact.pointer)


def _is_covered(place: str, here: Mapping[str, Fact], there: Mapping[str, Fact]) -> bool:
    """Whether a place above is missing too, or leaves open what is below it."""
    for above in _above(place):
        if above in here and (above not in there or there[above].facets.get("type") in OPEN):
            return True
    return False


def _above(place: str) -> Iterator[str]:
    """Yield the places that contain a place, from the nearest on."""
    yield from (place[: cut.start()] for cut in reversed(list(re.finditer(r"[ .]|\[\]", place))))


def _changes(place: str, ours: Fact, upstream: Fact) -> Iterator[Difference]:
    for aspect in dict.fromkeys([*ours.facets, *upstream.facets]):
        one, other = ours.facets.get(aspect), upstream.facets.get(aspect)
        if one != other and not _is_unsaid(aspect, ours, upstream):
            at = {"ours_at": ours.pointer, "upstream_at": upstream.pointer}
            yield Difference("changed", place, aspect, one, other, **at)


def _is_unsaid(aspect: str, ours: Fact, upstream: Fact) -> bool:
    """Whether one of the two has no value that the other could contradict.

    If any JSON is allowed, null is not excluded. The same is true if models use null for a missing
    key. A list of known values does not exclude others.
    """
    if aspect == "values":
        return ours.is_open and aspect not in upstream.facets
    return aspect == "nullable" and not (aspect in ours.facets and aspect in upstream.facets)


def _is_common_error(place: str, common: frozenset[str]) -> bool:
    _, is_error, error = place.partition(" error ")
    return bool(is_error) and error in common
