"""Leaves the docstrings of modules out of the reference: they are for those who read the code."""

from __future__ import annotations

from typing import Any

from griffe import Extension, Module


class ModulesExtension(Extension):
    """The page that shows the members of a module says itself what they are for."""

    def on_module(self, *, mod: Module, **_kwargs: Any) -> None:
        """Look at a module whose docstring is known."""
        mod.docstring = None
