"""Leaves docstrings of modules out of the reference: they are for readers of the code."""

from __future__ import annotations

from typing import Any

from griffe import Extension, Module


class ModulesExtension(Extension):
    """Removes docstrings of modules. The pages of the reference have texts of their own."""

    def on_module(self, *, mod: Module, **_kwargs: Any) -> None:
        """Handle a module whose docstring is known."""
        mod.docstring = None
