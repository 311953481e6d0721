"""What an app takes: its inputs, the rules for them, and what they are sent as."""

from .fields import Field, fields_of_app, fields_of_form, file_at
from .rules import problems, undeclared
from .wire import planned_inputs

__all__ = [
    "Field",
    "fields_of_app",
    "fields_of_form",
    "file_at",
    "planned_inputs",
    "problems",
    "undeclared",
]
