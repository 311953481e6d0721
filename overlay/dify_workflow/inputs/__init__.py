"""What an app takes: its inputs, the rules for them, and what they are sent as."""

from .fields import Field, fields_of_app, fields_of_form, file_at
from .rules import problems, undeclared
from .wire import as_planned

__all__ = [
    "Field",
    "as_planned",
    "fields_of_app",
    "fields_of_form",
    "file_at",
    "problems",
    "undeclared",
]
