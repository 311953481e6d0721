"""The operations of two documents to compare, and their contracts. Pure."""

from __future__ import annotations

import re

from ._contract import (
    Contract,
    Fact,
    common_errors,
    facts_of_errors,
    facts_of_events,
    facts_of_operation,
    operations,
    place_of,
)
from ._document import Document, Node

_APPS = re.compile(r"Available for\W*([^.\n]*?) apps", re.IGNORECASE)
"""How Dify's document names the types of app that have an operation."""


def contracts(ours: Document, upstream: Document) -> tuple[Contract, Contract]:
    """Return the contracts of both, for the operations of workflow apps."""
    own = {place_of(name) for name, _ in operations(ours)}
    tags = {
        tag
        for name, node in operations(upstream)
        if place_of(name) in own
        for tag in node.value.get("tags", ())
    }
    return _contract(ours, own, tags), _contract(upstream, own, tags)


def _contract(document: Document, known: set[str], tags: set[str]) -> Contract:
    facts: dict[str, Fact] = {}
    for name, node in operations(document):
        place = place_of(name)
        if place in known or _is_for_workflows(node, tags):
            facts.update(facts_of_operation(document, name, node))
            facts.update(facts_of_errors(document, place, node))
            facts[place] = Fact(node.pointer, {"apps": _apps(node)})
    facts.update(facts_of_events(document))
    return Contract(facts, common_errors(document))


def _is_for_workflows(node: Node, tags: set[str]) -> bool:
    """Whether a workflow app can call an operation that openapi.yaml lacks.

    If the document does not say so, operations count that share a tag with known ones.
    """
    if _APPS.search(node.value.get("description", "")):
        return _apps(node) == "workflow"
    return not tags.isdisjoint(node.value.get("tags", ()))


def _apps(node: Node) -> str:
    named = _APPS.search(node.value.get("description", ""))
    return "workflow" if named is None or "workflow" in named[1].lower() else "others"
