"""Writes the overlay's table of endpoints that old servers lack, from `x-since`. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ._spec import Schema

_METHODS = ("get", "post", "put", "patch", "delete")


def endpoints_module(spec: Schema) -> str:
    """Return the overlay's table: the first version with an endpoint, by method and path."""
    lines = [
        '"""Versions that first had each endpoint that Dify 1.0 lacks (`x-since` in openapi.yaml).',
        "",
        "Written by scripts/generate; change openapi.yaml and run `make generate` instead.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "SINCE: dict[tuple[str, str], str] = {",
        *(
            f"    ({method!r}, {path!r}): {since!r},"
            for method, path, since in _newer_endpoints(spec)
        ),
        "}",
        '"""First version by method, in lower case, and path."""',
        "",
    ]
    return "\n".join(lines)


def _newer_endpoints(spec: Schema) -> Iterator[tuple[str, str, str]]:
    for path, item in spec["paths"].items():
        for method in _METHODS:
            if "x-since" in item.get(method, {}):
                yield method, path, item[method]["x-since"]
