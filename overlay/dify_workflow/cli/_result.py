"""The old name of `render`, for modules that have not moved yet."""

from .render import plain, show_end

__all__ = ["plain", "show_end"]
