"""The changes between two snapshots, and which of them break users. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from ._snapshot import Snapshot

_REQUESTS = ("Body", "Request")
"""Endings of the names of types that users create themselves, whose fields are parameters."""

_VALUE = re.compile(r"'[^']*'")


@attrs.frozen
class Change:
    """A change of the public API.

    Args:
        place: The public place.
        before: Its old line; None if it is new.
        after: Its new line; None if it was removed.
    """

    place: str
    before: str | None
    after: str | None

    @property
    def is_breaking(self) -> bool:
        """Whether code that ran, or passed a type checker, may fail now."""
        if self.before is None:
            return self._is_demanded
        return self.after is None or not _is_wider(self.before, self.after)

    @property
    def _is_demanded(self) -> bool:
        """Whether callers must pass something new."""
        has_default = " = " in (self.after or "")
        if self.place.endswith(")"):
            is_parameter = not self.place.endswith("()")
            return is_parameter and not has_default and "variadic" not in (self.after or "")
        owner = self.place.rpartition(".")[0]
        return owner.endswith(_REQUESTS) and not has_default and not _is_call(self.after or "")

    @property
    def name(self) -> str:
        """Its name for people: the class and its member, or the function: ``DifyWorkflow.info``."""
        _, *parts = self.place.partition("(")[0].split(".")
        if parts[:1] == ["api"]:
            return parts[2]  # api, tag, operation, function
        classes = [i for i, part in enumerate(parts) if part[:1].isupper()]
        return ".".join(parts[classes[0] :] if classes else parts[-1:])

    @property
    def needs_words(self) -> bool:
        """Whether a release must explain it.

        Additions to the low-level client follow from the events and fields of the facade.
        """
        return self.is_breaking or not self.place.startswith("dify_workflow_api.")

    def __str__(self) -> str:
        if self.before is None:
            return f"new      {self.place}: {self.after}"
        if self.after is None:
            return f"gone     {self.place}: {self.before}"
        return f"changed  {self.place}: {self.before} → {self.after}"


def changes(before: Snapshot, after: Snapshot) -> list[Change]:
    """Return every change. If a whole class is new or gone, return only the class."""
    return [
        Change(place, before.get(place), after.get(place))
        for place in sorted(before.keys() | after.keys())
        if before.get(place) != after.get(place)
        and not any(_differs_in_being(above, before, after) for above in _above(place))
        and not _is_how_it_is_written(place, before, after)
    ]


def _above(place: str) -> Iterator[str]:
    """Return the class or function of a member, parameter or result."""
    yield from (place[: cut.start()] for cut in re.finditer(r"[.(]", place))


def _differs_in_being(place: str, before: Snapshot, after: Snapshot) -> bool:
    return (place in before) != (place in after)


def _is_how_it_is_written(place: str, before: Snapshot, after: Snapshot) -> bool:
    """Whether a class only gained or lost a constructor of its own in place of that of attrs."""
    owner, is_parameter, _ = place.partition("(")
    is_class = before.get(owner, "").startswith("class(") and owner in after
    return (
        is_class and bool(is_parameter) and not (_has_own(owner, before) and _has_own(owner, after))
    )


def _has_own(owner: str, facts: Snapshot) -> bool:
    return any(place.startswith(f"{owner}(") for place in facts)


def _is_call(fact: str) -> bool:
    return fact.endswith("function") or fact.startswith("property")


def _is_wider(before: str, after: str) -> bool:
    """Whether the only changes are values added to a `Literal`."""
    known, now = set(_VALUE.findall(before)), set(_VALUE.findall(after))
    return "Literal[" in before and known < now and _without(before) == _without(after)


def _without(fact: str) -> str:
    """Return the line without its values."""
    return re.sub(r"(@(, )?)+", "@", _VALUE.sub("@", fact))


def report(found: list[Change]) -> str:
    """Format the changes for people: first what breaks, then the rest."""
    if not found:
        return "Nothing has changed for users."
    lines: list[str] = []
    for heading, is_breaking in (("Breaking", True), ("Compatible", False)):
        group = [change for change in found if change.is_breaking == is_breaking]
        if group:
            lines += [f"{heading} ({len(group)})", *(f"  {change}" for change in group), ""]
    return "\n".join(lines).rstrip()
