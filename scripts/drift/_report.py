"""The differences, for people and for programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

import attrs

from ._accepted import Sorted
from ._difference import Difference, Kind

_HEADINGS: dict[Kind, str] = {
    "new": "New upstream",
    "gone": "Gone upstream",
    "changed": "Changed upstream",
}


def for_people(found: Sorted) -> str:
    """Format new, gone and changed places as a text, with the path in both documents."""
    lines: list[str] = []
    for kind, heading in _HEADINGS.items():
        group = [each for each in found.unexplained if each.kind == kind]
        if group:
            lines += [
                "",
                f"{heading} ({len(group)})",
                *(line for each in group for line in _lines(each)),
            ]
    if found.stale:
        lines += ["", f"Accepted, but no longer different ({len(found.stale)})"]
        lines += [f"  {entry.kind} {place}: {entry.reason}" for entry, place in found.stale]
    lines += ["", _summary(found)]
    return "\n".join(lines).lstrip()


def _lines(difference: Difference) -> Iterator[str]:
    kind = difference.upstream if difference.kind == "new" else difference.ours
    if difference.kind == "changed":
        change = f"{_shown(difference.ours)} → {_shown(difference.upstream)}"
        yield f"  {difference.place}: {difference.aspect} {change}"
    else:
        yield f"  {difference.place}" + (f" ({kind})" if kind else "")
    if difference.ours_at:
        yield f"      ours      {difference.ours_at}"
    if difference.upstream_at:
        yield f"      upstream  {difference.upstream_at}"


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def _summary(found: Sorted) -> str:
    if not found.unexplained and not found.stale:
        return f"No drift: {len(found.explained)} differences, all of them accepted."
    return (
        f"{len(found.unexplained)} unexplained differences, {len(found.stale)} accepted ones that "
        f"no longer apply; {len(found.explained)} are accepted. Change openapi.yaml and "
        "regenerate, or explain in drift-accepted.yml why ours stays."
    )


def for_programs(found: Sorted) -> str:
    """Return the same as JSON."""
    report = {
        "unexplained": [attrs.asdict(each) for each in found.unexplained],
        "accepted": [
            {**attrs.asdict(difference), "reason": entry.reason, "proof": entry.proof}
            for difference, entry in found.explained
        ],
        "stale": [
            {"kind": entry.kind, "place": place, "aspect": entry.aspect, "reason": entry.reason}
            for entry, place in found.stale
        ],
    }
    return json.dumps(report, indent=2, ensure_ascii=False)
