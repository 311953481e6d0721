"""Events of parallel parts, put into a fixed order."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

Event = dict[str, Any]

_AT_ONCE: dict[str, frozenset[str]] = {
    "parallel": frozenset({"p1", "p2"}),
    "iterparallel": frozenset({"inner"}),
}
"""Node ids of what goes on at once, by app."""

_BETWEEN = {"iteration_next", "parallel_branch_started", "parallel_branch_finished"}
"""Events that come between those of the nodes."""


def in_lanes(app: str, events: list[Event]) -> list[Event]:
    """The events of an app, those that go on at once sorted by what came of them.

    Where one node begins only when the other has ended, nothing is sorted: that is an order too.
    """
    node_ids = _AT_ONCE.get(app, frozenset())
    places = [place for place, event in enumerate(events) if _is_inside(event, node_ids)]
    if not places or (app == "parallel" and not _overlaps(events, node_ids)):
        return events
    first, last = places[0], places[-1] + 1
    ends = {event["data"]["id"]: event for event in events if event["event"] == "node_finished"}

    def label(event: Event) -> str:
        data = event["data"]
        if event["event"] == "iteration_next":
            return f"~{data['index']}"
        if event["event"] in _BETWEEN:
            return f"{data['parallel_branch_id']}"
        ended = ends.get(data["id"], event)["data"]
        return f"{data['node_id']} {ended.get('status')} {json.dumps(ended.get('outputs'))}"

    inside = [_unnumbered(event) for event in sorted(events[first:last], key=label)]
    return [*events[:first], *inside, *events[last:]]


def _is_inside(event: Event, node_ids: Collection[str]) -> bool:
    is_of_node = event["event"] in {"node_started", "node_finished"}
    is_between = event["event"] in _BETWEEN and bool(node_ids)
    return is_between or (is_of_node and event["data"]["node_id"] in node_ids)


def _overlaps(events: list[Event], node_ids: Collection[str]) -> bool:
    names = [
        event["event"]
        for event in events
        if event["event"] in {"node_started", "node_finished"}
        and event["data"]["node_id"] in node_ids
    ]
    return names[:2] == ["node_started", "node_started"]


def _unnumbered(event: Event) -> Event:
    """A node's position is a matter of chance as well."""
    if event["event"] not in {"node_started", "node_finished"}:
        return event
    return {**event, "data": {**event["data"], "index": "<any>"}}
