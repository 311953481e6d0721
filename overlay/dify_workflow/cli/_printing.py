"""The old name of `console` and `render`, for modules that have not moved yet."""

from .console import print_json_line
from .render import by_name

__all__ = ["by_name", "print_json_line"]
