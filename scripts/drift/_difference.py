"""Two contracts, and where they differ. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs

from ._contract import Contract, Fact

Kind = Literal["new", "gone", "changed"]

OPEN = frozenset({"any", "open object"})
"""Types below which a document says nothing, so that nothing there can differ."""


@attrs.frozen
class Difference:
    """One place where upstream says otherwise.

    Args:
        kind: ``new`` where only upstream has the place, ``gone`` where only ours has it.
        place: The place; see `_contract`.
        aspect: What has changed there (``type``, ``required``, …); None for new and gone ones.
        ours: What ours says of it; None where it says nothing.
        upstream: What upstream says of it; None where it says nothing.
        ours_at: JSON Pointer into ours; None where it has no such place.
        upstream_at: JSON Pointer into upstream's; None where it has no such place.
    """

    kind: Kind
    place: str
    aspect: str | None = None
    ours: Any = None
    upstream: Any = None
    ours_at: str | None = None
    upstream_at: str | None = None


def differences(ours: Contract, upstream: Contract) -> list[Difference]:
    """Every difference, of things that are new or gone as a whole only the topmost one."""
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
    """Places that only one contract has, unless it is so because of a place above."""
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
    """Whether a place above is missing there as well, or leaves open what is below it."""
    for above in _above(place):
        if above in here and (above not in there or there[above].facets.get("type") in OPEN):
            return True
    return False


def _above(place: str) -> Iterator[str]:
    """The places that contain a place, from the nearest one on."""
    yield from (place[: cut.start()] for cut in reversed(list(re.finditer(r"[ .]|\[\]", place))))


def _changes(place: str, ours: Fact, upstream: Fact) -> Iterator[Difference]:
    for aspect in dict.fromkeys([*ours.facets, *upstream.facets]):
        one, other = ours.facets.get(aspect), upstream.facets.get(aspect)
        if one != other and not _is_unsaid(aspect, ours, upstream):
            at = {"ours_at": ours.pointer, "upstream_at": upstream.pointer}
            yield Difference("changed", place, aspect, one, other, **at)


def _is_unsaid(aspect: str, ours: Fact, upstream: Fact) -> bool:
    """Whether one of the two says nothing that the other could contradict.

    Nothing is said of null where any JSON is allowed, or where null is how models show what is
    missing; and a list of known values does not say that there are no others.
    """
    if aspect == "values":
        return ours.is_open and aspect not in upstream.facets
    return aspect == "nullable" and not (aspect in ours.facets and aspect in upstream.facets)


def _is_common_error(place: str, common: frozenset[str]) -> bool:
    _, is_error, error = place.partition(" error ")
    return bool(is_error) and error in common
