"""Makes links of the names in docstrings: `DifyWorkflow.logs` links to its description."""

from __future__ import annotations

import re
from typing import Any

from griffe import Alias, Extension, Module, Object

_NAME = re.compile(r"(?<![`\[])`([A-Z]\w+)(\.[a-z]\w+)?`(?![`\]])")


class LinksExtension(Extension):
    """Knows the exported names of a package; other names stay unchanged."""

    def on_package(self, *, pkg: Module, **_kwargs: Any) -> None:
        """Handle a package whose names are resolved."""
        _link(pkg, pkg, {str(name) for name in pkg.exports or ()})


def _link(obj: Object, pkg: Module, exported: set[str]) -> None:
    def linked(found: re.Match[str]) -> str:
        name, member = found[1], (found[2] or "")
        if name not in exported:
            return found[0]
        described = pkg[name].members.get(member.removeprefix("."))
        is_described = described is not None and described.has_docstring
        return f"[{found[0]}][{pkg.name}.{name}{member if is_described else ''}]"

    if obj.docstring:
        obj.docstring.value = _NAME.sub(linked, obj.docstring.value)
    for member in obj.members.values():
        if not isinstance(member, Alias):
            _link(member, pkg, exported)
