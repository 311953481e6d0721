"""The names of errors of operations in a document. Pure.

openapi.yaml lists them: `x-errors` of an operation, by status, and `x-errors` of the document for
errors of every operation. Dify's document has them in the descriptions of answers, one line each,
with the name in backticks at the start. They are also the `code` of its examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ._contract import Fact, Facts
from ._document import Document, Node

_NAMED = re.compile(r"^\s*(?:[-*]\s*)?`([a-z][a-z0-9_]+)`\s*:", re.MULTILINE)


def facts_of_errors(document: Document, place: str, operation: Node) -> Facts:
    """Yield each error of an operation, by status and name."""
    for status, code, pointer in _errors(document, operation):
        yield f"{place} error {status} {code}", Fact(pointer, {})


def common_errors(document: Document) -> frozenset[str]:
    """Return status and name of the errors that every operation has."""
    listed = document.root.value.get("x-errors", {})
    return frozenset(f"{status} {code}" for status, codes in listed.items() for code in codes)


def _errors(document: Document, operation: Node) -> Iterator[tuple[str, str, str]]:
    for status, codes in operation.value.get("x-errors", {}).items():
        for code in codes:
            yield str(status), code, f"{operation.pointer}/x-errors/{status}"
    for status in operation.value.get("responses", {}):
        answer = document.resolved(operation.child("responses", status))
        if str(status).startswith(("4", "5")):
            for code in sorted(_named(answer)):
                yield str(status), code, answer.pointer


def _named(answer: Node) -> set[str]:
    codes = set(_NAMED.findall(answer.value.get("description", "")))
    for media in answer.value.get("content", {}).values():
        for example in media.get("examples", {}).values():
            value = example.get("value")
            if isinstance(value, dict) and isinstance(value.get("code"), str):
                codes.add(value["code"])
    return codes
