"""The old name of `console`, for modules that have not moved yet."""

from .console import errors, is_terminal, output

__all__ = ["errors", "is_terminal", "output"]
