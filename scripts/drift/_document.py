"""An OpenAPI document: its source and its references."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import httpx
import yaml
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

Object = Mapping[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")


class DocumentError(Exception):
    """The document cannot be read, or is not valid; the message says why."""


@attrs.frozen
class Node:
    """A part of a document.

    Args:
        value: The value.
        pointer: Its place, as a JSON Pointer (RFC 6901) after a ``#``.
    """

    value: Object
    pointer: str

    def child(self, *keys: str | int) -> Node:
        """Return the part under these keys; an empty one if there is none."""
        value: Any = self.value
        pointer = self.pointer
        for key in keys:
            known = value[key] if isinstance(key, int) else value.get(key)
            value = {} if known is None else known
            pointer += "/" + str(key).replace("~", "~0").replace("/", "~1")
        return Node(value, pointer)


class Document:
    """An OpenAPI document.

    Args:
        contents: The document, decoded.

    Raises:
        DocumentError: It is not an OpenAPI document.
    """

    def __init__(self, contents: Any) -> None:
        if not isinstance(contents, dict) or not {"openapi", "paths"} <= contents.keys():
            raise DocumentError("it is not an OpenAPI document: `openapi` or `paths` is missing")
        self.root = Node(contents, "#")
        resource = Resource.from_contents(contents, default_specification=DRAFT202012)
        self._resolver = Registry().with_resource("", resource).resolver()

    def resolved(self, node: Node) -> Node:
        """Resolve a node, through any number of references.

        Raises:
            DocumentError: The target of a reference is missing, or references form a circle.
        """
        passed: list[str] = []
        while "$ref" in node.value:
            reference = str(node.value["$ref"])
            if reference in passed:
                raise DocumentError(f"{reference} refers to itself")
            passed.append(reference)
            try:
                node = Node(self._resolver.lookup(reference).contents, reference)
            except Unresolvable as error:
                raise DocumentError(f"{node.pointer} refers to {reference}, {error}") from error
        return node


def load(source: str) -> Document:
    """Read the document at a path or URL, in JSON or YAML.

    Raises:
        DocumentError: It cannot be read, or is not an OpenAPI document.
    """
    try:
        if source.startswith(("http://", "https://")):
            answer = httpx.get(source, follow_redirects=True, timeout=60)
            text = answer.raise_for_status().text
        else:
            text = Path(source).read_text(encoding="utf-8")
        return Document(_decoded(text))
    except (OSError, ValueError, httpx.HTTPError, yaml.YAMLError) as error:
        raise DocumentError(f"cannot read {source}: {error}") from error
    except DocumentError as error:
        raise DocumentError(f"{source}: {error}") from error


def _decoded(text: str) -> Any:
    """Read JSON with a JSON parser: with surrogate pairs it is not valid YAML."""
    is_json = text.lstrip().startswith("{")
    return json.loads(text) if is_json else yaml.load(text, Loader=yaml.CSafeLoader)
